//! Tests that specs, stored runs and incident files of earlier versions give the same results. No
//! service is started.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::comparison::compare;
use super::{fixture, fixtures, run};
use crate::folder::{copy, names};
use crate::run::{MIGRATIONS, Spanproof};

/// JSON pointers to values of a report that may differ: messages, because their wording is not part of
/// the format; the path of the evidence; and what a later version adds, because it compares more and
/// shows more evidence. Another test checks that no evidence is lost.
const VARYING: [&str; 9] = [
    // `report` of version 0.1.0 did not compare the stored cases.
    "/failures/*/counterfactuals",
    "/cases/*/assertions",
    "/cases/*/verdict/fail/*/evidence",
    "/cases/*/verdict/fail/*/data",
    "/summary/assertions",
    "/cases/*/verdict/fail/*/message",
    "/cases/*/verdict/known",
    "/cases/*/verdict/broken",
    "/cases/*/evidence",
];

#[rstest]
#[case::service_built_by_cargo("spanproof")]
#[case::service_as_a_command("command")]
#[case::required_keys_only("minimal")]
fn a_spec_has_the_same_plan(#[case] name: &str) {
    let project = tempfile::tempdir().unwrap();
    let folder = project.path().join("fixtures/format-1/spec");
    copy(&fixtures().join("spec"), &folder);
    // The migrations and programs that the specs name.
    copy(Path::new(MIGRATIONS), &project.path().join("migrations"));
    copy(Path::new(MIGRATIONS), &folder.join("migrations"));
    for program in ["worker", "make", "cargo"] {
        std::fs::write(folder.join(program), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(folder.join(program), Permissions::from_mode(0o755)).unwrap();
    }
    // Version 0.1.0 added no cases to those of the spec.
    let args = ["plan", "--no-faults", "--config", &format!("{name}.toml")];
    let output = Spanproof::new(&folder, &args).env("PATH", &folder).output();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.lines().all(|line| line.starts_with("warning: ")), "{output:?}");
    assert_eq!(
        without_expectations(&output.stdout),
        without_expectations(&fixture(&format!("spec/{name}.plan.txt")))
    );
}

/// Removes the last column of a plan, whose wording is not part of the format, and the line about what
/// may run after failures, which version 0.1.0 did not print.
fn without_expectations(plan: &str) -> Vec<String> {
    let width = plan.find("expected").unwrap();
    let lines = plan.lines().filter(|line| !line.starts_with("after failures: "));
    lines.map(|line| line.chars().take(width).collect()).collect()
}

/// Runs `report` on a stored run and returns its document and exit code.
fn report(folder: &str) -> (Json, i32) {
    let args = ["report", folder, "--config", "spec/spanproof.toml", "--format", "json"];
    let output = run(&args);
    (output.json(), output.code)
}

#[test]
fn a_stored_run_has_the_same_verdicts() {
    let frozen = serde_json::from_str(&fixture("json/report.json")).unwrap();
    let (found, code) = report("run");
    compare(&frozen, &found, &VARYING).unwrap();
    assert_eq!(code, 3, "one case is broken");
}

/// Returns the lines about failures in a report: headings with codes, and evidence.
fn failures(text: &str) -> Vec<&str> {
    let is_failure = |line: &&str| {
        let evidence = line.starts_with("      ") || line.starts_with("    evidence: ");
        evidence || line.starts_with("FAIL ") || line.starts_with("BROKEN ")
    };
    text.lines().filter(is_failure).collect()
}

#[test]
fn a_stored_run_has_the_same_failures_and_evidence() {
    let output = run(&["report", "run", "--config", "spec/spanproof.toml"]);
    assert_eq!(output.code, 3, "{output:?}");
    let frozen = fixture("json/report.txt");
    // The words in headings are not part of the format. Replaces old words with the current ones.
    let frozen = frozen
        .replace(" by ", ", route ")
        .replace(" with upstream ", ", upstream ")
        .replace(" under ", ", fault ");
    let expected = failures(&frozen);
    assert_eq!(expected.iter().filter(|line| line.starts_with("FAIL ")).count(), 5, "{frozen}");
    // A later version may show more evidence, and reasoning about it.
    let found = failures(&output.stdout);
    let mut rest = found.iter();
    for line in expected {
        assert!(rest.any(|other| *other == line), "expected {line} in its place\nfound {found:#?}");
    }
    let headings = |lines: &[&str]| lines.iter().filter(|line| line.starts_with("FAIL ")).count();
    assert_eq!(headings(&found), 5, "{found:#?}");
}

/// The files of `run-1.0` have only keys of the first minor version, and there is no `run.json`. The
/// test changes only the version number in these files.
#[rstest]
fn evidence_of_every_minor_version_is_read(
    #[values("1.0", "1.1", "1.2", "1.3", "1.9")] version: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixtures().join("run-1.0"), folder.path());
    let mut ids = Vec::new();
    for id in names(folder.path()) {
        let path = folder.path().join(&id).join("evidence.json");
        let mut evidence: Json =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(evidence["format"], "1.0");
        evidence["format"] = version.into();
        // A future minor version, with a key that this version does not know.
        if version == "1.9" {
            evidence["weather"] = json!({"wind": 3});
        }
        std::fs::write(&path, evidence.to_string()).unwrap();
        ids.push(id);
    }
    assert_eq!(ids, ["7b3ed58e", "8cc6a924", "c9fd3662"]);
    let whole: Json = serde_json::from_str(&fixture("json/report.json")).unwrap();
    let mut cases = whole["cases"].as_array().unwrap().clone();
    cases.retain(|case| ids.iter().any(|id| case["id"] == **id));
    cases.sort_by_key(|case| case["id"].to_string());
    let (found, code) = report(folder.path().to_str().unwrap());
    compare(&json!({ "cases": cases }), &found, &VARYING).unwrap();
    assert_eq!(code, 1, "two cases fail");
}

/// Returns the facts in the report of a replay: the file, codes, evidence, the numbers of the funnel
/// (how many units of the job reached each stage), and one line for each doubt. Leaves out messages.
fn facts(text: &str) -> Vec<String> {
    let fact = |line: &str| {
        let inner = line.strip_prefix("    ").filter(|inner| !inner.starts_with(' '));
        match inner.map(|inner| (inner, inner.split_once(": "))) {
            Some((_, Some(("funnel", stages)))) => {
                format!("funnel {}", stages.split(' ').next().unwrap())
            }
            Some((_, Some((name, _)))) => name.to_owned(),
            Some((whole, None)) => whole.to_owned(),
            None if line.starts_with(' ') => line.to_owned(),
            None => line.split(": ").next().unwrap().to_owned(),
        }
    };
    text.lines().map(fact).collect()
}

#[rstest]
#[case::failing_case("case")]
#[case::passing_case("pass")]
#[case::case_with_a_witness("witness")]
#[case::case_under_a_fault("fault")]
#[case::with_contents("fault-contents")]
#[case::existing_system("deployment")]
#[case::cut_off("cut-off")]
fn an_incident_has_the_same_verdict(#[case] name: &str) {
    let incident = format!("{name}.jsonl");
    let args = ["replay", &incident, "--assert-only", "--config", "../spec/spanproof.toml"];
    let folder = fixtures().join("bundles");
    let output = crate::run::run(folder, &args);
    let found = format!("{}exit {}\n", output.stdout, output.code);
    let frozen = fixture(&format!("bundles/{name}.txt"));
    assert!(frozen.contains("    funnel: "), "{frozen}");
    assert_eq!(facts(&found), facts(&frozen), "{found}{}", output.stderr);
}
