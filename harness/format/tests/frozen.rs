//! Tests that this version can read the files of spanproof 0.1.0 in `fixtures/format-1`, and write
//! them again without losing a key or a value.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use spanproof_format::{
    Check, CheckResult, Code, Diagnosis, Evidence, Observation, Preflight, Record, Run, RunPlan,
    Traces, Verdict,
};

/// Returns the path of a file or folder that spanproof 0.1.0 wrote.
fn frozen_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format-1").join(name)
}

/// Returns JSON pointers to the values of `old` that are missing or different in `new`. `at` is the
/// JSON pointer to `old` in its document.
fn losses(old: &Json, new: &Json, at: &str) -> Vec<String> {
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let field = |(key, value): (&String, &Json)| {
                let at = format!("{at}/{key}");
                new.get(key).map_or_else(|| vec![at.clone()], |new| losses(value, new, &at))
            };
            old.iter().flat_map(field).collect()
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            let pairs = old.iter().zip(new).enumerate();
            pairs
                .flat_map(|(index, (old, new))| losses(old, new, &format!("{at}/{index}")))
                .collect()
        }
        _ if old == new => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

/// Asserts that reading `text` and writing it again loses no key and no value.
fn assert_lossless<T: DeserializeOwned + Serialize>(text: &str, path: &Path) {
    let name = path.display();
    let old: Json = serde_json::from_str(text).unwrap();
    let read: T = serde_json::from_str(text).map_err(|why| format!("{name}: {why}")).unwrap();
    let losses = losses(&old, &serde_json::to_value(&read).unwrap(), "");
    assert!(losses.is_empty(), "{name} lost the values at {losses:?}");
}

fn assert_lossless_file<T: DeserializeOwned + Serialize>(name: &str) {
    let path = frozen_path(name);
    assert_lossless::<T>(&std::fs::read_to_string(&path).unwrap(), &path);
}

#[test]
fn reads_printed_documents() {
    assert_lossless_file::<Run>("json/check.json");
    assert_lossless_file::<Run>("json/report.json");
    assert_lossless_file::<Diagnosis>("json/diagnose.json");
    assert_lossless_file::<Preflight>("json/preflight.json");
    assert_lossless_file::<Traces>("json/traces.json");
}

#[test]
fn reads_evidence_and_the_plan_of_a_run() {
    assert_lossless_file::<RunPlan>("run/run.json");
    let mut count = 0;
    for run in ["run", "run-1.0"] {
        for entry in std::fs::read_dir(frozen_path(run)).unwrap().flatten() {
            let path = entry.path().join("evidence.json");
            if path.is_file() {
                assert_lossless::<Observation>(&std::fs::read_to_string(&path).unwrap(), &path);
                count += 1;
            }
        }
    }
    assert!(count > 10, "only {count} `evidence.json` files were read");
}

#[test]
fn reads_every_record_of_an_incident() {
    let mut count = 0;
    for entry in std::fs::read_dir(frozen_path("bundles")).unwrap().flatten() {
        let path = entry.path();
        // `cut-off.jsonl` lacks its last record.
        let is_cut_off = path.file_stem().is_some_and(|name| name == "cut-off");
        if path.extension().is_none_or(|extension| extension != "jsonl") || is_cut_off {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            assert_lossless::<Record>(line, &path);
            count += 1;
        }
    }
    assert!(count > 50, "only {count} records were read");
}

#[test]
fn additions_of_a_newer_minor_version_become_unknown_and_new_keys_are_ignored() {
    let text = std::fs::read_to_string(frozen_path("json/report.json")).unwrap();
    let mut newer: Json = serde_json::from_str(&text).unwrap();
    newer["weather"] = "fine".into();
    let failed = |case: &Json| case["verdict"].get("fail").is_some();
    let case = newer["cases"].as_array_mut().unwrap().iter_mut().find(|case| failed(case)).unwrap();
    let finding = &mut case["verdict"]["fail"][0];
    finding["code"] = "lost-in-space".into();
    finding["evidence"] = serde_json::json!(["a beam", "a line"]);
    finding["data"] =
        serde_json::json!([{"beam": {"colour": 1}}, {"line": {"place": {"moon": 1}, "text": "x"}}]);
    let id = case["id"].as_str().unwrap().to_owned();
    newer["cases"][0]["verdict"] = serde_json::json!({"postponed": "until tomorrow"});
    let run: Run = serde_json::from_value(newer.clone()).unwrap();
    assert!(matches!(run.cases[0].verdict, Verdict::Unknown(_)), "{:?}", run.cases[0].verdict);
    let case = run.cases.iter().find(|case| case.id == id).unwrap();
    let finding = &case.verdict.findings()[0];
    assert_eq!((finding.code, finding.evidence.len()), (Code::Unknown, 2));
    let [Evidence::Unknown(beam), Evidence::Unknown(_)] = finding.data.as_slice() else {
        panic!("{:?}", finding.data)
    };
    assert_eq!(beam["beam"]["colour"], 1);
    let record: Record = serde_json::from_str(r#"{"weather": {"sky": "blue"}}"#).unwrap();
    assert!(matches!(record, Record::Unknown(_)));
    let check = r#"{"name": "n", "outcome": "postponed", "checked": "", "found": "", "next": ""}"#;
    let check: Check = serde_json::from_str(check).unwrap();
    assert_eq!(check.outcome, CheckResult::Unknown);
}

#[test]
fn record_names_contain_every_record_in_the_files() {
    let mut names: Vec<String> = Vec::new();
    for name in ["case", "deployment", "fault"] {
        let text = std::fs::read_to_string(frozen_path(&format!("bundles/{name}.jsonl"))).unwrap();
        for line in text.lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            names.extend(record.as_object().unwrap().keys().cloned());
        }
    }
    let unknown: Vec<_> =
        names.iter().filter(|name| !Record::NAMES.contains(&name.as_str())).collect();
    assert!(unknown.is_empty() && names.len() > 20, "{unknown:?}");
}
