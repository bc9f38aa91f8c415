//! Tests with folders that are full or removed while cases run: the folders of temporary files, of the
//! evidence and of the server.

use nix::unistd::Uid;
use rstest::rstest;

use crate::check::project::Project;
use crate::run::{Output, Spanproof};

/// Creates a project with two cases, whose service runs a script before it is ready. In the script, `$DIR` is
/// the folder of the case, and `$TEMPORARY` that of temporary files.
fn project(script: &str) -> Project {
    let project = Project::new("accepts-no-job");
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    let script = format!("{script}; echo ready; exec sleep 60");
    let env = format!("DIR = \"{{dir}}\", TEMPORARY = \"{}/tmp\"", project.path().display());
    let words = format!("command = [\"/bin/sh\", \"-c\", {script:?}]\nenv = {{ {env} }}");
    project.edit(command, &words);
    project.append("[[flag]]\nname = \"MODE\"\nvalues = [\"a\", \"b\"]\ndefault = \"a\"");
    std::fs::create_dir(project.path().join("tmp")).unwrap();
    project
}

/// Runs `check` with a `TMPDIR` of its own. If `is_small`, this folder has only 400 KB. That needs a mount,
/// so the function returns `None` if the user is not root.
fn check(project: &Project, is_small: bool, options: &str) -> Option<Output> {
    let mount = "mount -t tmpfs -o size=400k tmpfs \"$PWD/tmp\" && ";
    if is_small && !Uid::effective().is_root() {
        return None;
    }
    let mount = if is_small { mount } else { "" };
    let check =
        format!("TMPDIR=\"$PWD/tmp\" spanproof check --no-faults --no-probe -j 1 {options}");
    let script = format!("exec unshare --mount sh -c '{mount}{check}'");
    let script = if is_small { script } else { check };
    Some(Spanproof::shell(project.path(), &script).output())
}

/// Without the lost files, the cases would fail, because the service has no HTTP interface. A broken case
/// gets no verdict.
#[rstest]
#[case::of_the_case("rm -rf \"$DIR\"", false, "of the case was removed while the case ran")]
#[case::everything("rm -rf \"$TEMPORARY\"/*", false, "was removed while this process ran")]
#[case::full(
    "head -c 1000000 /dev/zero > \"$TEMPORARY/x\"",
    true,
    "is full, and the case has its folder there"
)]
fn temporary_files_that_are_lost_break_the_case(
    #[case] script: &str,
    #[case] is_small: bool,
    #[case] expected: &str,
) {
    let project = project(script);
    let Some(Output { code, stdout, stderr }) = check(&project, is_small, "") else { return };
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains(expected), "{stdout}{stderr}");
    assert!(!stdout.contains("FAIL") && !stderr.contains("panicked"), "{stdout}{stderr}");
}

/// The evidence is in the small folder. The verdicts must be printed.
#[test]
fn evidence_on_a_full_disk_loses_no_verdict() {
    let project = project("head -c 1000000 /dev/zero > \"$TEMPORARY/x\"");
    // Without a folder of the case, the full disk concerns only the evidence.
    project.edit("DIR = \"{dir}\", ", "");
    let Some(output) = check(&project, true, "--evidence tmp/run") else { return };
    let Output { code, stdout, stderr } = output;
    assert_eq!(code, 3, "{stdout}{stderr}");
    for expected in [
        "the verdicts are complete, but not all evidence could be written",
        "No space left on device",
        "2 failed",
    ] {
        assert!(stdout.contains(expected), "{expected}: {stdout}{stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// For example, a program that cleans up temporary files removes the files of the running server.
#[test]
fn a_server_whose_files_are_removed_breaks_the_case() {
    let project = project("rm -rf \"$SOCKET/data/base\"");
    project.edit("DIR = ", "SOCKET = \"{database.host}\", DIR = ");
    let Some(Output { code, stdout, stderr }) = check(&project, false, "") else { return };
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains("BROKEN"), "{stdout}{stderr}");
    assert!(!stdout.contains("FAIL") && !stderr.contains("panicked"), "{stdout}{stderr}");
}
