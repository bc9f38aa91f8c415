//! Tests of `done`, the key of a route (a way to submit a job) that defines how to recognise that a
//! job has ended. It is needed if a service has no table of jobs.

use std::time::Duration;

use rstest::rstest;
use spanproof::{Timeouts, World, judge};
use spanproof_format::Code;

use crate::world::repository;

// Rules for the key `done`: by a line of output, by a request with the id in the service's answer, by
// a request with the id in the job, and by SQL.
const LINE: &str = r"line = '^order \S+ is done$'";
const ANSWER: &str = "http = '/orders/{answer:/order/id}', pointer = '/state', values = ['done']";
const JOB: &str = "http = '/orders/{job:/id}', pointer = '/state', values = ['failed', 'done']";
const SQL: &str = r#"sql = "select state = 'done' from orders where id = {job:/id}""#;

/// Opens a world (what trials share) of the order service. Its only route sends jobs to `path` and
/// has the rule `done`. `bug` names a defect of the service; empty for none.
async fn world(bug: &str, path: &str, done: &str) -> World {
    let route = format!("[{{ name = 'http', path = '{path}', done = {{ {done} }} }}]");
    let world = World::new(repository("fixtures/order-service/spanproof.toml"));
    let world = world.set("route", &route).set("tables.jobs.table", "''").env("BUG", bug);
    world.shared_server().open().await.unwrap()
}

#[rstest]
#[case::line("/orders", LINE)]
#[case::http_with_the_answer("/orders", ANSWER)]
#[case::http_with_the_job("/orders", JOB)]
#[case::sql("/orders", SQL)]
#[case::accepted("/orders/now", "accepted = true")]
#[tokio::test]
async fn a_job_ends_by_the_rule_of_its_route(
    #[case] path: &str,
    #[case] done: &str,
    #[values(None, Some("killed-mid-job"))] fault: Option<&str>,
) {
    let world = world("", path, done).await;
    let trial = world.trial().flag("TRACING", "on");
    let trial = if let Some(fault) = fault { trial.fault(fault) } else { trial };
    let observation = trial.run().await.unwrap();
    judge(world.spec(), &observation).passed().unwrap();
    // Each of the two lines of the order is a unit of work with a span.
    if fault.is_none() {
        assert_eq!(observation.tables.spans.all().len(), 2);
        assert!(observation.tables.jobs.all().is_empty());
    }
}

#[rstest]
#[case::line(LINE, &[r"a line that matches `^order \S+ is done$` did not happen", "but no new line matches"])]
#[case::http(ANSWER, &["done at `/state` in the answer to `GET http://127.0.0.1:", "`new` at `/state`"])]
#[case::sql(SQL, &["where id = 'order-1'` did not happen", "it returned no row, or a value other than `true`"])]
#[tokio::test]
async fn a_job_that_does_not_end_is_reported(#[case] done: &str, #[case] parts: &[&str]) {
    let world = world("stuck", "/orders", done).await;
    let timeouts = Timeouts { settle: Some(Duration::from_millis(1500)), ..Timeouts::default() };
    let observation = world.trial().timeouts(timeouts).run().await.unwrap();
    let judgement = judge(world.spec(), &observation);
    assert_eq!(judgement.codes(), [Code::JobNotFinished], "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    for part in parts {
        assert!(finding.contains(part), "expected {part}\nfound {finding}");
    }
}
