//! Tests of a service whose tables and columns have names that need quotes in SQL. Two columns together
//! are the id of a unit of work.

use rstest::rstest;
use spanproof::{Observation, ProofResult, World, cases, judge, prove};
use spanproof_format::{Code, SabotageResult};

use crate::world::repository;

/// Opens a world: what trials (runs of the service) share. `bug` names a defect of the service; empty
/// for none.
async fn world(bug: &str) -> World {
    let world = World::new(repository("fixtures/quoted-names/spanproof.toml"));
    world.env("BUG", bug).shared_server().open().await.unwrap()
}

/// Returns the numbers of jobs, units and spans.
fn row_counts(observation: &Observation) -> [usize; 3] {
    let tables = &observation.tables;
    [tables.jobs.all().len(), tables.units.all().len(), tables.spans.all().len()]
}

#[tokio::test]
async fn spans_are_recorded_and_the_witness_sees_them() {
    let world = world("").await;
    let trial = world.trial().flag("TRACING", "1").witness();
    let observation = trial.run().await.unwrap();
    judge(world.spec(), &observation).passed().unwrap();
    assert_eq!(row_counts(&observation), [1, 2, 2]);
    let witness = observation.trial().unwrap().witness.as_ref().unwrap();
    assert_eq!([witness.attempted_rows, witness.written_rows], [2, 2]);
    let off = world.trial().run().await.unwrap();
    judge(world.spec(), &off).passed().unwrap();
    assert_eq!(row_counts(&off), [1, 2, 0]);
}

#[tokio::test]
async fn a_dropped_insert_is_reported() {
    let world = world("dropped").await;
    let trial = world.trial().flag("TRACING", "1").witness();
    let judgement = judge(world.spec(), &trial.run().await.unwrap());
    // The service prints nothing, so a path that drops a row and a sampler leave the same evidence.
    assert_eq!(judgement.codes(), [Code::Undetermined], "{judgement:?}");
    let finding = judgement.findings()[0].to_string();
    for part in ["2 units left 1 `pack` spans", "\"my.schema\".\"my.table\": 1 `pack` of 1 rows"] {
        assert!(finding.contains(part), "expected {part}\nfound {finding}");
    }
}

/// Each test case is a fault and text that the service prints while the fault is in force.
#[rstest]
#[case("insert-revoked", "permission denied for table my.table")]
#[case("table-missing", "relation \"my.schema.my.table\" does not exist")]
#[case("column-missing", "column \"weird \"name\"\" of relation \"my.table\" does not exist")]
#[case("schema-missing", "relation \"my.schema.my.table\" does not exist")]
#[case("read-only", "cannot execute INSERT in a read-only transaction")]
#[case("locked", "canceling statement due to lock timeout")]
#[case("lock-timeout", "canceling statement due to lock timeout")]
#[case("commit-refused", "violates a check at the commit")]
#[tokio::test]
async fn each_fault_is_applied_to_the_quoted_table_and_removed(
    #[case] fault: &str,
    #[case] text: &str,
) {
    let world = world("").await;
    let trial = world.trial().flag("TRACING", "1").fault(fault);
    let observation = trial.run().await.unwrap();
    judge(world.spec(), &observation).passed().unwrap();
    let trial = observation.trial().unwrap();
    let output = trial.run.output.tail(usize::MAX);
    assert!(output.contains(text), "expected {text}\nfound {output}");
    let second = trial.second_job.as_ref().unwrap();
    assert_eq!(second.tables.spans.all().len(), 2, "the second job lacks spans");
}

#[tokio::test]
async fn every_sabotage_is_caught() {
    let world = world("").await;
    let (_cancel, cancelled) = tokio::sync::watch::channel(false);
    let all = cases(world.spec()).unwrap();
    let ProofResult::Done(all) = prove(&world, &all, 4, cancelled).await.unwrap().unwrap() else {
        panic!("the service fails without a sabotage")
    };
    let missed = all.proofs.iter().filter(|one| !matches!(one.result, SabotageResult::Caught(_)));
    assert_eq!(missed.collect::<Vec<_>>(), Vec::<&spanproof_format::Proof>::new());
    assert!(all.proofs.len() >= 10, "{all:?}");
}
