//! Tests of the runner with every behaviour of the fake upstream, the HTTP server to which the runner
//! sends its questions. Each test runs a job with one unit of work: one question for one model in one
//! region. The test checks the stored result of the unit, and that the unit's spans are complete.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use spanproof::judge;

use crate::program::{program, succeed};
use crate::world::{self, repository};

/// Defines a test for each behaviour, and the list of behaviours. A row consists of the name of the
/// behaviour's file with `_` instead of `-`, the status and error code of the unit, and the number
/// of requests.
macro_rules! behaviours {
    ($($name:ident: $status:literal, $error_code:literal, $requests:literal;)*) => {
        const BEHAVIOURS: &[&str] = &[$(stringify!($name),)*];

        $(#[tokio::test]
        async fn $name() {
            check(stringify!($name), $status, $error_code, $requests).await;
        })*
    };
}

behaviours! {
    healthy: "completed", "", 1;
    slow: "completed", "", 1;
    huge_body: "completed", "", 1;
    other_region: "completed", "", 1;
    not_found_first_path: "completed", "", 2;
    empty_text: "failed", "EMPTY_MODEL_RESPONSE", 1;
    no_providers: "failed", "PROVIDER_UNAVAILABLE", 1;
    no_providers_503: "failed", "ROUTER_HTTP_503", 1;
    internal_error: "failed", "ROUTER_INTERNAL_ERROR", 1;
    provider_http_error: "failed", "PROVIDER_HTTP_502", 1;
    not_found: "failed", "ROUTER_HTTP_404", 4;
    validation_error: "failed", "ROUTER_HTTP_422", 1;
    too_many_requests: "failed", "ROUTER_HTTP_429", 1;
    server_error: "failed", "ROUTER_HTTP_500", 1;
    never_answers: "timeout", "ROUTER_TIMEOUT", 1;
    connection_closed: "failed", "ROUTER_NETWORK", 1;
    truncated_json: "failed", "ROUTER_JSON_ERROR", 1;
    html: "failed", "ROUTER_JSON_ERROR", 1;
    null_fields: "failed", "ROUTER_ERROR", 1;
}

/// Runs a job with one unit, so that all requests belong to this unit, and checks the result.
async fn check(name: &str, status: &str, error_code: &str, requests: usize) {
    let world = world::healthy().await;
    let file = format!("fixtures/upstream/{}.toml", name.replace('_', "-"));
    let trial = world
        .trial()
        .flag("ENABLE_DB_TRACING", "true")
        .env("HYBRID_ROUTER_TIMEOUT", "1")
        .upstream_file(repository(&file))
        .job("one-unit");
    let observation = trial.run().await.unwrap();
    let unit = &observation.tables.units.all()[0];
    let code = unit["output"].get("error_code").and_then(Json::as_str).unwrap_or_default();
    assert_eq!((unit["status"].as_str(), code), (Some(status), error_code), "{unit:#?}");
    assert_eq!(observation.trial().unwrap().exchanges.len(), requests);
    judge(world.spec(), &observation).passed().unwrap();
}

#[test]
fn every_behaviour_has_a_test() {
    let files = std::fs::read_dir(repository("fixtures/upstream")).unwrap();
    let names = files.map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().replace('-', "_")
    });
    let names: BTreeSet<String> = names.collect();
    assert_eq!(BEHAVIOURS.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), names);
}

#[tokio::test]
async fn each_request_has_the_region_and_model_of_its_unit() {
    let world = world::healthy().await;
    let observation = world.trial().flag("ENABLE_DB_TRACING", "true").run().await.unwrap();
    let mut requests: Vec<_> = observation
        .trial()
        .unwrap()
        .exchanges
        .iter()
        .map(|exchange| {
            let body: Json = serde_json::from_str(&exchange.body).unwrap();
            format!("{} {}", body["region_preference"], body["model"])
        })
        .collect();
    requests.sort();
    assert_eq!(
        requests,
        [
            "\"eu-west\" \"llama3.2-1b\"",
            "\"eu-west\" \"mistral-7b\"",
            "\"us-east\" \"llama3.2-1b\"",
            "\"us-east\" \"mistral-7b\""
        ]
    );
}

#[tokio::test]
async fn a_case_passes_while_another_process_sends_requests_to_its_upstream() {
    let world = world::healthy().await;
    let trial = world.trial().flag("ENABLE_DB_TRACING", "true").start().await.unwrap();
    let output: Vec<_> = trial.output().lines.into_iter().map(|line| line.text).collect();
    let line = output.iter().find(|line| line.contains("HYBRID_BASE")).unwrap();
    let (_, port) = line.split_once("127.0.0.1:").unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /admin HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    );
    let client = succeed(program("bash").args(["-c", &script]));
    let answer = String::from_utf8_lossy(&client.stdout).into_owned();
    assert!(answer.starts_with("HTTP/1.0 403 "), "{answer}");
    let observation = trial.complete().await.unwrap();
    let strangers = &observation.trial().unwrap().strangers;
    assert_eq!(strangers.values().collect::<Vec<_>>(), [&1], "{strangers:?}");
    judge(world.spec(), &observation).passed().unwrap();
}
