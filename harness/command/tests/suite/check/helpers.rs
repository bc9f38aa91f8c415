//! Tests of helpers. A helper is a process that the service needs and that is not under test. Each
//! case has its own helper, or all cases share one. The output of a helper is in findings and
//! evidence.

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

/// A helper that writes to the file `journal` when it is started and stopped.
const HELPER: &str = r#"[[process]]
name = "queue"
helper = true
command = ["/bin/sh", "-c", """
trap 'echo stopped >> journal; exit' TERM
echo started >> journal
echo "queue on {port:queue}"
while :; do sleep 0.02; done
"""]
ready = { line = "^queue on [0-9]+$" }
"#;

/// Creates a project with two cases and [`HELPER`]. `more` is appended to the helper's section. Both
/// cases fail if the service is `accepts-no-job`, so `check` exits with 1.
fn project(service: &str, more: &str) -> Project {
    let project = Project::new(service);
    project.edit("[[route]]", &format!("{HELPER}{more}\n[[route]]"));
    project.append("[[flag]]\nname = \"A\"\nvalues = [\"1\", \"2\"]");
    project
}

fn journal(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.path().join("journal")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_case_has_its_own_helper() {
    let project = project("accepts-no-job", "");
    let Output { code, stdout, .. } = project.run(&["check", "--jobs", "1"]);
    assert_eq!(code, 1, "{stdout}");
    assert_eq!(journal(&project), ["started", "stopped", "started", "stopped"]);
}

#[test]
fn all_cases_share_a_helper() {
    let project = project("accepts-no-job", "shared = true");
    let Output { code, stdout, .. } = project.run(&["check"]);
    assert_eq!(code, 1, "{stdout}");
    assert_eq!(journal(&project), ["started", "stopped"]);
}

#[test]
fn a_finding_and_the_evidence_have_the_output_of_a_helper() {
    let project = project("accepts-no-job", "");
    let Output { stdout, .. } = project.run(&["check", "--evidence", "evidence"]);
    assert!(stdout.contains("stdout:1 (queue)  queue on "), "{stdout}");
    let folders = std::fs::read_dir(project.path().join("evidence")).unwrap().flatten();
    let logs = folders.map(|entry| entry.path().join("helper-queue-stdout.log"));
    let logs: Vec<_> = logs.filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    assert_eq!(logs.len(), 2, "{stdout}");
    assert!(logs.iter().all(|log| log.starts_with("queue on ")), "{logs:?}");
}

#[test]
fn a_shared_helper_that_dies_breaks_the_case() {
    let project = project("accepts-no-job", "shared = true");
    // The folder of the evidence is created when all helpers are ready.
    let dies = "until [ -d evidence ]; do sleep 0.02; done; echo 'out of memory'; exit 3";
    project.edit("while :; do sleep 0.02; done", dies);
    let Output { code, stdout, .. } = project.run(&["check", "--evidence", "evidence"]);
    assert_eq!(code, 3, "{stdout}");
    let proof = "the helper `queue` exited while the case ran";
    assert!(stdout.contains(proof) && stdout.contains("out of memory"), "{stdout}");
}

/// The secret is the value of a variable of the helper, and does not look like a secret.
#[rstest]
#[case::one_per_case("", "check")]
#[case::shared("shared = true", "check")]
#[case::proof("", "check --prove")]
fn the_report_of_a_helper_that_dies_shows_no_secret(#[case] more: &str, #[case] command: &str) {
    let more = format!("env = {{ QUEUE_PASSWORD = \"blue harbour\" }}\n{more}");
    let project = project("accepts-no-job", &more);
    project.edit("while :;", "echo \"log in as blue harbour\"; exit 3; while :;");
    project.edit("ready = { line = \"^queue on [0-9]+$\" }", "ready = { line = \"^never$\" }");
    let args: Vec<&str> = command.split(' ').collect();
    let Output { code, stdout, stderr } = project.run(&args);
    assert_eq!(code, 3, "{stdout}{stderr}");
    let text = format!("{stdout}{stderr}");
    assert!(text.contains("log in as ***") && !text.contains("blue harbour"), "{text}");
}
