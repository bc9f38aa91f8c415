//! Tests that the JSON documents of the commands have every key and value that they had in earlier
//! versions.

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::comparison::compare;
use super::live::Live;
use super::{fixture, fixtures};

/// Runs a command in `fixtures/format-1/json` and returns the document that the command prints.
fn document(args: &[&str], code: i32) -> Json {
    let output = crate::run::run(fixtures().join("json"), args);
    assert_eq!(output.code, code, "{output:?}");
    output.json()
}

/// Returns the document `name` of an earlier version.
fn frozen(name: &str) -> Json {
    serde_json::from_str(&fixture(&format!("json/{name}.json"))).unwrap()
}

#[test]
fn the_document_of_check_keeps_its_keys_and_values() {
    let live = Live::start();
    // The reason of the verdict contains a time, and the evidence is in a temporary folder.
    let varying = ["/cases/*/verdict/broken", "/cases/*/evidence"];
    compare(&frozen("check"), &live.document, &varying).unwrap();
}

#[test]
fn the_document_of_diagnose_keeps_its_keys_and_values() {
    let args = ["--dump", "dump.sql", "--log", "runner.log", "--manifest", "on.toml"];
    let found = document(&[&["diagnose", "--format", "json"], &args[..]].concat(), 1);
    let varying = [
        "/sources/unread/*",
        // A later version may compare more or less.
        "/diagnoses/*/judgement/assertions",
        "/diagnoses/*/judgement/verdict/fail/*/message",
        "/diagnoses/*/reasons/*/text",
    ];
    compare(&frozen("diagnose"), &found, &varying).unwrap();
}

#[rstest]
#[case::json("json", "traces")]
#[case::otlp("otlp", "otlp")]
fn the_documents_of_traces_keep_their_keys_and_values(#[case] format: &str, #[case] name: &str) {
    let live = Live::start();
    let args = ["traces", "--job", "469", "--database", &live.url, "--format", format];
    // `scope/version` is the version of spanproof.
    let varying = ["/unread/*", "/resourceSpans/*/scopeSpans/*/scope/version"];
    compare(&frozen(name), &document(&args, 0), &varying).unwrap();
}

/// Converts the list of checks in a document of `preflight` to an object with the checks by name,
/// because newer versions may add checks at any position.
fn checks_by_name(mut preflight: Json) -> Json {
    let checks = preflight["checks"].take();
    let named = checks.as_array().unwrap().iter();
    let named = named.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone()));
    preflight["checks"] = Json::Object(named.collect());
    preflight
}

#[test]
fn the_document_of_preflight_keeps_its_keys_and_values() {
    let live = Live::start();
    let args = ["preflight", "--format", "json", "--database", &live.url, "--log", "runner.log"];
    let manifests = ["--manifest", "on.toml", "--manifest", "off.env"];
    let found = checks_by_name(document(&[&args[..], &manifests].concat(), 1));
    let frozen = checks_by_name(frozen("preflight"));
    let outcomes = |preflight: &Json| {
        let checks = preflight["checks"].as_object().unwrap().values();
        checks.map(|check| check["outcome"].clone()).collect::<std::collections::HashSet<_>>()
    };
    let all = ["passed", "failed", "advice", "untried"].map(|outcome| json!(outcome));
    assert_eq!(outcomes(&frozen), all.into_iter().collect());
    // The number of checks may grow, and the wording of messages is not part of the format.
    let varying = [
        "/passed",
        "/failed",
        "/advice",
        "/not_tried",
        "/checks/*/checked",
        "/checks/*/found",
        "/checks/*/next",
    ];
    compare(&frozen, &found, &varying).unwrap();
}
