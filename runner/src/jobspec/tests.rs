//! Tests of validation, units and the success rate.

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::Submission;
use crate::jobspec::units;

fn valid() -> Json {
    json!({
        "id": "job-1",
        "benchmark": { "name": "bias" },
        "constraints": { "regions": ["us-east", "eu-west"] },
        "questions": ["q1", "q2"],
        "models": [{ "id": "a" }, { "id": "b", "regions": ["eu-west"] }],
        "signature": "stored, not used",
    })
}

#[test]
fn a_job_has_a_unit_for_each_region_question_and_model_of_the_region() {
    let spec = Submission::from_json(valid()).unwrap().spec;
    let units: Vec<_> = units(&spec)
        .into_iter()
        .map(|unit| format!("{} {} {}", unit.region, unit.question_id, unit.model_id))
        .collect();
    let expected = [
        "us-east q1 a",
        "us-east q2 a",
        "eu-west q1 a",
        "eu-west q1 b",
        "eu-west q2 a",
        "eu-west q2 b",
    ];
    assert_eq!(units, expected);
}

#[rstest]
#[case("/id", Json::Null, "`id` is missing")]
#[case("/id", json!(7), "`id` must be a string, found 7")]
#[case("/id", json!("x".repeat(256)), "`id` has 256 characters, 255 are allowed")]
#[case("/id", json!("a\0"), "`id` contains U+0000, which Postgres can't store")]
#[case("/signature", json!("a\0"), "`jobspec` contains U+0000, which Postgres can't store")]
#[case("/benchmark/name", Json::Null, "`benchmark.name` is missing")]
#[case("/constraints/regions", json!([]), "`constraints.regions` is missing or empty: the job could never execute")]
#[case("/constraints/regions", json!(["a", "a"]), "`constraints.regions[1]` is a duplicate of `a`")]
#[case("/questions", json!("q1"), "`questions` must be a list, found \"q1\"")]
#[case("/questions", json!(["q1", " "]), "`questions[1]` is empty")]
#[case("/models", Json::Null, "`models` is missing or empty: the job could never execute")]
#[case("/models", json!([{}]), "`models[0].id` is missing")]
#[case("/models", json!([{ "id": "a", "regions": ["US"] }]),
    "`models[].regions` serve none of the job's regions (us-east, eu-west): the job could never execute")]
#[case("/constraints", json!({ "regions": ["us-east"], "min_success_rate": 67 }),
    "`constraints.min_success_rate` must be a number from 0 to 1, found 67")]
fn the_error_of_an_invalid_jobspec_names_the_field(
    #[case] pointer: &str,
    #[case] value: Json,
    #[case] reason: &str,
) {
    let mut body = valid();
    *body.pointer_mut(pointer).unwrap() = value;
    assert_eq!(Submission::from_json(body).unwrap_err().to_string(), reason);
}

#[test]
fn a_cross_region_body_replaces_the_regions_and_the_success_rate_of_its_jobspec() {
    let body = json!({
        "jobspec": valid(), "target_regions": ["eu-west"], "min_regions": 1, "min_success_rate": 0.5,
    });
    let submission = Submission::from_cross_region(&body).unwrap();
    assert_eq!(submission.spec.regions, ["eu-west"]);
    assert_eq!(submission, Submission::from_json(submission.json.clone()).unwrap());
}

#[rstest]
#[case(json!({}), "`jobspec` is missing")]
#[case(json!({ "jobspec": valid() }), "`target_regions` is missing or empty: the job could never execute")]
#[case(json!({ "jobspec": valid(), "target_regions": ["eu-west"], "min_regions": 3 }),
    "`min_regions` asks for more regions than `target_regions` has (1)")]
fn the_error_of_an_invalid_cross_region_body_names_the_field(
    #[case] body: Json,
    #[case] reason: &str,
) {
    assert_eq!(Submission::from_cross_region(&body).unwrap_err().to_string(), reason);
}

#[rstest]
#[case(2, 3, 0.67, false)]
#[case(3, 4, 0.67, true)]
#[case(3, 5, 0.6, true)]
#[case(7, 10, 0.7, true)]
#[case(0, 4, 0.0, true)]
#[case(0, 0, 0.0, false)]
#[case(4, 4, 1.0, true)]
fn a_job_is_completed_when_enough_units_succeed(
    #[case] succeeded: usize,
    #[case] total: usize,
    #[case] rate: f64,
    #[case] expected: bool,
) {
    let mut body = valid();
    body["constraints"]["min_success_rate"] = rate.into();
    assert_eq!(Submission::from_json(body).unwrap().spec.is_satisfied(succeeded, total), expected);
}
