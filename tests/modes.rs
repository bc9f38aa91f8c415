//! Tests of loss modes, the ways in which spans are lost. Each mode is a fault of the runner under
//! one condition, such as a broken upstream. A test checks the code and the evidence of the verdict,
//! and the funnel: how many units of work reached each stage of recording. A unit is one question of
//! the job for one model in one region; the job has four units. The healthy runner must pass under
//! the same conditions.
//!
//! `SPANPROOF_TEST_RUNS=20` repeats each mode twenty times, four trials at a time. The verdict must
//! be the same each time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use spanproof::{Funnel, Judgement, Observation, Timeouts, Verdict, World, judge_all};
use spanproof_format::Code;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::program::program;
use crate::world::{faulty, healthy, repository};
use crate::{one_shot, reasons};

const FLAG: &str = "ENABLE_DB_TRACING";
/// Number of trials of one mode that run at the same time.
const CONCURRENT_TRIALS: usize = 4;
const BOTH_ROUTES: &[&str] = &["queued", "cross-region"];

/// Number of units that reached each stage: expected (the job has the unit), executed, attempted
/// (its spans began), stored (each span has a row), finished (each span has an end), linked (each
/// span has the ids and values of the unit), joined (the spans are one tree).
type Units = [usize; 7];
/// Stands for a number that depends on the order of concurrent units.
const ANY: usize = usize::MAX;
const ALL_JOINED: Units = [4; 7];
/// No job was submitted, so there are no units.
const NOT_SUBMITTED: Units = [0; 7];
const NONE_EXECUTED: Units = [4, 0, 0, 0, 0, 0, 0];
const NONE_ATTEMPTED: Units = [4, 4, 0, 0, 0, 0, 0];
const NONE_STORED: Units = [4, 4, 4, 0, 0, 0, 0];
const NONE_FINISHED: Units = [4, 4, 4, 4, 0, 0, 0];
const NONE_LINKED: Units = [4, 4, 4, 4, 4, 0, 0];
const NONE_JOINED: Units = [4, 4, 4, 4, 4, 4, 0];

/// Keeps the timeouts of the spec.
const SPEC_TIMEOUTS: Timeouts =
    Timeouts { ready: None, settle: None, flush: None, grace: None, trial: None };
/// Short timeouts for runners that never become ready, never finish a job or never stop. They are too
/// short for a healthy runner, which needs up to 5 s to stop.
const SHORT_TIMEOUTS: Timeouts = Timeouts {
    ready: Some(Duration::from_secs(4)),
    settle: Some(Duration::from_secs(4)),
    flush: None,
    grace: Some(Duration::from_secs(3)),
    trial: None,
};

/// One fault of the runner under one condition, and the expected verdict.
#[derive(Debug, Clone, Copy)]
struct Mode {
    /// `FAULT` of the faulty runner; empty for the healthy runner.
    bug: &'static str,
    /// The expected first code; `None` if the verdict is a pass.
    code: Option<Code>,
    /// The expected codes after the first one.
    also: &'static [Code],
    /// Text that the first finding or its evidence must contain.
    proof: &'static str,
    /// The expected funnel.
    units: Units,
    /// The value of the tracing flag.
    value: &'static str,
    routes: &'static [&'static str],
    upstream: &'static str,
    /// A fault outside the runner, by its name in the spec.
    fault: Option<&'static str>,
    /// Whether the database witness is on. It collects evidence with triggers and the server's log.
    witness: bool,
    /// SQL that runs before the service starts.
    sql: &'static str,
    /// Keys of the spec, and the values that replace the values in the spec.
    spec: &'static [(&'static str, &'static str)],
    /// Other values of the tracing flag. If the list is not empty, the trial (run) of the mode is
    /// judged together with its peers: a trial for each of these values, and a trial for each other
    /// route of the mode.
    peers: &'static [&'static str],
    timeouts: Timeouts,
}

/// Returns a mode in which the runner with this fault passes.
const fn passes(bug: &'static str) -> Mode {
    Mode {
        bug,
        code: None,
        also: &[],
        proof: "",
        units: ALL_JOINED,
        value: "true",
        routes: BOTH_ROUTES,
        upstream: "healthy",
        fault: None,
        witness: false,
        sql: "",
        spec: &[],
        peers: &[],
        timeouts: SPEC_TIMEOUTS,
    }
}

