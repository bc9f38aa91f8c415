//! `spanproof check` and `spanproof plan`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::args::{Check, Format, Plan, Which};
use super::progress::Progress;
use super::{Exit, Failure, environment, output, runs};
use crate::report;
use spanproof::Spec;
use spanproof::World;
use spanproof::shell_quoted;
use spanproof::{Case, cases};
use spanproof::{Keep, Proven, RunOptions, RunResult, Snapshot};
use spanproof_format::{Incident, Run, StepTime, Summary, Timings};

/// The steps of a trial, in order.
const STEPS: [&str; 8] =
    ["clone", "upstream", "launch", "ready", "submit", "settle", "stop", "collect"];
/// How long background work may take to end after the last result.
const LINGER: Duration = Duration::from_secs(2);

pub(super) fn plan(args: &Plan) -> Result<Exit, Failure> {
    let (spec, cases) = selected(&args.which)?;
    output::print(&report::plan(&spanproof::plan(&spec, &cases)));
    Ok(Exit::Passed)
}

/// Reads the spec and picks the cases.
fn selected(which: &Which) -> Result<(Spec, Vec<Case>), Failure> {
    if !which.config.is_file() {
        let text = "there is no `{}` here; name one with `--config FILE`";
        let text = text.replace("{}", &which.config.display().to_string());
        return Err(Failure::usage(anyhow!(text)));
    }
    let spec = Spec::read(&which.config).map_err(Failure::usage)?;
    let all = cases(&spec).map_err(Failure::usage)?;
    let picked = which.selection().pick(all);
    let picked = picked.map_err(|why| Failure { exit: Exit::Nothing, text: why })?;
    Ok((spec, picked))
}

pub(super) fn check(args: &Check) -> Result<Exit, Failure> {
    let start = Instant::now();
    if args.update && environment::is_ci() {
        let text = "`--update` is refused while CI is set: accept snapshots on your own machine";
        return Err(Failure::usage(anyhow!(text)));
    }
    let (spec, cases) = selected(&args.which)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    let ended = runtime.block_on(async {
        let (cancel, cancelled) = watch::channel(false);
        let interrupted = interrupted(cancel)?;
        tokio::pin!(interrupted);
        let mut work = std::pin::pin!(work(args, spec, cases, cancelled, start));
        let mut signal = None;
        loop {
            tokio::select! {
                ended = &mut work => return match (signal, ended) {
                    // What breaks after a signal breaks because of it.
                    (Some(exit), _) => Ok(exit),
                    (None, ended) => ended,
                },
                exit = &mut interrupted, if signal.is_none() => signal = Some(exit),
            }
        }
    });
    runtime.shutdown_timeout(LINGER);
    ended
}

/// Ends with the exit code of the first signal, after telling everyone to stop. A second signal
/// ends the process at once; the reaper removes what is left.
fn interrupted(cancel: watch::Sender<bool>) -> Result<impl Future<Output = Exit> + use<>, Failure> {
    let mut int = signal(SignalKind::interrupt()).map_err(Failure::world)?;
    let mut term = signal(SignalKind::terminate()).map_err(Failure::world)?;
    Ok(async move {
        let exit = tokio::select! {
            _ = int.recv() => Exit::Interrupted,
            _ = term.recv() => Exit::Terminated,
        };
        output::note("stopping; once more to stop at once");
        cancel.send_replace(true);
        tokio::spawn(async move {
            tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
            #[expect(clippy::exit, reason = "the second signal asks for exactly this")]
            std::process::exit(i32::from(exit.code()));
        });
        exit
    })
}

