//! `spanproof replay`: runs the cases of incidents again. An incident is a file with the evidence
//! of one case or job; the code calls this file a bundle. A world is a built service with the
//! Postgres server for its cases.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::anyhow;

use super::args::Replay;
use super::capture::incident_failure;
use super::deadline::{SHUTDOWN_TIMEOUT, time_over};
use super::{Exit, Failure, output, runtime, sources};
use crate::report;
use spanproof::Spec;
use spanproof::World;
use spanproof::{Bundle, ExpectedVerdict, IncidentError};
use spanproof_format::{Replay as ReplayDocument, ReplayAttempt, ReplayOutcome, Verdict};

pub(super) fn replay(args: &Replay) -> Result<Exit, Failure> {
    let result = replay_all(args);
    if !args.bisect {
        return result;
    }
    // `git bisect` must skip a commit that can't be tested.
    Ok(match result {
        Ok(exit @ (Exit::Passed | Exit::Findings)) => exit,
        Ok(_) => Exit::Skip,
        Err(failure) => {
            output::error(&failure.text);
            Exit::Skip
        }
    })
}

fn replay_all(args: &Replay) -> Result<Exit, Failure> {
    let start = Instant::now();
    let spec = sources::spec(&args.config)?;
    let mut bundles = Vec::new();
    for path in paths(&args.incident)? {
        let read = if args.assumptions.edited { Bundle::read_edited } else { Bundle::read };
        let mut bundle = read(&path).map_err(incident_failure)?;
        // A bisection and the replay of an adopted incident run programs that differ from the recorded one on
        // purpose. An incident adopted as `same` has no `expects`, but its setup names no program.
        if args.assumptions.any_program || args.bisect || bundle.expects.is_some() {
            bundle = bundle.with_any_program();
        }
        let (route, upstream) = (&args.assumptions.route, &args.assumptions.upstream);
        bundles.push(bundle.with_defaults(route.as_deref(), upstream.as_deref()));
    }
    if args.assert_only {
        let runtime = runtime()?;
        let exits = bundles.iter().map(|bundle| runtime.block_on(rejudge(&spec, bundle)));
        return Ok(worst(exits));
    }
    if args.adopt.is_some() && bundles.len() != 1 {
        return Err(Failure::usage(anyhow!("`--adopt` takes one incident, not a folder")));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    let result = runtime.block_on(run(args, spec, &bundles, start));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    result
}

/// Replays the incidents, and returns the most severe exit code.
async fn run(
    args: &Replay,
    spec: Spec,
    bundles: &[Bundle],
    start: Instant,
) -> Result<Exit, Failure> {
    let deadline = args.timeout.map(|timeout| start + timeout);
    let world = tokio::select! {
        world = open_world(args, spec) => world?,
        failure = time_over(deadline, "the build and the Postgres server") => return Err(failure),
    };
    let mut exits = Vec::new();
    for (index, bundle) in bundles.iter().enumerate() {
        let awaited = format!("replay {} of {}", index + 1, bundles.len());
        exits.push(tokio::select! {
            exit = Box::pin(replay_one(args, &world, bundle)) => exit?,
            failure = time_over(deadline, &awaited) => return Err(failure),
        });
    }
    world.close().await.map_err(Failure::world)?;
    Ok(worst(exits.into_iter()))
}

/// Returns the path of the incident, or the paths of all incidents in a folder, sorted by name.
fn paths(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let paths = spanproof::list_incidents(path).map_err(incident_failure)?;
    if paths.is_empty() {
        let text = format!(
            "no incident (`*.jsonl`) in `{}`; `spanproof capture` makes one",
            path.display()
        );
        return Err(Failure { exit: Exit::Nothing, text });
    }
    Ok(paths)
}

/// Returns the most severe exit code. The order is: Postgres or the service did not start,
/// findings, a commit that can't be tested, uncertain replays.
fn worst(exits: impl Iterator<Item = Exit>) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::World => 0,
        Exit::Findings => 1,
        Exit::Skip => 2,
        Exit::Unfaithful => 3,
        _ => 4,
    };
    exits.min_by_key(rank).unwrap_or(Exit::Nothing)
}

/// Builds the service, starts Postgres, and prints where the Postgres server comes from.
async fn open_world(args: &Replay, spec: Spec) -> Result<World, Failure> {
    let failure = |error: spanproof::WorldError| incident_failure(IncidentError::World(error));
    let mut builder = World::new(&args.config).show_build();
    match &args.binary {
        Some(binary) => {
            builder = builder.binary(std::path::absolute(binary).map_err(Failure::usage)?);
        }
        None if spec.builds() => output::note(&format!("building {}", spec.service_name())),
        None => {}
    }
    let world = builder.open_spec(spec).await.map_err(failure)?;
    output::note(&world.server().origin().to_string());
    Ok(world)
}

/// Judges the stored evidence of an incident again and prints the result.
async fn rejudge(spec: &Spec, bundle: &Bundle) -> Exit {
    let rejudgement = spanproof::rejudge_incident(spec, bundle).await;
    output::print(&report::rejudgement(&rejudgement));
    match (rejudgement.differences.is_empty(), rejudgement.doubts.is_empty()) {
        (false, _) => Exit::Findings,
        (true, false) => Exit::Unfaithful,
        (true, true) => Exit::Passed,
    }
}

/// Replays an incident, prints the result, and adopts the incident if `--adopt` is given.
async fn replay_one(args: &Replay, world: &World, bundle: &Bundle) -> Result<Exit, Failure> {
    let replay = spanproof::replay(world, bundle).await.map_err(incident_failure)?;
    output::print(&report::replay(&replay));
    if let Some(expected) = &args.adopt {
        let expected: ExpectedVerdict =
            expected.parse().map_err(IncidentError::from).map_err(incident_failure)?;
        let path =
            spanproof::adopt(world.spec(), bundle, &replay, expected).map_err(incident_failure)?;
        output::print(&format!("adopted as {}, expected result: {expected}\n", path.display()));
        return Ok(if expected.is_met_by(&replay) { Exit::Passed } else { Exit::Findings });
    }
    if args.bisect {
        return Ok(bisect_exit(&replay));
    }
    Ok(match replay.outcome {
        ReplayOutcome::Reproduced => Exit::Passed,
        ReplayOutcome::Uncertain if bundle.expects.is_some() => Exit::Passed,
        ReplayOutcome::Uncertain => Exit::Unfaithful,
        ReplayOutcome::Different => Exit::Findings,
        ReplayOutcome::Broken => Exit::World,
    })
}

/// Returns the exit code for `git bisect run`: whether the incident happens on this commit.
fn bisect_exit(replay: &ReplayDocument) -> Exit {
    match replay.outcome {
        ReplayOutcome::Reproduced | ReplayOutcome::Uncertain => Exit::Findings,
        ReplayOutcome::Broken => Exit::Skip,
        ReplayOutcome::Different => {
            let passes = |attempt: &ReplayAttempt| attempt.judgement.verdict == Verdict::Pass;
            // A different failure does not show whether the incident is absent.
            if replay.attempts.iter().any(passes) { Exit::Passed } else { Exit::Skip }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_that_cannot_be_tested_is_more_severe_than_absent_ones() {
        let [absent, present, unknown] = [Exit::Passed, Exit::Findings, Exit::Skip];
        assert_eq!(worst([absent, unknown].into_iter()), unknown);
        assert_eq!(worst([unknown, absent].into_iter()), unknown);
        assert_eq!(worst([unknown, present].into_iter()), present);
    }
}