/// Returns a mode in which the runner with this fault gets one code.
const fn fails(bug: &'static str, code: Code, proof: &'static str, units: Units) -> Mode {
    Mode { code: Some(code), proof, units, ..passes(bug) }
}

/// Returns the mode of [`fails`], but with the database witness.
const fn fails_with_witness(
    bug: &'static str,
    code: Code,
    proof: &'static str,
    units: Units,
) -> Mode {
    Mode { witness: true, ..fails(bug, code, proof, units) }
}

/// Defines a test for each mode, and the table of all modes.
macro_rules! modes {
    ($($name:ident: $mode:expr;)*) => {
        const MODES: &[Mode] = &[$($mode,)*];

        $(#[tokio::test]
        async fn $name() {
            const MODE: &Mode = &$mode;
            check(MODE).await;
        })*
    };
}

modes! {
    no_tracer: fails(
        "no-tracer",
        Code::ProcessCrashed,
        "no tracer line at startup",
        [4, ANY, 0, 0, 0, 0, 0],
    );
    tracer_absent: fails(
        "tracer-absent",
        Code::TracerNotConstructed,
        "none from a tracer",
        NONE_ATTEMPTED,
    );
    flag_dropped: fails(
        "flag-dropped",
        Code::FlagUnset,
        "DBTracer: DISABLED (ENABLE_DB_TRACING=)",
        NONE_ATTEMPTED,
    );
    strict_flag: fails(
        "strict-flag",
        Code::FlagUnrecognisedValue,
        "DISABLED (ENABLE_DB_TRACING=true)",
        NONE_ATTEMPTED,
    );
    strict_flag_with_every_value: Mode {
        spec: &[(
            "flag",
            "[{ name = 'ENABLE_DB_TRACING', tracing = true, values = ['true', '1', '0'] }, \
             { name = 'HYBRID_ROUTER_DISABLE', values = [{ unset = true }, 'true'] }]",
        )],
        peers: &["1", "0"],
        ..fails("strict-flag", Code::FlagIgnored, "DISABLED (ENABLE_DB_TRACING=true)", NONE_ATTEMPTED)
    };
    hangs_at_start: Mode {
        timeouts: SHORT_TIMEOUTS,
        peers: &["0"],
        ..fails("hangs-at-start", Code::NeverReady, "connection refused", NOT_SUBMITTED)
    };
    lenient_flag: Mode {
        value: "false",
        ..fails("lenient-flag", Code::LeakedWhileOff, "ENABLED (ENABLE_DB_TRACING=false)", ALL_JOINED)
    };
    ok_while_disabled: Mode {
        value: "false",
        peers: &["0"],
        ..fails(
            "ok-while-disabled",
            Code::BannerContradicts,
            "✅ StartSpan RecordSpan success",
            NONE_ATTEMPTED,
        )
    };
    banner_lies: Mode {
        peers: &["0"],
        also: &[Code::BannerContradicts],
        ..fails(
            "banner-lies",
            Code::PathNotExecuted,
            "DBTracer: ENABLED (ENABLE_DB_TRACING=true)",
            NONE_ATTEMPTED,
        )
    };
    cross_region_untraced: Mode {
        routes: &["cross-region"],
        ..fails(
            "cross-region-untraced",
            Code::PathNotExecuted,
            "0 lines about the start of",
            NONE_ATTEMPTED,
        )
    };
    early_failure: fails("early-failure", Code::JobFailedEarly, "jobs: failed", NONE_EXECUTED);
    never_picked_up: Mode {
        routes: &["queued"],
        timeouts: SHORT_TIMEOUTS,
        ..fails("never-picked-up", Code::JobNotPickedUp, "jobs: queued", NONE_EXECUTED)
    };
    tracer_hangs: Mode {
        also: &[Code::NotStopped],
        timeouts: SHORT_TIMEOUTS,
        ..fails("tracer-hangs", Code::JobNotFinished, "running", NONE_ATTEMPTED)
    };
    renamed: fails(
        "renamed",
        Code::WrongAttributes,
        "trace_spans executeQuestion",
        NONE_STORED,
    );
    start_only: fails(
        "start-only",
        Code::NotFinished,
        "status=started completed_at=null",
        NONE_FINISHED,
    );
    ends_before_start: Mode {
        sql: "alter table trace_spans drop constraint trace_spans_ends_after_it_starts",
        ..fails("ends-before-start", Code::ImpossibleTimes, "completed_at=", ALL_JOINED)
    };
    startup_line_lost: fails(
        "startup-line-lost",
        Code::ClaimMissing,
        "none matches the pattern `tracer`",
        ALL_JOINED,
    );
    not_linked: fails("not-linked", Code::Unlinked, "execution_id=null", NONE_LINKED);
    links_crossed: fails("links-crossed", Code::Unlinked, "differs from its unit in ", NONE_LINKED);
    region_lost: fails("region-lost", Code::Unlinked, "region=", NONE_LINKED);
    parent_lost: fails(
        "parent-lost",
        Code::BrokenTree,
        "no `execute_question` of this unit has that id",
        NONE_JOINED,
    );
    parent_null: fails("parent-null", Code::BrokenTree, "parent_span_id=null", NONE_JOINED);
    trace_split: fails("trace-split", Code::BrokenTree, "another trace", NONE_JOINED);
    trace_not_passed: fails(
        "trace-not-passed",
        Code::BrokenTree,
        "upstream: none of 4 requests carried",
        NONE_JOINED,
    );
    duplicate: fails("duplicate", Code::Duplicate, "execute_question span", ALL_JOINED);
    outcome: Mode {
        peers: &["0"],
        ..fails("outcome", Code::OutcomeChangedByTracing, "job failed", ALL_JOINED)
    };
    errors_unfinished: Mode {
        upstream: "no-providers",
        ..fails(
            "errors-unfinished",
            Code::NotFinished,
            "status=started completed_at=null",
            NONE_FINISHED,
        )
    };
    always_completed: Mode {
        upstream: "no-providers",
        ..fails("always-completed", Code::StatusDisagrees, "status=completed", NONE_LINKED)
    };
    wrong_path: fails(
        "wrong-path",
        Code::UnexpectedRequest,
        "upstream: POST /inference/inference",
        ALL_JOINED,
    );
    leaves_process: fails("leaves-process", Code::ProcessesLeft, "(sleep)", ALL_JOINED);
    sampled: Mode {
        also: &[Code::BannerContradicts],
        ..fails("sampled", Code::Undetermined, "of 4 rows", [4, 4, 4, ANY, ANY, ANY, ANY])
    };
    acknowledged_only: Mode {
        also: &[Code::BannerContradicts],
        ..fails(
        "acknowledged-only",
        Code::Undetermined,
        "✅ StartSpan RecordSpan success",
        NONE_STORED,
    )
    };
    rolled_back: Mode {
        also: &[Code::BannerContradicts],
        ..fails(
        "rolled-back",
        Code::Undetermined,
        "0 `execute_question` of 0 rows",
        NONE_STORED,
    )
    };
    login_refused: fails("login-refused", Code::WriteFailedReported, "does not exist", NONE_STORED);

    acknowledged_only_with_witness: Mode {
        also: &[Code::BannerContradicts],
        ..fails_with_witness(
        "acknowledged-only",
        Code::NeverSent,
        "witness: 0 inserting statements began",
        NONE_STORED,
    )
    };
    sampled_with_witness: Mode {
        also: &[Code::BannerContradicts],
        ..fails_with_witness(
        "sampled",
        Code::NeverSent,
        "4 are kept",
        [4, 4, 4, ANY, ANY, ANY, ANY],
    )
    };
    rolled_back_with_witness: Mode {
        also: &[Code::BannerContradicts],
        ..fails_with_witness(
        "rolled-back",
        Code::RolledBack,
        "8 written, 0 are kept",
        NONE_STORED,
    )
    };
    conflict_ignored_with_witness: Mode {
        also: &[Code::BannerContradicts, Code::NotFinished, Code::InvalidIds, Code::Unlinked],
        ..fails_with_witness(
        "conflict-ignored",
        Code::SilentlyDiscarded,
        "8 rows were tried, 1 written",
        NONE_STORED,
    )
    };
    batch_with_witness: Mode {
        also: &[Code::BannerContradicts],
        ..fails_with_witness(
        "batch",
        Code::BatchPoisoned,
        "server log: 23505 duplicate key value",
        NONE_STORED,
    )
    };
    login_refused_with_witness: fails_with_witness(
        "login-refused",
        Code::WriteFailedReported,
        "the server let nobody in, 28000",
        NONE_STORED,
    );
    elsewhere_with_witness: Mode {
        also: &[Code::BannerContradicts],
        ..fails_with_witness(
        "elsewhere",
        Code::WrongDestination,
        "tenant.trace_spans: 8 rows",
        NONE_STORED,
    )
    };

    removed_with_witness: Mode {
        witness: true,
        sql: "create function remove_span() returns trigger language plpgsql as \
              $$ begin delete from trace_spans where id = new.id; return null; end $$; \
              create trigger remove_span after insert on trace_spans \
              for each row execute function remove_span()",
        also: &[Code::BannerContradicts],
        ..fails("startup-line-lost", Code::RemovedLater, "8 written, 0 are kept", NONE_STORED)
    };

    silent_write_failure_without_privilege: Mode {
        fault: Some("insert-revoked"),
        ..fails("silent-write-failure", Code::WriteFailedSilent, "0 of 4", NONE_STORED)
    };
    silent_write_failure_with_locked_table: Mode {
        fault: Some("locked"),
        ..fails("silent-write-failure", Code::WriteFailedSilent, "0 of 4", NONE_STORED)
    };
    gives_up_without_privilege: Mode {
        fault: Some("insert-revoked"),
        ..fails("gives-up", Code::NotRecovered, "RecordSpan error", NONE_STORED)
    };
    gives_up_after_a_lost_connection: Mode {
        fault: Some("backend-terminated"),
        ..fails("gives-up", Code::NotRecovered, "RecordSpan error", NONE_STORED)
    };
    written_late_and_killed: Mode {
        fault: Some("killed-mid-job"),
        ..fails("written-late", Code::LostAtExit, "SIGKILL, on purpose", NONE_STORED)
    };

    contract_without_its_effect: Mode {
        spec: &[("flag", "[{ name = 'ENABLE_DB_TRACING', tracing = true, values = ['true', 'false'], \
                  on = { log = '^no such line$' } }, \
                  { name = 'HYBRID_ROUTER_DISABLE', values = [{ unset = true }, 'true'] }]")],
        ..fails("gives-up", Code::FlagWithoutEffect, "control: the job ended", ALL_JOINED)
    };
    contract_with_an_effect_while_off: Mode {
        spec: &[("flag", "[{ name = 'ENABLE_DB_TRACING', tracing = true, values = ['true', 'false'] }, \
                  { name = 'HYBRID_ROUTER_DISABLE', values = [{ unset = true }, 'true'], \
                    on = { requests = true } }]")],
        ..fails("gives-up", Code::FlagEffectWhileOff, "request  POST", ALL_JOINED)
    };

    fills_up_after_two_jobs: Mode {
        fault: Some("job-repeated"),
        ..fails("fills-up", Code::RecordingStopped, "job 3: 0 spans for 4 units", ALL_JOINED)
    };

    fills_up_passes: passes("fills-up");
    healthy_passes_with_several_jobs: Mode { fault: Some("job-repeated"), ..passes("") };
    written_late_passes: passes("written-late");
    gives_up_passes: passes("gives-up");
    span_error_panics_passes: passes("span-error-panics");
    unit_panics_passes: passes("unit-panics");
    silent_write_failure_passes: passes("silent-write-failure");

    healthy_passes: passes("");
    healthy_passes_with_witness: Mode { witness: true, ..passes("") };
    healthy_passes_while_off: Mode { value: "false", units: NONE_ATTEMPTED, ..passes("") };
    healthy_passes_without_providers: Mode { upstream: "no-providers", ..passes("") };
}

