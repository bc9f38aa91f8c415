//! Faults that are told only beside other cases, and databases that refuse spans; the healthy runner
//! under the same conditions is not accused. Each fault by itself is in `modes`.

use rstest::rstest;
use spanproof::Observation;
use spanproof::World;
use spanproof::{Judgement, judge, judge_all};

use crate::world::{faulty, healthy, repository};

/// The tracing flag.
const FLAG: &str = "ENABLE_DB_TRACING";

async fn with(world: &World, fault: &str, value: &str, route: &str) -> Observation {
    let trial = world.trial().flag(FLAG, value).env("FAULT", fault).route(route);
    trial.run().await.unwrap()
}

fn told(judgement: &Judgement) -> (String, String) {
    let first = judgement.findings().first();
    let code = first.map_or_else(|| "pass".into(), |finding| finding.code.to_string());
    (code, first.map(ToString::to_string).unwrap_or_default())
}

#[tokio::test]
async fn a_route_outside_the_tracer_is_told_beside_one_inside() {
    let world = faulty().await;
    let inside = with(&world, "cross-region-untraced", "true", "queued").await;
    let outside = with(&world, "cross-region-untraced", "true", "cross-region").await;
    let judgements = judge_all(world.spec(), &[inside, outside]);
    let codes: Vec<_> = judgements.iter().map(|judgement| told(judgement).0).collect();
    assert_eq!(codes, ["pass", "path-not-executed"]);
}

#[tokio::test]
async fn a_banner_that_no_route_keeps_is_told() {
    let world = faulty().await;
    let queued = with(&world, "banner-lies", "true", "queued").await;
    let direct = with(&world, "banner-lies", "true", "cross-region").await;
    let judgements = judge_all(world.spec(), &[queued, direct]);
    let codes: Vec<_> = judgements.iter().map(|judgement| told(judgement).0).collect();
    assert_eq!(codes, ["banner-contradicts", "banner-contradicts"]);
}

#[tokio::test]
async fn an_outcome_that_depends_on_tracing_is_told() {
    let world = faulty().await;
    let off = with(&world, "outcome", "false", "queued").await;
    let on = with(&world, "outcome", "true", "queued").await;
    let judgements = judge_all(world.spec(), &[off, on]);
    let codes: Vec<_> = judgements.iter().map(|judgement| told(judgement).0).collect();
    assert_eq!(codes, ["pass", "outcome-changed-by-tracing"]);
}

/// A world whose database refuses spans. The service has a role without special rights: privileges
/// do not bind a superuser.
async fn refusing(binary: &str, seed: &str) -> World {
    World::of(repository("spanproof.toml"))
        .binary(binary)
        .seed(repository("fixtures/seeds/service-role.sql"))
        .seed(repository(&format!("fixtures/seeds/{seed}.sql")))
        .env("DATABASE_URL", "{database.url}&options=-c%20role%3Dspanproof_service")
        .shared_server()
        .open()
        .await
        .unwrap()
}

#[rstest]
#[tokio::test]
async fn a_refusal_that_the_service_keeps_to_itself_is_told(
    #[values("queued", "cross-region")] route: &str,
) {
    let world = refusing(env!("CARGO_BIN_EXE_faulty-runner"), "insert-revoked").await;
    let observation = with(&world, "silent-write-failure", "true", route).await;
    let (code, proofs) = told(&judge(world.spec(), &observation));
    assert_eq!(code, "write-failed-silent", "{proofs}");
    assert!(proofs.contains("trace_spans: 0 `execute_question` of 0 rows"), "{proofs}");
}

/// Faults of the database: the healthy runner reports them, and the job is not changed by them.
#[rstest]
#[case::table_missing("table-missing", "relation \"trace_spans\" does not exist")]
#[case::insert_revoked("insert-revoked", "permission denied for table trace_spans")]
#[case::column_missing(
    "column-missing",
    "column \"region\" of relation \"trace_spans\" does not exist"
)]
#[tokio::test]
async fn a_database_that_refuses_spans_is_reported(
    #[case] seed: &str,
    #[case] proof: &str,
    #[values("queued", "cross-region")] route: &str,
) {
    let world = refusing(env!("CARGO_BIN_EXE_runner"), seed).await;
    let on = world.trial().flag(FLAG, "true").route(route).run().await.unwrap();
    let off = world.trial().flag(FLAG, "false").route(route).run().await.unwrap();
    let judgements = judge_all(world.spec(), &[off, on]);
    let codes: Vec<_> = judgements.iter().map(|judgement| told(judgement).0).collect();
    assert_eq!(codes, ["pass", "write-failed-reported"]);
    let (_, proofs) = told(&judgements[1]);
    assert!(proofs.contains(proof), "expected {proof}\nfound {proofs}");
    assert_eq!(judgements[1].findings().len(), 1, "the outcome of the job is the same");
}

#[tokio::test]
async fn the_healthy_runner_is_not_accused() {
    let world = healthy().await;
    for route in ["queued", "cross-region"] {
        for value in ["true", "false"] {
            let observation = world.trial().flag(FLAG, value).route(route).run().await.unwrap();
            judge(world.spec(), &observation).passed().unwrap();
        }
    }
}
