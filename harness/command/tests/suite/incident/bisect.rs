//! Tests that `git bisect run` with `replay --bisect` finds the commit from which on no spans are recorded.

use std::path::Path;

use crate::folder;
use crate::run::{Output, Spanproof, program, run};

/// The folder of the Python service.
const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/python-runner");
/// The number of commits in the history.
const COMMITS: usize = 9;
/// The number of the commit whose service does not start.
const BROKEN: usize = 5;
/// The number of the first commit whose service records no spans.
const NOT_RECORDING: usize = 7;

/// Runs git in a folder, and returns its output. Asserts that git succeeds.
fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = program("git");
    command
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@localhost"])
        .args(args);
    let output = command.output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "git {args:?}: {text}");
    text
}

/// Creates a git repository with [`COMMITS`] versions of the service, and returns the hashes of the
/// commits.
fn history(folder: &Path) -> Vec<String> {
    folder::copy(Path::new(SERVICE), folder);
    git(folder, &["init", "-q", "-b", "main"]);
    let service = folder.join("runner.py");
    let healthy = std::fs::read_to_string(&service).unwrap();
    let switch = "self.recording = ";
    assert!(healthy.contains(switch), "`{switch}` is not in the service");
    let mut commits = Vec::new();
    for number in 1..=COMMITS {
        let not_recording = healthy.replace(switch, "self.recording = False and ");
        let mut text = if number >= NOT_RECORDING { not_recording } else { healthy.clone() };
        if number == BROKEN {
            text = text.replace("import queue\n", "import queue\nimport a_missing_module\n");
        }
        std::fs::write(&service, format!("{text}\n# {number}\n")).unwrap();
        git(folder, &["add", "-A"]);
        git(folder, &["commit", "-q", "-m", &format!("commit {number}")]);
        commits.push(git(folder, &["rev-parse", "HEAD"]).trim().to_owned());
    }
    commits
}

#[test]
fn bisect_finds_the_commit_that_stopped_recording() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("service");
    let commits = history(&repository);
    let cases =
        ["--filter", "TRACING=ON", "--filter", "route=later", "--filter", "upstream=answers"];
    let Output { stdout, stderr, .. } =
        run(&repository, &[&["check", "--no-probe", "--evidence", "../run"], &cases[..]].concat());
    let failed = stdout.lines().find(|line| line.contains("  FAIL "));
    let id = failed.and_then(|line| line.split(' ').next()).unwrap_or_default();
    assert!(!id.is_empty(), "{stdout}{stderr}");
    let args = ["capture", "--case", id, "--run", "../run", "-o", "../dark.jsonl"];
    let Output { code, stdout, stderr } = run(&repository, &args);
    assert_eq!(code, 0, "{stdout}{stderr}");
    git(&repository, &["bisect", "start", &commits[COMMITS - 1], &commits[0]]);
    let script = "git bisect run spanproof replay ../dark.jsonl --bisect";
    let Output { stdout, stderr, .. } = Spanproof::shell(&repository, script).output();
    let found = format!("{} is the first bad commit", commits[NOT_RECORDING - 1]);
    assert!(stdout.contains(&found), "{stdout}{stderr}");
}