/// Runs a mode on each of its routes and compares the verdicts.
async fn check(mode: &'static Mode) {
    let world = world(mode).await;
    let permits = Arc::new(Semaphore::new(CONCURRENT_TRIALS));
    let mut running = JoinSet::new();
    for route in std::iter::repeat_n(mode.routes, repetitions()).flatten() {
        let (world, permits) = (world.clone(), permits.clone());
        running.spawn(async move {
            let judgement = judgement(&world, mode, route, &permits).await;
            compare(mode, &judgement).err().map(|error| format!("{route}: {error}"))
        });
    }
    let count = running.len();
    let errors: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    let wrong = errors.len();
    assert!(errors.is_empty(), "{wrong} of {count} verdicts are wrong:\n{}", errors.join("\n"));
}

/// Returns the world for a mode: what trials share, such as the runner and the spec, with the
/// changes that the mode makes to the spec.
async fn world(mode: &Mode) -> World {
    if mode.spec.is_empty() {
        return if mode.bug.is_empty() { healthy().await } else { faulty().await };
    }
    let builder = World::new(repository("spanproof.toml")).shared_server();
    let builder = builder.binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let builder = mode.spec.iter().fold(builder, |builder, (key, value)| builder.set(key, value));
    builder.open().await.unwrap()
}