async fn work(
    args: &Check,
    spec: Spec,
    cases: Vec<Case>,
    mut cancelled: watch::Receiver<bool>,
    start: Instant,
) -> Result<Exit, Failure> {
    let opened = tokio::select! {
        world = open(args, spec) => world?,
        _ = cancelled.wait_for(|cancelled| *cancelled) => return Ok(Exit::Interrupted),
    };
    let (world, evidence) = opened;
    if args.prove {
        return prove(args, world, &cases, cancelled).await;
    }
    let cancel = cancelled.clone();
    let mut options = RunOptions::new(evidence, cancelled);
    (options.workers, options.keep) = (workers(args), keep(args));
    (options.witness, options.probe) = (args.looks.witness, !args.looks.no_probe);
    let mut progress = Progress::new(cases.len());
    let running = spanproof::run(&world, &cases, options, |event| progress.take(&event));
    let ran = Box::pin(running).await;
    progress.done();
    let ran = ran.map_err(Failure::world)?;
    let incidents = incidents(args, &world, &ran, cancel).await?;
    let spec = world.spec().clone();
    let once = world.durations();
    let closing = Instant::now();
    world.close().await.map_err(Failure::world)?;
    let snapshots = snapshots(args, &spec, &ran)?;
    let run = ran.document(&spec, &snapshots, incidents);
    if args.timings {
        let once = [("build", once.0), ("postgres", once.1), ("close", closing.elapsed())];
        output::note(&report::timings(&timings(&once, &run)));
    }
    let human = args.format == Format::Human;
    let repeat = repeat(&args.which.config, args.binary.as_deref());
    let human = human.then(|| (repeat, start.elapsed()));
    show(&run, human)?;
    for (one, kept) in run.cases.iter().filter_map(|one| Some((one, one.kept.as_ref()?))) {
        output::note(&format!("kept {}: {kept}", one.id));
    }
    if run.cases.iter().any(|one| one.kept.is_some()) {
        output::note("`spanproof clean` removes what is kept");
    }
    let ended = ended(&run.summary);
    let back = run.incidents.iter().any(|incident| incident.back);
    Ok(if back && ended != Exit::World { Exit::Findings } else { ended })
}

/// Replays the incidents that were adopted, after a whole run of all cases.
async fn incidents(
    args: &Check,
    world: &World,
    ran: &RunResult,
    mut cancelled: watch::Receiver<bool>,
) -> Result<Vec<Incident>, Failure> {
    if !args.which.is_all() || ran.not_run > 0 {
        return Ok(Vec::new());
    }
    tokio::select! {
        replayed = spanproof::replay_adopted(world) => replayed.map_err(super::capture::failure),
        _ = cancelled.wait_for(|cancelled| *cancelled) => Ok(Vec::new()),
    }
}

/// Compares the startup output, and accepts it where that is asked for.
fn snapshots(args: &Check, spec: &Spec, ran: &RunResult) -> Result<Vec<Snapshot>, Failure> {
    let snapshots = spanproof::compare_snapshots(spec, &ran.outcomes);
    if !args.update {
        return Ok(snapshots);
    }
    let written = spanproof::update_snapshots(&snapshots).map_err(Failure::world)?;
    output::note(&format!("{written} snapshots written"));
    Ok(spanproof::compare_snapshots(spec, &ran.outcomes))
}

/// Sabotages healthy cases and prints what was told of each.
async fn prove(
    args: &Check,
    world: World,
    cases: &[Case],
    cancelled: watch::Receiver<bool>,
) -> Result<Exit, Failure> {
    let proven = spanproof::prove(&world, cases, workers(args), cancelled).await;
    let closed = world.close().await.map_err(Failure::world);
    let proven = proven.map_err(Failure::world)?;
    closed?;
    match proven {
        None => Ok(Exit::Interrupted),
        Some(Proven::Unhealthy(judgements)) => {
            let text = "nothing was sabotaged: the cases are not healthy as they are; \
                        `spanproof check` tells more";
            output::error(text);
            for (case, judgement) in judgements {
                if let Err(why) = judgement.passed() {
                    output::error(&format!("case {}: {why}", case.id));
                }
            }
            Ok(Exit::Findings)
        }
        Some(Proven::Done(proofs)) => {
            output::print(&report::proofs(&proofs));
            Ok(match (proofs.missed, proofs.caught) {
                (0, 0) => Exit::Nothing,
                (0, _) => Exit::Passed,
                _ => Exit::Unnoticed,
            })
        }
    }
}

