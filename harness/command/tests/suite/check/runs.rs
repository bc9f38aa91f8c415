//! Tests of whole runs. If the service fails only with one value of a flag, the run reports findings.
//! A run that stopped early is never reported as complete.

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

/// Creates a project with ten cases: five routes (ways to submit a job), each with tracing on and
/// off. If tracing is on, the service exits or hangs, depending on `mode`: `exits` or `hangs`.
fn failing_when_on(mode: &str) -> Project {
    let project = Project::new("fails-when-on");
    project.append("[[flag]]\nname = \"TRACE\"\ntracing = true\nvalues = [\"true\", \"false\"]");
    project.append(&format!("[[flag]]\nname = \"MODE\"\nvalues = [\"{mode}\"]"));
    for route in ["b", "c", "d", "e"] {
        project.append(&format!("[[route]]\nname = \"{route}\"\npath = \"/{route}\""));
    }
    project
}

#[rstest]
#[case::exits("exits", "process-crashed", "stderr:1  no table of spans", "4")]
#[case::exits_without_parallel_cases(
    "exits",
    "process-crashed",
    "stderr:1  no table of spans",
    "1"
)]
#[case::hangs("hangs", "never-ready", "the service did not become ready", "4")]
fn only_cases_with_the_failing_value_fail(
    #[case] mode: &str,
    #[case] finding: &str,
    #[case] evidence: &str,
    #[case] workers: &str,
) {
    let Output { code, stdout, stderr } = failing_when_on(mode).run(&["check", "-j", workers]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert_eq!(stdout.matches(&format!("FAIL {finding}\n")).count(), 5, "{stdout}");
    assert!(stdout.contains(evidence), "{stdout}");
    assert!(!stdout.contains("not run"), "{stdout}");
}

#[test]
fn nothing_is_built_if_the_spec_has_no_build_command() {
    let Output { stderr, .. } = Project::new("accepts-no-job").run(&["check"]);
    assert!(!stderr.contains("building"), "{stderr}");
}

#[test]
fn check_creates_a_gitignore_but_never_overwrites_one() {
    let project = Project::new("accepts-no-job");
    project.run(&["check"]);
    let file = project.path().join(".spanproof/.gitignore");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "*\n");
    std::fs::write(&file, "mine\n").unwrap();
    project.run(&["check"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine\n");
}

#[test]
fn report_names_the_missing_spec() {
    let project = Project::new("accepts-no-job");
    let Output { code, stderr, .. } = project.run(&["report", "--config", "nowhere.toml"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("no spec file `nowhere.toml`"), "{stderr}");
}

#[test]
fn a_run_stops_early_if_the_service_is_never_ready() {
    let project = Project::new("exits-at-once");
    let values: Vec<_> = (0..40).map(|number| format!("\"{number}\"")).collect();
    project.append(&format!("[[flag]]\nname = \"N\"\nvalues = [{}]", values.join(", ")));
    let Output { code, stdout, .. } = project.run(&["check", "-j", "2"]);
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains("the service became ready in none of the first"), "{stdout}");
    assert!(stdout.contains("the service ended before it was ready, with exit code 7"));
    let Output { code, stdout, .. } = project.run(&["report"]);
    assert_eq!(code, 3, "{stdout}");
    assert!(stdout.contains(" not run: "), "{stdout}");
}

#[test]
fn report_shows_why_cases_without_evidence_are_broken() {
    let project = Project::new("accepts-no-job");
    project.write("seed.sql", "insert into nowhere values (1)");
    project.append("[database]\nseed = [\"seed.sql\"]");
    for command in ["check", "report"] {
        let Output { code, stdout, stderr } = project.run(&[command]);
        assert_eq!(code, 3, "{command}: {stdout}{stderr}");
        let cause = "relation \"nowhere\" does not exist";
        assert!(stdout.contains(cause), "{command}: {stdout}");
    }
}

#[test]
fn a_run_that_fails_before_its_first_case_removes_no_older_evidence() {
    let project = Project::new("accepts-no-job");
    assert_eq!(project.run(&["check"]).code, 1);
    project.write("migrations/0002_broken.up.sql", "create tabel a ();");
    for _ in 0..6 {
        assert_eq!(project.run(&["check"]).code, 3);
    }
    assert_eq!(project.run(&["report"]).code, 1, "the exit code of the first run");
}

#[test]
fn the_command_that_repeats_a_case_has_the_option_binary() {
    let project = Project::new("accepts-no-job");
    let binary = project.path().join("other.sh");
    project.write("other.sh", "#!/bin/sh\nexit 4\n");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&binary, executable).unwrap();
    let Output { stdout, .. } = project.run(&["check", "--binary", "other.sh"]);
    assert!(stdout.contains("check --binary other.sh --case "), "{stdout}");
}