/// Runs and judges a mode on one route, together with the peers of the mode.
async fn judgement(world: &World, mode: &Mode, route: &str, permits: &Semaphore) -> Judgement {
    let other_routes =
        mode.routes.iter().filter(|other| **other != route && !mode.peers.is_empty());
    let peers = other_routes.map(|other| (mode.value, *other));
    let peers = peers.chain(mode.peers.iter().map(|value| (*value, route)));
    let mut observations = Vec::new();
    for (value, route) in std::iter::once((mode.value, route)).chain(peers) {
        let _permit = permits.acquire().await.unwrap();
        observations.push(observe(world, mode, value, route).await);
    }
    judge_all(world.spec(), &observations).swap_remove(0)
}

/// Runs one trial of a mode. `value` is the value of the tracing flag.
async fn observe(world: &World, mode: &Mode, value: &str, route: &str) -> Observation {
    let trial = world.trial().flag(FLAG, value).env("FAULT", mode.bug).route(route);
    let trial = trial.upstream(mode.upstream).sql_before(mode.sql).timeouts(mode.timeouts);
    let trial = if mode.witness { trial.witness() } else { trial };
    let trial = if let Some(fault) = mode.fault { trial.fault(fault) } else { trial };
    trial.run().await.unwrap()
}

/// Compares a judgement with what the mode expects. The error shows both.
fn compare(mode: &Mode, judgement: &Judgement) -> Result<(), String> {
    let Funnel { expected, executed, attempted, stored, finished, linked, joined, .. } =
        judgement.funnel;
    let units = [expected, executed, attempted, stored, finished, linked, joined];
    let same_units = mode.units.iter().zip(units).all(|(want, found)| [ANY, found].contains(want));
    let codes: Vec<Code> = mode.code.iter().chain(mode.also).copied().collect();
    let first = judgement.findings().first().map(ToString::to_string).unwrap_or_default();
    let is_pass = judgement.verdict == Verdict::Pass;
    let same_verdict = judgement.codes() == codes && is_pass == mode.code.is_none();
    if same_verdict && same_units && first.contains(mode.proof) {
        return Ok(());
    }
    Err(format!(
        "expected {codes:?} {:?} with `{}`\nfound {:?} {units:?}\n{first}",
        mode.units,
        mode.proof,
        judgement.codes()
    ))
}

