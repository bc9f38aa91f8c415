//! Tests of faults that a spec does not declare: `check` adds cases with such faults, and a failure of one
//! of these cases is a notice: it is shown, and the run still passes.

use crate::run::{self, Output};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A spec without `[[fault]]`. All of its cases pass.
const MAILER: &str = "fixtures/mailer/spanproof.toml";
/// A spec without `[[fault]]`. All of its cases fail.
const INCIDENT: &str = "fixtures/incidents/zero-spans/spanproof.toml";

/// Runs a command in the repository.
fn run(args: &[&str]) -> Output {
    run::run(REPOSITORY, args)
}

#[test]
fn a_failure_under_an_undeclared_fault_is_a_notice_and_the_run_passes() {
    let evidence = tempfile::tempdir().unwrap();
    let folder = evidence.path().to_str().unwrap();
    let checked = run(&["check", "--config", MAILER, "--evidence", folder]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let judged_again = run(&["report", "--config", MAILER, folder]);
    for output in [checked, judged_again] {
        for part in [
            "fault read-only\n",
            "NOTICE process-crashed: TRACING=1, route row, upstream smtp, fault read-only\n",
            "    notice:   not a failure, because the spec declares no such `[[fault]]`",
            "not tried: fault insert-revoked, table-missing,",
            "not tried: more than 5 jobs without a restart of the service\n",
            "8 passed, 0 failed, 2 notices: 10 cases, 20 units, 8 spans,",
        ] {
            assert!(output.stdout.contains(part), "expected {part}\nfound {output:?}");
        }
    }
}

#[test]
fn with_the_option_no_faults_only_the_cases_of_the_spec_run() {
    let evidence = tempfile::tempdir().unwrap();
    let folder = evidence.path().to_str().unwrap();
    let output = run(&["check", "--config", MAILER, "--no-faults", "--evidence", folder]);
    assert_eq!(output.code, 0, "{output:?}");
    for part in [
        "6 passed, 0 failed: 6 cases, 12 units",
        "not tried: fault insert-revoked, table-missing, column-missing, read-only,",
        "not tried: a second job without a restart of the service\n",
    ] {
        assert!(output.stdout.contains(part), "expected {part}\nfound {output:?}");
    }
}

#[test]
fn a_case_that_fails_is_not_run_under_undeclared_faults() {
    let evidence = tempfile::tempdir().unwrap();
    let folder = evidence.path().to_str().unwrap();
    let args = ["check", "--config", INCIDENT, "--format", "json", "--evidence", folder];
    let output = run(&args);
    assert_eq!(output.code, 1, "{output:?}");
    let json = output.json();
    assert_eq!(
        (json["cases"].as_array().unwrap().len(), &json["summary"]["not_run"]),
        (4, &0.into())
    );
    let why = "fault killed-at-exit, because case a5f2c1df does not pass without it";
    assert!(json["not_tried"].as_array().unwrap().contains(&why.into()), "{json}");
}
