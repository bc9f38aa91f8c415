//! The JSON documents of the commands: every key and value of the frozen ones is still there.

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::contains::contains;
use crate::live::Live;
use crate::{Printed, fixture, fixtures, parsed, spanproof};

/// What a command prints in the folder of the JSON documents.
fn printed(args: &[&str], code: i32) -> Json {
    let printed: Printed = spanproof(&fixtures().join("json"), args).output().unwrap().into();
    assert_eq!(printed.code, code, "{printed:?}");
    parsed(&printed)
}

fn frozen(name: &str) -> Json {
    serde_json::from_str(&fixture(&format!("json/{name}.json"))).unwrap()
}

#[test]
fn a_check_tells_what_it_told() {
    let live = Live::start();
    // The sentence has a time in it, the path is that of a scratch folder.
    let varying = ["/cases/*/verdict/broken", "/cases/*/evidence"];
    contains(&frozen("check"), &live.checked, &varying).unwrap();
}

#[test]
fn a_diagnosis_tells_what_it_told() {
    let args = ["--dump", "dump.sql", "--log", "runner.log", "--manifest", "on.toml"];
    let found = printed(&[&["diagnose", "--format", "json"], &args[..]].concat(), 1);
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
fn traces_are_written_as_they_were(#[case] format: &str, #[case] name: &str) {
    let live = Live::start();
    let args = ["traces", "--job", "469", "--database", &live.url, "--format", format];
    // The version of the tool is not the same for good.
    let varying = ["/unread/*", "/resourceSpans/*/scopeSpans/*/scope/version"];
    contains(&frozen(name), &printed(&args, 0), &varying).unwrap();
}

/// The checks of a preflight by their names: others may be added between them.
fn by_name(mut preflight: Json) -> Json {
    let checks = preflight["checks"].take();
    let named = checks.as_array().unwrap().iter();
    let named = named.map(|check| (check["name"].as_str().unwrap().to_owned(), check.clone()));
    preflight["checks"] = Json::Object(named.collect());
    preflight
}

#[test]
fn a_preflight_tells_what_it_told() {
    let live = Live::start();
    let args = ["preflight", "--format", "json", "--database", &live.url, "--log", "runner.log"];
    let manifests = ["--manifest", "on.toml", "--manifest", "off.env"];
    let found = by_name(printed(&[&args[..], &manifests].concat(), 1));
    let frozen = by_name(frozen("preflight"));
    let outcomes = |one: &Json| {
        let checks = one["checks"].as_object().unwrap().values();
        checks.map(|check| check["outcome"].clone()).collect::<std::collections::HashSet<_>>()
    };
    let all = ["passed", "failed", "advice", "untried"].map(|outcome| json!(outcome));
    assert_eq!(outcomes(&frozen), all.into_iter().collect());
    // Sentences, and how many checks there are; the server's version and URL are in one of them.
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
