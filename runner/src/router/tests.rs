//! Tests of how the responses of a router are interpreted. Each case is one response.

use rstest::rstest;

use super::*;

#[rstest]
#[case(200, r#"{"success":false,"error":"No healthy providers available","error_code":"PROVIDER_UNAVAILABLE","failure":{"code":"PROVIDER_UNAVAILABLE","transient":true},"provider_used":""}"#,
    "PROVIDER_UNAVAILABLE", ("router_error", true), "No healthy providers available")]
#[case(
    200,
    r#"{"success":false,"error":"HTTP 500: x","error_code":"PROVIDER_HTTP_500"}"#,
    "PROVIDER_HTTP_500",
    ("router_error", false),
    "HTTP 500: x"
)]
#[case(
    200,
    r#"{"success":false,"metadata":{"failure":{"code":"EMPTY_MODEL_RESPONSE","message":"empty"}}}"#,
    "EMPTY_MODEL_RESPONSE",
    ("router_error", false),
    "empty"
)]
#[case(200, r#"{"success":false,"error":"boom"}"#, "ROUTER_ERROR", ("router_error", false), "boom")]
#[case(
    200,
    r#"{"success":false,"error":null,"error_code":null,"failure":null}"#,
    "ROUTER_ERROR",
    ("router_error", false),
    "unsuccessful"
)]
#[case(
    200,
    r#"{"success":"true","response":"a"}"#,
    "ROUTER_ERROR",
    ("router_error", false),
    "unsuccessful"
)]
#[case(200, "{}", "ROUTER_ERROR", ("router_error", false), "unsuccessful")]
#[case(
    200,
    r#"{"success":true,"response":null}"#,
    "ROUTER_ERROR",
    ("router_error", false),
    "the router reports success without a response"
)]
#[case(
    200,
    "<html>",
    "ROUTER_JSON_ERROR",
    ("json_error", false),
    "the answer is not JSON: expected value at line 1 column 1"
)]
#[case(
    200,
    r#"{"success":tr"#,
    "ROUTER_JSON_ERROR",
    ("json_error", false),
    "the answer is not JSON: EOF while parsing a value at line 1 column 13"
)]
#[case(200, "[]", "ROUTER_JSON_ERROR", ("json_error", false), "the answer is not a JSON object")]
#[case(
    503,
    r#"{"detail":"No healthy providers available"}"#,
    "ROUTER_HTTP_503",
    ("http_error", true),
    "router http 503: No healthy providers available"
)]
#[case(404, "", "ROUTER_HTTP_404", ("http_error", false), "router http 404")]
#[case(
    422,
    r#"{"detail":[{"loc":["body"]}]}"#,
    "ROUTER_HTTP_422",
    ("http_error", false),
    r#"router http 422: {"detail":[{"loc":["body"]}]}"#
)]
#[case(429, "slow down", "ROUTER_HTTP_429", ("http_error", true), "router http 429: slow down")]
#[case(302, "", "ROUTER_HTTP_302", ("http_error", false), "router http 302")]
fn each_failed_response_has_its_code(
    #[case] status: u16,
    #[case] body: &str,
    #[case] code: &str,
    #[case] (kind, transient): (&str, bool),
    #[case] message: &str,
) {
    let output = classify(status, body.as_bytes()).unwrap_err().output();
    assert_eq!(output["error_code"], code);
    assert_eq!(output["failure"]["code"], code);
    assert_eq!(output["failure"]["type"], kind);
    assert_eq!(output["failure"]["transient"], transient);
    assert_eq!(output["failure"]["component"], "hybrid_router");
    assert_eq!(output["failure"]["http_status"], status);
    assert_eq!(output["error"], message);
}

#[test]
fn an_empty_string_is_an_answer() {
    let body = br#"{"success":true,"response":"","provider_used":"modal-us-east","metadata":{"region":"us-east"}}"#;
    let answer = classify(200, body).unwrap();
    assert_eq!(answer.response, "");
    assert_eq!(answer.provider.as_deref(), Some("modal-us-east"));
    assert_eq!(answer.metadata["region"], "us-east");
}

#[test]
fn a_failure_contains_the_first_2048_bytes_of_an_unusable_body() {
    let output = classify(500, "é".repeat(3000).as_bytes()).unwrap_err().output();
    assert_eq!(output["failure"]["body"].as_str().unwrap().len(), 2048);
}