/// Opens the world, telling what it is made of.
async fn open(args: &Check, spec: Spec) -> Result<(World, PathBuf), Failure> {
    let failure = |error: spanproof::WorldError| {
        if error.is_usage() { Failure::usage(error) } else { Failure::world(error) }
    };
    if args.binary.is_none() && spec.builds() {
        output::note(&format!("building {}", spec.service_name()));
    }
    let mut builder = World::of(&args.which.config).show_build();
    if args.databases.fresh {
        builder = builder.fresh();
    }
    if let Some(binary) = &args.binary {
        builder = builder.binary(std::path::absolute(binary).map_err(Failure::usage)?);
    }
    let world = builder.open_spec(spec).await.map_err(failure)?;
    output::note(&world.server().origin().to_string());
    // Only now: a world that does not come up must not push out the evidence of one that did.
    let folder = match &args.evidence {
        Some(folder) => folder.clone(),
        None => runs::new(world.spec().folder()).map_err(|error| {
            Failure::world(anyhow::Error::new(error).context("no folder for evidence"))
        })?,
    };
    Ok((world, folder))
}

fn keep(args: &Check) -> Keep {
    match (args.databases.keep, args.databases.keep_on_failure) {
        (true, _) => Keep::Everything,
        (_, true) => Keep::Failing,
        _ => Keep::Nothing,
    }
}

fn workers(args: &Check) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    args.jobs.map_or(2 * processors, usize::from)
}

/// Prints the results: for people with the command that repeats a case and the time it all took.
///
/// # Errors
/// When the results can't be printed as JSON.
pub(super) fn show(run: &Run, human: Option<(String, Duration)>) -> Result<(), Failure> {
    let Some((repeat, took)) = human else {
        output::print(&output::json(run)?);
        return Ok(());
    };
    let mut text = report::terminal(run, &repeat);
    text.push_str(&report::incidents(&run.incidents));
    text = format!("{text}\n{}\n", report::summary(&run.summary, took));
    if run.summary.snapshots_changed > 0 {
        text.push_str("accept the startup output with `spanproof check --update`\n");
    }
    output::print(&text);
    Ok(())
}

/// The times of the steps that happen `once` in a run, and of those of its trials.
fn timings(once: &[(&str, Duration)], run: &Run) -> Timings {
    let micros = |time: &Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let once = once.iter().map(|(step, took)| ((*step).to_owned(), micros(took))).collect();
    let step = |name: &&str| {
        let times = run.cases.iter().filter_map(|case| case.timings.get(*name));
        StepTime::new(*name, times.copied().collect())
    };
    Timings::new(once, STEPS.iter().filter_map(step).collect())
}

/// The highest severity wins. Cases that were not run are never green.
pub(super) fn ended(summary: &Summary) -> Exit {
    if summary.broken > 0 {
        Exit::World
    } else if summary.failed > 0 {
        Exit::Findings
    } else if summary.not_run > 0 {
        Exit::World
    } else if summary.snapshots_changed > 0 {
        Exit::Snapshots
    } else if summary.passed + summary.known == 0 || summary.assertions == 0 {
        Exit::Nothing
    } else {
        Exit::Passed
    }
}

/// The start of a command that repeats a case, as it can be pasted.
pub(super) fn repeat(config: &Path, binary: Option<&Path>) -> String {
    let mut words = vec![shell_quoted(&environment::program()), "check".into()];
    if config != Path::new(spanproof::SPEC_FILE) {
        words.extend(["--config".into(), shell_quoted(&config.to_string_lossy())]);
    }
    if let Some(binary) = binary {
        words.extend(["--binary".into(), shell_quoted(&binary.to_string_lossy())]);
    }
    words.join(" ")
}