#[expect(
    clippy::disallowed_methods,
    reason = "an environment variable sets the number of repetitions"
)]
fn repetitions() -> usize {
    std::env::var("SPANPROOF_TEST_RUNS").map_or(1, |runs| runs.parse().unwrap())
}

#[test]
fn every_fault_of_the_runner_has_a_mode() {
    let mut runner = program(env!("CARGO_BIN_EXE_faulty-runner"));
    let output = runner.env("FAULT", "unknown").output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let (_, names) = error.trim().split_once("the faults are ").unwrap();
    let faults: BTreeSet<&str> = names.split(", ").collect();
    let tested: BTreeSet<&str> = MODES.iter().map(|mode| mode.bug).collect();
    let tested: BTreeSet<&str> = tested.into_iter().filter(|bug| !bug.is_empty()).collect();
    assert_eq!(tested, faults);
}

/// A fault is not counted if the runner passes in every mode with this fault.
#[test]
fn the_readme_counts_the_defects() {
    let defects: BTreeSet<&str> =
        MODES.iter().filter(|mode| mode.code.is_some()).map(|mode| mode.bug).collect();
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let sentence =
        format!("Some of them inject {} defects into the example service,", defects.len());
    assert!(readme.contains(&sentence), "README.md should say `{sentence}`");
}

#[test]
fn every_code_has_a_mode() {
    let codes = MODES.iter().flat_map(|mode| mode.code.iter().chain(mode.also));
    let tested: BTreeSet<Code> =
        codes.copied().chain(reasons::CODES_OF_RUNS).chain(one_shot::CODES).collect();
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !tested.contains(code)).collect();
    assert!(missing.is_empty(), "no mode expects {missing:?}");
}
