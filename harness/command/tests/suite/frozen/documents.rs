//! The JSON documents of the commands still have every key and value of the frozen ones.

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::contains::contains;
use super::live::Live;
use super::{fixture, fixtures};

/// Runs a command in the folder of the JSON documents and returns the document that it prints.
fn document(args: &[&str], code: i32) -> Json {
    let output = crate::run::run(fixtures().join("json"), args);
    assert_eq!(output.code, code, "{output:?}");
    output.json()
}

fn frozen(name: &str) -> Json {
    serde_json::from_str(&fixture(&format!("json/{name}.json"))).unwrap()
}

#[test]
fn the_document_of_check_keeps_its_keys_and_values() {
    let live = Live::start();
    // The sentence contains a time, and the path is that of a scratch folder.
    let varying = ["/cases/*/verdict/broken", "/cases/*/evidence"];
    contains(&frozen("check"), &live.document, &varying).unwrap();
}

#[test]
fn the_document_of_diagnose_keeps_its_keys_and_values() {
    let args = ["--dump", "dump.sql", "--log", "runner.log", "--manifest", "on.toml"];
    let found = document(&[&["diagnose", "--format", "json"], &args[..]].concat(), 1);
    let wording = [
        "/sources/unread/*",
        "/diagnoses/*/judgement/verdict/fail/*/message",
        "/diagnoses/*/reasons/*/text",
    ];
    contains(&frozen("diagnose"), &found, &wording).unwrap();
}

#[rstest]
#[case::json("json", "traces")]
#[case::otlp("otlp", "otlp")]
fn the_documents_of_traces_keep_their_keys_and_values(#[case] format: &str, #[case] name: &str) {
    let live = Live::start();
    let args = ["traces", "--job", "469", "--database", &live.url, "--format", format];
    // The version of the tool changes.
    let varying = ["/unread/*", "/resourceSpans/*/scopeSpans/*/scope/version"];
    contains(&frozen(name), &document(&args, 0), &varying).unwrap();
}

/// Turns the list of checks into an object by name: others may be added between them.
fn by_name(mut preflight: Json) -> Json {
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
    let found = by_name(document(&[&args[..], &manifests].concat(), 1));
    let frozen = by_name(frozen("preflight"));
    let outcomes = |one: &Json| {
        let checks = one["checks"].as_object().unwrap().values();
        checks.map(|check| check["outcome"].clone()).collect::<std::collections::HashSet<_>>()
    };
    let all = ["passed", "failed", "advice", "untried"].map(|outcome| json!(outcome));
    assert_eq!(outcomes(&frozen), all.into_iter().collect());
    // Sentences, one of which has the server's version and URL, and the numbers of checks.
    let varying = [
        "/passed",
        "/failed",
        "/advice",
        "/not_tried",
        "/checks/*/checked",
        "/checks/*/found",
        "/checks/*/next",
    ];
    contains(&frozen, &found, &varying).unwrap();
}
