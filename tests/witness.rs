//! Tests of the database witness: triggers on the span table and the server's log, which show each
//! attempt to insert a span. In these tests the spec has no patterns for lines of the
//! service, and the database loses spans. Only the witness can show how they were lost.

use rstest::rstest;
use spanproof::{Finding, Judgement, TrialBuilder, World, judge};
use spanproof_format::Confidence;

use crate::world::repository;

/// Opens a world: what all trials of a program share. Its spec has no probes, which are the
/// patterns that recognise lines of the service. The SQL file `seed` prepares each database. The
/// service uses a role without special rights, because privileges do not bind a superuser.
async fn open_without_probes(binary: &str, seed: Option<&str>) -> World {
    let search_path = if seed == Some("spans-elsewhere") { "tenant,public" } else { "public" };
    let options = format!("-c%20role%3Dspanproof_service%20-c%20search_path%3D{search_path}");
    let mut world = World::new(repository("spanproof.toml"))
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

/// Returns a trial: one run of the service. `bug` names a defect of the faulty runner; empty for none.
fn trial(world: &World, bug: &str) -> TrialBuilder {
    world.trial().flag("ENABLE_DB_TRACING", "true").env("FAULT", bug).job("one-unit")
}

/// Runs a trial without the witness and judges it.
async fn judge_trial(world: &World, bug: &str) -> Judgement {
    judge(world.spec(), &trial(world, bug).run().await.unwrap())
}

async fn judge_trial_with_witness(world: &World, bug: &str) -> Judgement {
    judge(world.spec(), &trial(world, bug).witness().run().await.unwrap())
}

#[rstest]
// The spec has no probes, but an error of the driver is recognised if it names the table.
#[case::table("table-missing", "write-failed-reported", "refused", "42P01")]
#[case::privilege("insert-revoked", "write-failed-reported", "refused", "42501")]
#[case::column("column-missing", "write-failed-reported", "refused", "42703")]
#[case::check("spans-rejected", "write-failed-reported", "rejected", "23514")]
#[case::raised("spans-raised", "write-failed-reported", "rejected", "P0001")]
#[case::timeout("spans-slow", "write-failed-reported", "canceled the statement", "57014")]
#[case::commit("spans-lost-at-commit", "write-failed-silent", "lost at the commit", "P0001")]
#[case::removed("spans-removed", "removed-later", "deleted later", "0 are kept")]
#[case::discarded("spans-discarded", "silently-discarded", "stored none", "0 written")]
#[case::elsewhere(
    "spans-elsewhere",
    "wrong-destination",
    "in another table: `tenant.trace_spans`",
    "tenant.trace_spans: "
)]
#[tokio::test]
async fn the_witness_shows_how_spans_were_lost(
    #[case] seed: &str,
    #[case] code: &str,
    #[case] message: &str,
    #[case] evidence: &str,
) {
    let is_lost_at_commit = seed == "spans-lost-at-commit";
    let world = open_without_probes(env!("CARGO_BIN_EXE_runner"), Some(seed)).await;
    let without_witness = judge_trial(&world, "").await;
    // Without the witness, the server's log and the tables of other schemas are read, too. They do not show
    // the other reasons.
    let needs_witness =
        ["removed-later", "silently-discarded"].contains(&code) || is_lost_at_commit;
    let expected = if needs_witness { "undetermined" } else { code };
    assert_eq!(without_witness.code().unwrap().text(), expected, "{without_witness:?}");
    assert_finding_with_witness(&world, code, [message, evidence]).await;
}

#[rstest]
#[case::rule(
    "spans-rule-nothing",
    "silently-discarded",
    "the rule `forget` on `trace_spans` replaces every insert",
    "statements used it"
)]
#[case::rule_to_another_table(
    "spans-rule-elsewhere",
    "wrong-destination",
    "`public.old_spans`",
    "public.old_spans: "
)]
#[case::hidden(
    "spans-hidden-by-view",
    "wrong-destination",
    "`public.all_spans`",
    "public.all_spans: "
)]
#[case::view("spans-lost-in-view", "silently-discarded", "stored none", "0 written")]
#[case::archived("spans-archived", "removed-later", "deleted later", "public.old_spans: ")]
#[tokio::test]
async fn rules_views_and_archives_are_distinguished(
    #[case] seed: &str,
    #[case] code: &str,
    #[case] message: &str,
    #[case] evidence: &str,
) {
    let world = open_without_probes(env!("CARGO_BIN_EXE_runner"), Some(seed)).await;
    let without_witness = judge_trial(&world, "").await;
    assert_eq!(without_witness.code().unwrap().text(), "undetermined", "{without_witness:?}");
    assert_finding_with_witness(&world, code, [message, evidence]).await;
}

