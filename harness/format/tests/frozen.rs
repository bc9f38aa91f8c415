//! Files that version 0.1.0 wrote are read by the types of today, and written again with every key
//! and value that they had.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use spanproof_format::{Diagnosis, Observation, Preflight, Record, Run, RunPlan, Traces};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format-1").join(name)
}

/// What of `old` is missing in `new` or differs there, as JSON pointers.
fn lost(old: &Json, new: &Json, at: &str) -> Vec<String> {
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            let field = |(key, value): (&String, &Json)| {
                let at = format!("{at}/{key}");
                new.get(key).map_or_else(|| vec![at.clone()], |new| lost(value, new, &at))
            };
            old.iter().flat_map(field).collect()
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            let pairs = old.iter().zip(new).enumerate();
            pairs.flat_map(|(index, (old, new))| lost(old, new, &format!("{at}/{index}"))).collect()
        }
        _ if old == new => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

fn survives<T: DeserializeOwned + Serialize>(text: &str, path: &Path) {
    let name = path.display();
    let old: Json = serde_json::from_str(text).unwrap();
    let read: T = serde_json::from_str(text).map_err(|why| format!("{name}: {why}")).unwrap();
    let lost = lost(&old, &serde_json::to_value(&read).unwrap(), "");
    assert!(lost.is_empty(), "{name}: {lost:?}");
}

fn document<T: DeserializeOwned + Serialize>(name: &str) {
    let path = folder(name);
    survives::<T>(&std::fs::read_to_string(&path).unwrap(), &path);
}

#[test]
fn documents_that_commands_printed_are_read() {
    document::<Run>("json/check.json");
    document::<Run>("json/report.json");
    document::<Diagnosis>("json/diagnose.json");
    document::<Preflight>("json/preflight.json");
    document::<Traces>("json/traces.json");
}

#[test]
fn evidence_and_the_plan_of_a_run_are_read() {
    document::<RunPlan>("run/run.json");
    let mut count = 0;
    for run in ["run", "run-1.0"] {
        for entry in std::fs::read_dir(folder(run)).unwrap().flatten() {
            let path = entry.path().join("evidence.json");
            if path.is_file() {
                survives::<Observation>(&std::fs::read_to_string(&path).unwrap(), &path);
                count += 1;
            }
        }
    }
    assert!(count > 10, "only {count} folders were read");
}

#[test]
fn every_record_of_an_incident_is_read() {
    let mut count = 0;
    for entry in std::fs::read_dir(folder("bundles")).unwrap().flatten() {
        let path = entry.path();
        let cut_off = path.file_stem().is_some_and(|name| name == "cut-off");
        if path.extension().is_none_or(|ending| ending != "jsonl") || cut_off {
            continue;
        }
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            survives::<Record>(line, &path);
            count += 1;
        }
    }
    assert!(count > 50, "only {count} records were read");
}
