//! A service that says nothing about its tracing, and a database that loses its spans: the server
//! itself tells why, and the healthy service is not accused.

use rstest::rstest;
use spanproof::World;
use spanproof::{Judgement, judge};

use crate::world::repository;

const FLAG: &str = "ENABLE_DB_TRACING";

/// The runner beside a spec that recognises none of its words, on a database that `seed` prepares.
/// The service has a role without special rights: privileges do not bind a superuser.
async fn wordless(binary: &str, seed: Option<&str>) -> World {
    let search_path = if seed == Some("spans-elsewhere") { "tenant,public" } else { "public" };
    let options = format!("-c%20role%3Dspanproof_service%20-c%20search_path%3D{search_path}");
    let mut world = World::of(repository("spanproof.toml"))
        .set("probes", "{}")
        .set("fault", "[]")
        .binary(binary)
        .seed(repository("fixtures/seeds/service-role.sql"))
        .env("DATABASE_URL", format!("{{database.url}}&options={options}"))
        .shared_server();
    if let Some(seed) = seed {
        world = world.seed(repository(&format!("fixtures/seeds/{seed}.sql")));
    }
    world.open().await.unwrap()
}

async fn judged(world: &World, fault: &str, witnessed: bool) -> Judgement {
    let trial = world.trial().flag(FLAG, "true").env("FAULT", fault).job("one-unit");
    let trial = if witnessed { trial.witness() } else { trial };
    judge(world.spec(), &trial.run().await.unwrap())
}

#[rstest]
#[case::table("table-missing", "write-failed-silent", "refused", "42P01")]
#[case::privilege("insert-revoked", "write-failed-silent", "refused", "42501")]
#[case::column("column-missing", "write-failed-silent", "refused", "42703")]
#[case::check("spans-rejected", "write-failed-silent", "rejected", "23514")]
#[case::raised("spans-raised", "write-failed-silent", "rejected", "P0001")]
#[case::timeout("spans-slow", "write-failed-silent", "ended from outside", "57014")]
#[case::commit("spans-lost-at-commit", "write-failed-silent", "lost at the commit", "P0001")]
#[case::removed("spans-removed", "rolled-back", "never committed, or removed", "0 are kept")]
#[case::discarded("spans-discarded", "silently-discarded", "kept none", "0 written")]
#[case::elsewhere("spans-elsewhere", "wrong-destination", "another schema", "tenant.trace_spans: ")]
#[tokio::test]
async fn the_server_tells_how_spans_were_lost(
    #[case] seed: &str,
    #[case] code: &str,
    #[case] message: &str,
    #[case] proof: &str,
) {
    let world = wordless(env!("CARGO_BIN_EXE_runner"), Some(seed)).await;
    let unaided = judged(&world, "", false).await;
    assert_eq!(unaided.code().unwrap().text(), "undetermined", "no word of the service");
    let judgement = judged(&world, "", true).await;
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.text(), code, "{finding}");
    assert!(finding.message.contains(message), "expected {message}\nfound {finding}");
    assert!(finding.to_string().contains(proof), "expected {proof}\nfound {finding}");
    assert_eq!(judgement.findings().len(), 1, "{judgement:?}");
}

#[tokio::test]
async fn a_service_that_never_tries_is_told_from_one_that_is_refused() {
    let world = wordless(env!("CARGO_BIN_EXE_faulty-runner"), None).await;
    let judgement = judged(&world, "banner-lies", true).await;
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.text(), "path-not-executed", "{finding}");
    assert!(finding.to_string().contains("witness: 0 inserting statements"), "{finding}");
}

#[tokio::test]
async fn a_healthy_service_is_not_accused_by_the_witness() {
    let world = wordless(env!("CARGO_BIN_EXE_runner"), None).await;
    judged(&world, "", true).await.passed().unwrap();
    judged(&world, "", false).await.passed().unwrap();
}