/// Runs the healthy runner with the witness. It must have one finding, with this code, a message that
/// contains `message`, and evidence that contains `evidence`.
async fn assert_finding_with_witness(world: &World, code: &str, [message, evidence]: [&str; 2]) {
    let judgement = judge_trial_with_witness(world, "").await;
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.text(), code, "{finding}");
    assert!(finding.message.contains(message), "expected {message}\nfound {finding}");
    assert!(finding.to_string().contains(evidence), "expected {evidence}\nfound {finding}");
    assert_eq!(judgement.findings().len(), 1, "{judgement:?}");
}

/// Runs the importer, whose spans go through a function with this body, and returns the finding.
async fn judge_function(body: &str) -> Finding {
    let world = World::new(repository("fixtures/importer/spanproof.toml"));
    let world = world.env("BUG", "function").shared_server().open().await.unwrap();
    let function = format!(
        "create table otel.old_spans (like otel.spans); create function otel.record_span(trace text, \
         span text, parent text, operation text, began timestamptz, ended timestamptz, status int, \
         attributes text) returns void language plpgsql as $$ begin {body} end $$;"
    );
    let trial = world.trial().flag("TRACING", "on").sql_before(function).witness();
    let judgement = judge(world.spec(), &trial.run().await.unwrap());
    judgement.findings()[0].clone()
}

/// The columns of a span that the importer gives to a function.
const SPAN: &str =
    "values (trace, span, parent, operation, began, ended, status, attributes::jsonb);";

#[rstest]
#[case::refused(
    "insert into otel.spans (nothing) values (1); exception when others then null;",
    "silently-discarded",
    Confidence::Likely,
    "the function `record_span` inserts into the span table; 19 statements"
)]
#[case::not_written(
    "if trace = '' then insert into otel.spans {SPAN} end if;",
    "silently-discarded",
    Confidence::Likely,
    "the function `record_span` inserts into the span table; 19 statements"
)]
#[case::undone(
    "insert into otel.spans {SPAN} raise 'no'; exception when others then null;",
    "rolled-back",
    Confidence::Likely,
    "19 rows were tried, 19 written, 0 are kept"
)]
#[case::elsewhere(
    "insert into otel.old_spans {SPAN}",
    "wrong-destination",
    Confidence::Certain,
    "otel.old_spans: 19 rows"
)]
#[case::unclear(
    "execute format('insert into %s (nothing) values (1)', 'otel.' || 'spans'); \
    exception when others then null;",
    "undetermined",
    Confidence::Undetermined,
    "the function `record_span` builds its statements"
)]
#[tokio::test]
async fn spans_that_a_function_loses_are_not_reported_as_never_sent(
    #[case] body: &str,
    #[case] code: &str,
    #[case] confidence: Confidence,
    #[case] evidence: &str,
) {
    let finding = judge_function(&body.replace("{SPAN}", SPAN)).await;
    assert_eq!((finding.code.text(), finding.confidence), (code, confidence), "{finding}");
    assert!(finding.to_string().contains(evidence), "expected {evidence}\nfound {finding}");
}

#[tokio::test]
async fn if_the_witness_saw_no_insert_the_verdict_names_the_reasons_that_are_left() {
    let world = open_without_probes(env!("CARGO_BIN_EXE_faulty-runner"), None).await;
    let judgement = judge_trial_with_witness(&world, "banner-lies").await;
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.text(), "undetermined", "{finding}");
    let finding = finding.to_string();
    assert!(finding.contains("witness: 0 inserting statements"), "{finding}");
    let possible = finding.lines().find(|line| line.trim_start().starts_with("possible: "));
    let possible = possible.unwrap_or_default();
    assert!(possible.contains("path-not-executed, never-sent"), "{finding}");
    assert!(!possible.contains("write-failed"), "{finding}");
}

#[tokio::test]
async fn a_healthy_service_passes_with_and_without_the_witness() {
    let world = open_without_probes(env!("CARGO_BIN_EXE_runner"), None).await;
    judge_trial_with_witness(&world, "").await.passed().unwrap();
    judge_trial(&world, "").await.passed().unwrap();
}
