//! Tests with databases that reject spans. The service uses a role without special rights, because
//! privileges do not bind a superuser.

use std::time::Duration;

use rstest::rstest;
use spanproof::{Observation, World, WorldError, judge, judge_all};
use spanproof_format::Code;
use spanproof_lease::wait::{self, Attempt};

use crate::program::{program, succeed};
use crate::world::repository;

/// Opens a world: what trials share, such as the program and the Postgres server. Each trial gets its
/// own database, and the SQL file `seed` makes the database reject spans.
async fn open(binary: &str, seed: &str) -> World {
    World::new(repository("spanproof.toml"))
        .binary(binary)
        .seed(repository("fixtures/seeds/service-role.sql"))
        .seed(repository(&format!("fixtures/seeds/{seed}.sql")))
        .env("DATABASE_URL", "{database.url}&options=-c%20role%3Dspanproof_service")
        .shared_server()
        .open()
        .await
        .unwrap()
}

/// Runs a trial: one run of the service. `bug` names a defect of the faulty runner; empty for the
/// healthy runner. `value` is the value of the tracing flag.
async fn observe(world: &World, bug: &str, value: &str, route: &str) -> Observation {
    let trial = world.trial().flag("ENABLE_DB_TRACING", value).env("FAULT", bug).route(route);
    trial.run().await.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_rejection_that_the_runner_does_not_report_is_a_silent_failure(
    #[values("queued", "cross-region")] route: &str,
) {
    let world = open(env!("CARGO_BIN_EXE_faulty-runner"), "insert-revoked").await;
    let observation = observe(&world, "silent-write-failure", "true", route).await;
    let judgement = judge(world.spec(), &observation);
    assert_eq!(judgement.code(), Some(Code::WriteFailedSilent), "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains("trace_spans: 0 `execute_question` of 0 rows"), "{finding}");
}

#[rstest]
#[case::table_missing("table-missing", "relation \"trace_spans\" does not exist")]
#[case::insert_revoked("insert-revoked", "permission denied for table trace_spans")]
#[case::column_missing(
    "column-missing",
    "column \"region\" of relation \"trace_spans\" does not exist"
)]
#[tokio::test]
async fn the_healthy_runner_reports_a_rejection_and_completes_its_job(
    #[case] seed: &str,
    #[case] error: &str,
    #[values("queued", "cross-region")] route: &str,
) {
    let world = open(env!("CARGO_BIN_EXE_runner"), seed).await;
    let off = observe(&world, "", "false", route).await;
    let on = observe(&world, "", "true", route).await;
    let judgements = judge_all(world.spec(), &[off, on]);
    let [off, on] = &judgements[..] else { panic!("expected 2 judgements") };
    assert_eq!(off.code(), None, "{off:?}");
    // There is no code for a changed outcome: the job succeeds although spans are rejected.
    assert_eq!(on.codes(), [Code::WriteFailedReported]);
    let finding = on.findings()[0].to_string();
    assert!(finding.contains(error), "expected {error}\nfound {finding}");
}

/// Jobs, units and spans that existed before the service started do not belong to the case.
#[rstest]
#[case::tracing_on("true", None)]
#[case::tracing_off("false", None)]
#[case::job_repeated("true", Some("job-repeated"))]
#[case::fault("true", Some("table-missing"))]
#[tokio::test]
async fn rows_of_earlier_jobs_are_not_judged(#[case] value: &str, #[case] fault: Option<&str>) {
    let world = open(env!("CARGO_BIN_EXE_runner"), "earlier-jobs").await;
    let trial = world.trial().flag("ENABLE_DB_TRACING", value).route("queued");
    let trial = match fault {
        Some(fault) => trial.fault(fault),
        None => trial,
    };
    let observation = trial.run().await.unwrap();
    let judgement = judge(world.spec(), &observation);
    assert_eq!(judgement.codes(), [], "{judgement:#?}");
    assert_eq!(observation.tables.units.all().len(), 4);
}

#[tokio::test]
async fn a_case_whose_server_restarted_is_not_judged() {
    // A server of its own, because other tests use the shared one.
    let world = World::new(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_runner"));
    let world = world.open().await.unwrap();
    let mut trial = world.trial().flag("ENABLE_DB_TRACING", "true").start().await.unwrap();
    assert!(trial.submit().await.unwrap().is_accepted());
    let before = world.server().own_processes().await.unwrap();
    let process = before.first().unwrap().to_string();
    succeed(program("kill").args(["-KILL", &process]));
    wait::until_soon("the server's new processes", Duration::from_mins(1), async || {
        match world.server().own_processes().await {
            Ok(after) if after.is_disjoint(&before) => Attempt::Done(()),
            found => Attempt::NotYet(format!("{found:?}")),
        }
    })
    .await
    .unwrap();
    let error = trial.finish().await.unwrap_err();
    assert!(matches!(error, WorldError::ServerRestarted), "{error:?}");
}
