//! Tests of a one-shot service: a command that finds its work when it starts, and exits by itself. It
//! imports products, and each product is a unit of work. Some of its spans are recorded by a
//! framework that does not know units.

use std::time::Duration;

use rstest::rstest;
use spanproof::{Observation, Timeouts, TrialBuilder, World, judge};
use spanproof_format::Code;

use crate::world::repository;

/// Codes that tests of this file expect, and that no fault of the runner causes.
pub(crate) const CODES: [Code; 3] = [Code::SdkDisabled, Code::SampledOut, Code::ExportFailed];

/// Opens a world: what trials (runs of the command) share. `bug` names a defect of the command; empty
/// for none.
async fn world(bug: &str) -> World {
    let world = World::new(repository("fixtures/importer/spanproof.toml"));
    world.env("BUG", bug).shared_server().open().await.unwrap()
}

/// Returns a trial with tracing on.
fn traced_trial(world: &World) -> TrialBuilder {
    world.trial().flag("TRACING", "on")
}

/// Counts the spans with a name.
fn count(observation: &Observation, name: &str) -> usize {
    observation.tables.spans.all().iter().filter(|row| row["name"] == name).count()
}

#[rstest]
#[case::on("on", 19)]
#[case::off("off", 0)]
#[tokio::test]
async fn a_command_is_judged_when_it_has_exited(#[case] value: &str, #[case] spans: usize) {
    let world = world("").await;
    let observation = world.trial().flag("TRACING", value).run().await.unwrap();
    judge(world.spec(), &observation).passed().unwrap();
    assert_eq!(observation.tables.spans.all().len(), spans);
    if spans > 0 {
        let counts = ["import", "save", "query", "price", "GET /settings", "gc"];
        // Each of the three products has one `query` below each of two parents, and one `query` is
        // below a span that belongs to no product. One product needs a second `price`.
        assert_eq!(counts.map(|name| count(&observation, name)), [3, 3, 7, 4, 1, 1]);
    }
}

#[rstest]
#[case::lost_with_the_process("not-flushed", Code::Undetermined, "3 units left 0 `import` spans")]
#[case::span_of_a_framework("no-second-query", Code::Undetermined, "left 3 of 6 `query` spans")]
#[case::one_parent_instead_of_two(
    "both-below-import",
    Code::BrokenTree,
    "no `query` is below `save`"
)]
#[case::span_succeeds_although_its_unit_fails(
    "wrong-status",
    Code::StatusDisagrees,
    "differs from its unit in status_code"
)]
#[case::exit_code("exit-code", Code::ProcessCrashed, "with exit code 3")]
#[case::other_span("renamed", Code::WrongAttributes, "6 spans that no `[[span]]` names")]
#[case::lost_parent("no-parent", Code::BrokenTree, "no span above has the id of a unit")]
#[case::other_trace("other-trace", Code::BrokenTree, "(in another trace)")]
#[tokio::test]
async fn a_defect_is_reported(#[case] bug: &str, #[case] code: Code, #[case] proof: &str) {
    let world = world(bug).await;
    let judgement = judge(world.spec(), &traced_trial(&world).run().await.unwrap());
    assert_eq!(judgement.codes(), [code], "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains(proof), "expected {proof}\nfound {finding}");
}

/// The table of spans does not exist, so spanproof's own queries fail. The witness, which counts the
/// service's attempts to insert spans, must not count these errors.
#[tokio::test]
async fn errors_of_queries_by_spanproof_are_not_counted_as_errors_of_the_service() {
    let world = world("not-flushed").await;
    let trial = traced_trial(&world).sql_before("drop table otel.spans").witness();
    let observation = trial.run().await.unwrap();
    let witness = observation.trial().unwrap().witness.as_ref().unwrap();
    assert!(witness.failures.is_empty(), "{:?}", witness.failures);
}

/// One unit has a second `price` span because of a retry, and another unit has none.
#[tokio::test]
async fn a_repeated_span_of_one_unit_does_not_hide_a_missing_span_of_another() {
    let world = world("one-price-missing").await;
    let observation = traced_trial(&world).run().await.unwrap();
    assert_eq!(count(&observation, "price"), 3);
    let judgement = judge(world.spec(), &observation);
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains("3 units left 2 `price` spans"), "{finding}");
}

#[tokio::test]
async fn a_command_that_does_not_exit_is_reported() {
    let world = world("hangs").await;
    let timeouts = Timeouts { settle: Some(Duration::from_secs(3)), ..Timeouts::default() };
    let judgement =
        judge(world.spec(), &traced_trial(&world).timeouts(timeouts).run().await.unwrap());
    assert_eq!(judgement.code(), Some(Code::JobNotFinished), "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    let proof = "the exit of the service did not happen within 3000 ms; last seen: the service is still running";
    assert!(finding.contains(proof), "{finding}");
}

/// The process has these variables, or prints what a common exporter prints if it fails.
#[rstest]
#[case::switched_off(&[("OTEL_SDK_DISABLED", "true")], Code::SdkDisabled, "OTEL_SDK_DISABLED=true")]
#[case::sampler(&[("OTEL_TRACES_SAMPLER", "always_off")], Code::SampledOut, "always_off")]
#[case::exporter(&[("BUG", "export-failed")], Code::ExportFailed, "Failed to export traces to")]
#[tokio::test]
async fn variables_and_errors_of_opentelemetry_are_evidence(
    #[case] env: &[(&str, &str)],
    #[case] code: Code,
    #[case] proof: &str,
) {
    let world = world("").await;
    let trial =
        env.iter().fold(traced_trial(&world), |trial, (name, value)| trial.env(*name, *value));
    let timeouts = Timeouts { flush: Some(Duration::from_millis(200)), ..Timeouts::default() };
    let judgement = judge(world.spec(), &trial.timeouts(timeouts).run().await.unwrap());
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code, code, "{finding}");
    assert!(finding.to_string().contains(proof), "expected {proof}\nfound {finding}");
}
