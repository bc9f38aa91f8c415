//! Every loss mode of the faulty runner in one table: each gives exactly its code, the right stage
//! of the funnel and evidence that names the right lines and rows; the healthy runner gives none.
//!
//! `SPANPROOF_TEST_RUNS=20` runs the whole table twenty times, four cases at once: no verdict may
//! differ from one run to the next.

use std::collections::BTreeSet;
use std::sync::Arc;

use spanproof::Observation;
use spanproof::World;
use spanproof::{Funnel, Judgement, Verdict, judge_all};
use spanproof_format::{Code, Stage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::world::repository;

const FLAG: &str = "ENABLE_DB_TRACING";
/// How many cases run at once.
const AT_ONCE: usize = 4;
const BOTH: &[&str] = &["queued", "cross-region"];
const QUEUED: &[&str] = &["queued"];
const CROSS: &[&str] = &["cross-region"];

/// One fault under one condition, and what must be told of it.
#[derive(Debug, Clone, Copy)]
struct Mode {
    fault: &'static str,
    value: &'static str,
    routes: &'static [&'static str],
    upstream: &'static str,
    /// Whether the server is a witness.
    witness: bool,
    code: &'static str,
    /// What else must be told, because it is true as well.
    also: &'static [&'static str],
    /// A part of the evidence.
    proof: &'static str,
}

const fn mode(fault: &'static str, code: &'static str, proof: &'static str) -> Mode {
    let (value, routes, upstream) = ("true", BOTH, "healthy");
    Mode { fault, value, routes, upstream, witness: false, code, also: &[], proof }
}

const fn witnessed(fault: &'static str, code: &'static str, proof: &'static str) -> Mode {
    Mode { witness: true, ..mode(fault, code, proof) }
}

/// Every mode. What the healthy runner does is at the end.
const MODES: &[Mode] = &[
    mode("no-tracer", "process-crashed", "no tracer line at startup"),
    mode("tracer-absent", "tracer-not-constructed", "none from a tracer"),
    mode("flag-dropped", "flag-unset", "DBTracer: DISABLED (ENABLE_DB_TRACING=)"),
    mode("strict-flag", "flag-unrecognised-value", "DISABLED (ENABLE_DB_TRACING=true)"),
    Mode {
        value: "false",
        ..mode("lenient-flag", "leaked-while-off", "ENABLED (ENABLE_DB_TRACING=false)")
    },
    Mode {
        value: "false",
        ..mode("ok-while-disabled", "banner-contradicts", "✅ StartSpan RecordSpan success")
    },
    mode("banner-lies", "banner-contradicts", "DBTracer: ENABLED (ENABLE_DB_TRACING=true)"),
    Mode {
        routes: CROSS,
        ..mode("cross-region-untraced", "path-not-executed", "0 lines about the start of")
    },
    mode("early-failure", "job-failed-early", "jobs: failed"),
    Mode { routes: QUEUED, ..mode("never-picked-up", "job-not-picked-up", "jobs: queued") },
    Mode { also: &["not-stopped"], ..mode("tracer-hangs", "job-not-finished", "running") },
    mode("renamed", "wrong-attributes", "trace_spans executeQuestion"),
    mode("start-only", "not-finished", "status=started completed_at=null"),
    mode("not-linked", "unlinked", "execution_id=null"),
    mode("links-crossed", "unlinked", "differs from its unit in "),
    mode("region-lost", "unlinked", "region="),
    mode("parent-lost", "broken-tree", "no `execute_question` of this unit has that id"),
    mode("parent-null", "broken-tree", "parent_span_id=null"),
    mode("trace-split", "broken-tree", "another trace"),
    mode("trace-not-passed", "broken-tree", "upstream: none of 4 requests carried"),
    mode("duplicate", "duplicate", "execute_question span"),
    mode("outcome", "outcome-changed-by-tracing", "job failed"),
    Mode {
        upstream: "no-providers",
        ..mode("errors-unfinished", "not-finished", "status=started completed_at=null")
    },
    Mode {
        upstream: "no-providers",
        ..mode("always-completed", "status-disagrees", "status=completed")
    },
    mode("wrong-path", "unexpected-request", "upstream: POST /inference/inference"),
    mode("written-late", "pass", ""),
    mode("gives-up", "pass", ""),
    mode("span-error-panics", "pass", ""),
    mode("unit-panics", "pass", ""),
    mode("silent-write-failure", "pass", ""),
    mode("sampled", "undetermined", "of 4 rows"),
    mode("acknowledged-only", "undetermined", "✅ StartSpan RecordSpan success"),
    mode("rolled-back", "undetermined", "0 `execute_question` of 0 rows"),
    witnessed("acknowledged-only", "banner-contradicts", "witness: 0 inserting statements began"),
    witnessed("sampled", "banner-contradicts", "4 are kept"),
    witnessed("rolled-back", "rolled-back", "8 written, 0 are kept"),
    witnessed("conflict-ignored", "silently-discarded", "8 rows were tried, 1 written"),
    witnessed("batch", "batch-poisoned", "server log: 23505 duplicate key value"),
    mode("login-refused", "write-failed-reported", "does not exist"),
    witnessed("login-refused", "write-failed-reported", "the server let nobody in, 28000"),
    witnessed("elsewhere", "wrong-destination", "tenant.trace_spans: 8 rows"),
    mode("", "pass", ""),
    witnessed("", "pass", ""),
    Mode { value: "false", ..mode("", "pass", "") },
    Mode { upstream: "no-providers", ..mode("", "pass", "") },
];

