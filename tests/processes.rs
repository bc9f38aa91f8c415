//! Tests of a service that has two processes, an API and a worker that records the spans, and that
//! needs a broker.

use rstest::rstest;
use spanproof::{Judgement, Observation, TrialBuilder, World, judge};
use spanproof_format::Code;

use crate::world::repository;

/// Opens a world: what trials (runs of the service) share. `bug` names a defect of the worker; empty
/// for none.
async fn world(bug: &str) -> World {
    let world = World::new(repository("fixtures/order-service/spanproof.toml"));
    world.env("BUG", bug).shared_server().open().await.unwrap()
}

/// Runs a trial and judges it.
async fn run(world: &World, trial: TrialBuilder) -> (Observation, Judgement) {
    let observation = trial.run().await.unwrap();
    let judgement = judge(world.spec(), &observation);
    (observation, judgement)
}

#[rstest]
#[case::on("on", 2)]
#[case::off("off", 0)]
#[tokio::test]
async fn the_worker_gets_the_flags_of_the_case(#[case] value: &str, #[case] spans: usize) {
    let world = world("").await;
    let (observation, judgement) = run(&world, world.trial().flag("TRACING", value)).await;
    judgement.passed().unwrap();
    assert_eq!(observation.tables.spans.all().len(), spans);
    let output = &observation.trial().unwrap().run.output;
    // The broker's output is not in the list, because the broker is not under test.
    let lines: Vec<_> = output.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines[..2], [format!("tracing {value}").as_str(), "worker ready"]);
}

#[rstest]
#[case::untraced("untraced", Code::PathNotExecuted, "order_lines 1 (apples): reserved")]
#[case::crash("crash", Code::ProcessCrashed, "the process `worker` ended by itself")]
#[tokio::test]
async fn a_defect_of_the_worker_is_reported(
    #[case] bug: &str,
    #[case] code: Code,
    #[case] proof: &str,
) {
    let world = world(bug).await;
    let (_, judgement) = run(&world, world.trial().flag("TRACING", "on")).await;
    assert_eq!(judgement.codes(), [code], "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    assert!(finding.contains(proof), "expected {proof}\nfound {finding}");
}

#[tokio::test]
async fn a_fault_kills_the_process_that_it_names() {
    let world = world("").await;
    let trial = world.trial().flag("TRACING", "on").fault("killed-mid-job");
    let (observation, judgement) = run(&world, trial).await;
    judgement.passed().unwrap();
    let trial = observation.trial().unwrap();
    assert_eq!(trial.run.exit.process.as_deref(), Some("worker"));
    let second = trial.second_job.as_ref().unwrap();
    assert_eq!(second.tables.spans.all().len(), 2);
}

#[tokio::test]
async fn the_generated_password_of_the_database_reaches_the_service_and_no_evidence() {
    let world = world("").await;
    let trial = world.trial().flag("TRACING", "on").start().await.unwrap();
    let url = trial.database_url().to_owned();
    let observation = trial.complete().await.unwrap();
    let password = url.split(['@', ':']).nth(2).unwrap();
    assert_eq!(password.len(), 32, "{url}");
    assert!(url.contains("@127.0.0.1:"), "{url}");
    let evidence = format!("{observation:?}");
    assert!(evidence.contains("127.0.0.1") && !evidence.contains(password), "{evidence}");
    assert_eq!(observation.tables.spans.all().len(), 2);
}

/// If a job never ends, the finding itself contains the reasons, and not only the evidence files.
#[tokio::test]
async fn a_refused_job_and_a_crash_are_reported_with_the_errors_of_the_server() {
    let world = world("").await;
    let broken = "alter table orders add column customer text not null";
    let (_, judgement) = run(&world, world.trial().flag("TRACING", "on").sql_before(broken)).await;
    assert_eq!(judgement.codes(), [Code::JobFailedEarly], "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    for part in [
        "POST /orders: no answer",
        "server log: 23502 null value in column \"customer\"",
        "insert into orders (id)",
        "stderr:",
    ] {
        assert!(finding.contains(part), "expected {part}\nfound {finding}");
    }
    let broken = "revoke all on order_lines from public; drop table spans";
    let trial = world.trial().flag("TRACING", "on").sql_before(broken);
    let (_, judgement) = run(&world, trial).await;
    let finding = judgement.findings()[0].to_string();
    assert_eq!(judgement.code(), Some(Code::ProcessCrashed), "{judgement:?}");
    let error = "server log: 42P01 relation \"spans\" does not exist";
    assert!(finding.contains(error), "expected {error}\nfound {finding}");
}

/// The process is still busy when the job has ended, and exits with code 1 if it is stopped before it has
/// started. Regression test: it was reported as a crash.
#[tokio::test]
async fn a_process_without_a_readiness_check_is_not_stopped_while_it_starts() {
    let script = "trap 'exit 1' TERM; for i in $(seq 200000); do :; done; \
                  trap 'exit 0' TERM; sleep infinity & wait";
    let process = format!("[{{ name = 'mailer', command = ['bash', '-c', \"{script}\"] }}]");
    let world = World::new(repository("fixtures/silent-service/spanproof.toml"));
    let world = world.set("process", &process).shared_server().open().await.unwrap();
    let (_, judgement) = run(&world, world.trial().flag("TRACING", "off")).await;
    judgement.passed().unwrap();
}
