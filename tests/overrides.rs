//! Tests of what a single trial can override: SQL in its database, the job and the timeouts.

use std::error::Error as _;
use std::time::Duration;

use rstest::rstest;
use serde_json::Value as Json;
use spanproof::{Timeouts, TrialBuilder};
use sqlx::{Connection, PgConnection};

use crate::world::{healthy, repository};

/// Returns a trial (one run of the service) of the healthy runner with tracing on.
async fn trial() -> TrialBuilder {
    healthy().await.trial().flag("ENABLE_DB_TRACING", "true")
}

#[tokio::test]
async fn sql_runs_before_the_service_starts_and_after_it_stops() {
    let count = "insert into counts select count(*) from trace_spans";
    let trial = trial().await.sql_before(format!("create table counts (spans bigint); {count}"));
    let (observation, database) = trial.sql_after(count).run_keeping_database().await.unwrap();
    let spans = observation.tables.spans.all().len();
    assert!(spans > 0);
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let counts = sqlx::query_scalar("select spans from counts order by spans");
    let counts: Vec<i64> = counts.fetch_all(&mut connection).await.unwrap();
    assert_eq!(counts, [0, i64::try_from(spans).unwrap()]);
}

#[rstest]
#[case::before(TrialBuilder::sql_before, "the SQL to run before the service starts failed")]
#[case::after(TrialBuilder::sql_after, "the SQL to run after the service has stopped failed")]
#[tokio::test]
async fn failing_sql_is_reported_with_its_line(
    #[case] add_sql: fn(TrialBuilder, &'static str) -> TrialBuilder,
    #[case] expected: &str,
) {
    let trial = add_sql(trial().await, "select 1;\nselect * from nowhere;");
    let error = trial.run().await.unwrap_err();
    assert_eq!(error.to_string(), expected);
    let line = error.source().unwrap();
    let cause = line.source().unwrap().to_string();
    assert_eq!(line.to_string(), "line 2");
    assert_eq!(cause, "relation \"nowhere\" does not exist (SQLSTATE 42P01)");
}

#[tokio::test]
async fn the_json_of_a_job_replaces_the_named_job() {
    let text = std::fs::read_to_string(repository("fixtures/jobs/one-unit.json")).unwrap();
    let mut job: Json = serde_json::from_str(&text).unwrap();
    job["id"] = "own-input".into();
    let observation = trial().await.job("four-units").input(job).run().await.unwrap();
    assert_eq!(observation.tables.units.all().len(), 1);
    let jobs = observation.tables.jobs.all();
    assert!(jobs.iter().any(|row| row.values().any(|value| value == "own-input")), "{jobs:?}");
}

#[tokio::test]
async fn timeouts_of_a_trial_replace_those_of_the_spec() {
    let timeouts = Timeouts { settle: Some(Duration::from_secs(3)), ..Timeouts::default() };
    let trial = trial()
        .await
        .upstream_file(repository("fixtures/upstream/never-answers.toml"))
        .timeouts(timeouts);
    let observation = trial.run().await.unwrap();
    let settled = observation.trial().unwrap().job_run.settled.clone().unwrap();
    assert!(format!("{settled:?}").contains("did not happen within 3"), "{settled:?}");
}

#[tokio::test]
async fn a_trial_that_exceeds_its_limit_reports_what_it_waited_for() {
    // The job never ends.
    let hang = repository("fixtures/upstream/never-answers.toml");
    let timeouts = Timeouts {
        settle: Some(Duration::from_hours(1)),
        trial: Some(Duration::from_secs(3)),
        ..Timeouts::default()
    };
    let trial = trial().await.upstream_file(hang).timeouts(timeouts);
    let error = trial.run().await.unwrap_err().to_string();
    assert!(
        error.starts_with("the trial took longer than its limit of 3 s; it waited for "),
        "{error}"
    );
}