/// The world of every mode: the time for a job and for the stop is short, because one mode never
/// ends. The runner itself gives up stopping after five seconds.
async fn world(binary: &str) -> World {
    let world = World::of(repository("spanproof.toml")).binary(binary).shared_server();
    let world = world.set("service.settle-ms", "4000").set("service.stop.grace-ms", "3000");
    world.open().await.unwrap()
}

async fn run(world: &World, mode: Mode, value: &str, route: &str) -> Observation {
    let trial = world.trial().flag(FLAG, value).env("FAULT", mode.fault).route(route);
    let trial = trial.upstream(mode.upstream);
    let trial = if mode.witness { trial.witness() } else { trial };
    trial.run().await.unwrap()
}

/// A mode by one route, judged beside what a run would judge it with: the other routes of the
/// mode, and the same job with tracing off.
async fn judged(world: &World, mode: Mode, route: &str) -> Judgement {
    let mut all = vec![run(world, mode, mode.value, route).await];
    let needs_peers = ["banner-contradicts", "outcome-changed-by-tracing"].contains(&mode.code);
    if needs_peers && !mode.witness {
        for other in mode.routes.iter().filter(|other| **other != route) {
            all.push(run(world, mode, mode.value, other).await);
        }
        all.push(run(world, mode, "0", route).await);
    }
    judge_all(world.spec(), &all).into_iter().next().unwrap()
}

/// Whether the funnel loses units at the stage, where the stage is one that counts them.
fn loses(funnel: Funnel, stage: Stage) -> bool {
    let Funnel { expected, executed, attempted, stored, finished, linked, joined } = funnel;
    match stage {
        Stage::Attempted => attempted <= executed,
        Stage::Accepted | Stage::Stored => stored < executed && executed == expected,
        Stage::Finished => finished < stored && stored == expected,
        Stage::Linked => linked < finished && finished == expected,
        _ => joined <= expected,
    }
}

/// What is wrong with the verdict on a mode; nothing when all is as the table says.
fn wrong(mode: Mode, judgement: &Judgement) -> Option<String> {
    let first = judgement.findings().first();
    let code = first.map_or("pass", |finding| finding.code.text());
    let told = first.map(ToString::to_string).unwrap_or_default();
    let right = code == mode.code
        && judgement.codes().iter().skip(1).map(|code| code.text()).eq(mode.also.iter().copied())
        && told.contains(mode.proof)
        && first.is_none_or(|finding| loses(judgement.funnel, finding.code.stage()))
        && (first.is_some() || judgement.verdict == Verdict::Pass);
    let codes = judgement.codes();
    let Mode { fault, value, code, proof, witness, .. } = mode;
    (!right).then(|| {
        format!(
            "`{fault}` with {value}, witness {witness}: expected {code} with `{proof}`, found \
             {codes:?} {:?}\n{told}",
            judgement.funnel
        )
    })
}

#[expect(clippy::disallowed_methods, reason = "the long form is asked for by whoever runs it")]
fn runs() -> usize {
    std::env::var("SPANPROOF_TEST_RUNS").map_or(1, |runs| runs.parse().unwrap())
}

#[tokio::test]
async fn every_mode_is_told_by_its_code_each_time() {
    let runs = runs();
    let healthy = world(env!("CARGO_BIN_EXE_runner")).await;
    let faulty = world(env!("CARGO_BIN_EXE_faulty-runner")).await;
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for _ in 0..runs {
        for mode in MODES.iter().copied() {
            for route in mode.routes {
                let world = if mode.fault.is_empty() { &healthy } else { &faulty };
                let (world, permits) = (world.clone(), permits.clone());
                running.spawn(async move {
                    let _permit = permits.acquire().await;
                    let judgement = judged(&world, mode, route).await;
                    wrong(mode, &judgement).map(|why| format!("{route}: {why}"))
                });
            }
        }
    }
    let count = running.len();
    let wrong: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {count} verdicts:\n{}", wrong.len(), wrong.join("\n"));
}

/// No fault of the binary is left out of the table, and none in it is misspelt.
#[test]
fn every_fault_is_in_the_table() {
    let mut runner = assert_cmd::Command::new(env!("CARGO_BIN_EXE_faulty-runner"));
    let told = runner.env("FAULT", "none of them").output().unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    let (_, names) = told.trim().split_once("the faults are ").unwrap();
    let known: BTreeSet<&str> = names.split(", ").collect();
    let tested: BTreeSet<&str> = MODES.iter().map(|mode| mode.fault).collect();
    let tested: BTreeSet<&str> = tested.into_iter().filter(|fault| !fault.is_empty()).collect();
    assert_eq!(tested, known);
}

/// Codes that no fault of the runner can bring about are tested by these files.
#[test]
fn every_code_is_expected_by_some_test() {
    let elsewhere = [
        ("tests/disturbed.rs", "not-recovered lost-at-exit write-failed-silent"),
        ("tests/faults.rs", "write-failed-reported"),
        ("tests/reasons.rs", "path-not-executed"),
        ("harness/spanproof/src/verdict/expected.rs", "ExpectedFailurePassed"),
        ("harness/spanproof/src/verdict/tests.rs", "flag-ignored NeverReady impossible-times"),
        ("harness/command/tests/command/services.rs", "not-stopped left-processes"),
    ];
    let mut expected: BTreeSet<String> = MODES.iter().map(|mode| mode.code.to_owned()).collect();
    for (file, codes) in elsewhere {
        let text = std::fs::read_to_string(repository(file)).unwrap();
        for code in codes.split(' ') {
            assert!(text.contains(code), "{file} does not expect {code}");
            let known = Code::ALL.iter().find(|known| format!("{known:?}") == code);
            expected.insert(known.map_or_else(|| code.to_owned(), ToString::to_string));
        }
    }
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !expected.contains(code.text())).collect();
    assert!(missing.is_empty(), "no test expects {missing:?}");
}
