//! Tests of a service without an HTTP interface: SQL or a command submits a job by inserting a row.
//! The service sends mails, and each recipient of a mail is a unit of work.

use rstest::rstest;
use spanproof::{World, judge};
use spanproof_format::Code;

use crate::world::repository;

/// Opens a world: what trials (runs of the service) share. `bug` names a defect of the service; empty
/// for none.
async fn world(bug: &str) -> World {
    let world = World::new(repository("fixtures/mailer/spanproof.toml"));
    world.env("BUG", bug).shared_server().open().await.unwrap()
}

#[rstest]
#[case::recording("1", 2)]
#[case::off("0", 0)]
#[tokio::test]
async fn a_job_is_submitted_by_sql_and_by_a_command(
    #[case] value: &str,
    #[case] spans: usize,
    #[values("row", "command")] route: &str,
) {
    let world = world("").await;
    let observation = world.trial().flag("TRACING", value).route(route).run().await.unwrap();
    judge(world.spec(), &observation).passed().unwrap();
    assert_eq!(observation.tables.spans.all().len(), spans);
    assert_eq!(observation.tables.jobs.all()[0]["text"], "it's ready");
}

#[rstest]
#[tokio::test]
async fn a_lost_span_is_reported(#[values("row", "command")] route: &str) {
    let world = world("lost").await;
    let trial = world.trial().flag("TRACING", "1").route(route).witness();
    let judgement = judge(world.spec(), &trial.run().await.unwrap());
    assert_eq!(judgement.codes(), [Code::Undetermined], "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    let proof = "2 units left 1 `send` spans, and the evidence fits sampled-out, path-not-executed, never-sent";
    assert!(finding.contains(proof), "{finding}");
}

#[rstest]
#[case::sql("row", "{}", &["SQL with mail as (insert into mails", "23502 null value"])]
#[case::command("command", r#"{"id": "x", "text": "", "to": []}"#, &["command /usr/bin/python3 enqueue.py", "exit code 1", "the mail has no recipient"])]
#[tokio::test]
async fn a_refused_job_is_reported_with_its_reason(
    #[case] route: &str,
    #[case] job: &str,
    #[case] parts: &[&str],
) {
    let world = world("").await;
    let job: serde_json::Value = serde_json::from_str(job).unwrap();
    let observation = world.trial().route(route).input(job).run().await.unwrap();
    let judgement = judge(world.spec(), &observation);
    assert_eq!(judgement.code(), Some(Code::JobFailedEarly), "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    for part in parts {
        assert!(finding.contains(part), "expected {part}\nfound {finding}");
    }
}

/// This service writes its spans after the job has ended, like a batch exporter. If it is stopped too
/// early, spans are lost.
#[rstest]
#[case::awaited("20000", None)]
#[case::stopped_too_early("0", Some(Code::Undetermined))]
#[tokio::test]
async fn spans_that_arrive_after_the_job_are_awaited_for_flush_ms(
    #[case] flush_ms: &str,
    #[case] code: Option<Code>,
) {
    let world = World::new(repository("fixtures/mailer/spanproof.toml"));
    let world = world.env("BUG", "late").set("service.flush-ms", flush_ms).shared_server();
    let world = world.open().await.unwrap();
    let trial = world.trial().flag("TRACING", "1").witness();
    let judgement = judge(world.spec(), &trial.run().await.unwrap());
    assert_eq!(judgement.code(), code, "{judgement:?}");
}

/// The spec declares an optional span. Only one of the two recipients has it.
#[rstest]
#[case::in_its_place("retry", None)]
#[case::below_an_unknown_span("stray", Some(Code::BrokenTree))]
#[tokio::test]
async fn an_optional_span_is_checked_if_it_exists(#[case] bug: &str, #[case] code: Option<Code>) {
    let world = world(bug).await;
    let observation = world.trial().flag("TRACING", "1").run().await.unwrap();
    assert_eq!(observation.tables.spans.all().len(), 3);
    let judgement = judge(world.spec(), &observation);
    assert_eq!(judgement.code(), code, "{judgement:?}");
}
