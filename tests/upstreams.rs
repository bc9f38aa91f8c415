//! Every behaviour of the upstream: what the runner makes of it, and that it is traced all the same.

use rstest::rstest;
use serde_json::Value as Json;
use spanproof::judge;

use crate::world::{healthy, repository};

/// One unit, so that the number of requests is the number of attempts.
#[rstest]
#[case::healthy("healthy", "completed", "", 1)]
#[case::slow("slow", "completed", "", 1)]
#[case::huge_body("huge-body", "completed", "", 1)]
#[case::other_region("other-region", "completed", "", 1)]
#[case::not_found_first_path("not-found-first-path", "completed", "", 2)]
#[case::empty_text("empty-text", "failed", "EMPTY_MODEL_RESPONSE", 1)]
#[case::no_providers("no-providers", "failed", "PROVIDER_UNAVAILABLE", 1)]
#[case::no_providers_503("no-providers-503", "failed", "ROUTER_HTTP_503", 1)]
#[case::internal_error("internal-error", "failed", "ROUTER_INTERNAL_ERROR", 1)]
#[case::provider_http_error("provider-http-error", "failed", "PROVIDER_HTTP_502", 1)]
#[case::not_found("not-found", "failed", "ROUTER_HTTP_404", 4)]
#[case::validation_error("validation-error", "failed", "ROUTER_HTTP_422", 1)]
#[case::too_many_requests("too-many-requests", "failed", "ROUTER_HTTP_429", 1)]
#[case::server_error("server-error", "failed", "ROUTER_HTTP_500", 1)]
#[case::never_answers("never-answers", "timeout", "ROUTER_TIMEOUT", 1)]
#[case::connection_closed("connection-closed", "failed", "ROUTER_NETWORK", 1)]
#[case::truncated_json("truncated-json", "failed", "ROUTER_JSON_ERROR", 1)]
#[case::html("html", "failed", "ROUTER_JSON_ERROR", 1)]
#[case::null_fields("null-fields", "failed", "ROUTER_ERROR", 1)]
#[tokio::test]
async fn each_answer_is_stored_as_what_it_is(
    #[case] upstream: &str,
    #[case] status: &str,
    #[case] error_code: &str,
    #[case] requests: usize,
) {
    let world = healthy().await;
    let file = repository(&format!("fixtures/upstream/{upstream}.toml"));
    let trial = world
        .trial()
        .flag("ENABLE_DB_TRACING", "true")
        .env("HYBRID_ROUTER_TIMEOUT", "1")
        .upstream_file(file)
        .job("one-unit");
    let observation = trial.run().await.unwrap();
    let unit = &observation.tables.units.all()[0];
    let code = unit["output"].get("error_code").and_then(Json::as_str).unwrap_or_default();
    assert_eq!((unit["status"].as_str(), code), (Some(status), error_code), "{unit:#?}");
    assert_eq!(observation.trial().unwrap().exchanges.len(), requests);
    judge(world.spec(), &observation).passed().unwrap();
}

#[test]
fn every_behaviour_of_the_fixtures_is_tried() {
    let source = std::fs::read_to_string(repository("tests/upstreams.rs")).unwrap();
    for entry in std::fs::read_dir(repository("fixtures/upstream")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(source.contains(&format!("(\"{name}\", ")), "no case tries `{name}`");
    }
}

#[tokio::test]
async fn each_unit_asks_for_its_own_region_and_model() {
    let world = healthy().await;
    let observation = world.trial().flag("ENABLE_DB_TRACING", "true").run().await.unwrap();
    let mut asked: Vec<_> = observation
        .trial()
        .unwrap()
        .exchanges
        .iter()
        .map(|exchange| {
            let body: Json = serde_json::from_str(&exchange.body).unwrap();
            format!("{} {}", body["region_preference"], body["model"])
        })
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "\"eu-west\" \"llama3.2-1b\"",
            "\"eu-west\" \"mistral-7b\"",
            "\"us-east\" \"llama3.2-1b\"",
            "\"us-east\" \"mistral-7b\""
        ]
    );
}
