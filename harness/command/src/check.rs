//! `spanproof check`, which runs the cases. A case is one combination of flags and other inputs
//! with which the service is started. A world is a built service with the Postgres server for its
//! cases.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::args::{CaseArgs, Check, Format};
use super::capture::incident_failure;
use super::deadline::{SHUTDOWN_TIMEOUT, time_over};
use super::progress::Progress;
use super::prove::prove;
use super::runs::RunFolder;
use super::{Exit, Failure, deployed, environment, output, proof, snapshots, sources};
use crate::report;
use spanproof::Spec;
use spanproof::World;
use spanproof::shell_quoted;
use spanproof::{Case, DeployedCase, cases, experiments};
use spanproof::{KeepDatabases, RunOptions, RunResult};
use spanproof_format::{
    AdoptedIncident, FlagProof, Run, SnapshotState, StepTime, Summary, Timings,
};

/// The steps of a trial in their order. A trial is one start of the service for one case.
const STEPS: [&str; 8] =
    ["clone", "upstream", "launch", "ready", "submit", "settle", "stop", "collect"];

/// The result of a check.
#[derive(Debug)]
pub(super) struct CheckOutcome {
    pub(super) exit: Exit,
    /// What the run proves about the flags; `None` if it did not pass or not all cases were
    /// selected, or if no proof was requested.
    pub(super) proof: Option<FlagProof>,
}

impl From<Exit> for CheckOutcome {
    fn from(exit: Exit) -> Self {
        Self { exit, proof: None }
    }
}

/// The spec and the cases of a check.
#[derive(Debug)]
struct SelectedCases {
    spec: Spec,
    cases: Vec<Case>,
    /// The cases that `--as` adds for environments; `cases` contains them, too.
    deployed: Vec<DeployedCase>,
    /// All cases of the spec, before the selection and without the cases of environments.
    matrix: Vec<Case>,
}

/// Reads the spec and selects the cases. Adds cases with faults that the spec does not declare, unless
/// `--no-faults` is given.
pub(super) fn select_cases(args: &CaseArgs) -> Result<(Spec, Vec<Case>), Failure> {
    let SelectedCases { spec, cases, .. } = select(args, &[])?;
    Ok((spec, cases))
}

/// Selects from the cases of the matrix, of faults and of environments.
fn select(args: &CaseArgs, environments: &[String]) -> Result<SelectedCases, Failure> {
    let spec = sources::spec(&args.config)?;
    let mut all = cases(&spec).map_err(Failure::usage)?;
    if !args.no_faults {
        all.extend(experiments(&spec, &all));
    }
    let (matrix, deployed) = (all.clone(), deployed::cases(&spec, environments)?);
    deployed::add(&mut all, &deployed);
    let selected = args.selection().pick(all);
    let cases = selected.map_err(|text| Failure { exit: Exit::Nothing, text })?;
    Ok(SelectedCases { spec, cases, deployed, matrix })
}

pub(super) fn check(args: &Check) -> Result<Exit, Failure> {
    let outcome = execute(args, args.accept.write_proof)?;
    if !args.accept.write_proof {
        return Ok(outcome.exit);
    }
    match &outcome.proof {
        Some(found) => proof::write(&proof::path(&args.cases.config), found)?,
        None => output::error("no proof was written, because the run did not pass"),
    }
    Ok(outcome.exit)
}

/// Runs the cases. With `wants_proof`, a run that passes returns what it proves about the flags.
pub(super) fn execute(args: &Check, wants_proof: bool) -> Result<CheckOutcome, Failure> {
    let start = Instant::now();
    for (option, files, is_given) in [
        ("--update", "snapshots", args.accept.update),
        ("--write-proof", "the proof", args.accept.write_proof),
    ] {
        if is_given && environment::is_ci() {
            return Err(Failure::usage(anyhow!(
                "`{option}` is refused because the environment variable `CI` is set; accept {files} \
                 on your own machine"
            )));
        }
    }
    let selected = select(&args.cases, &args.environments)?;
    interruptible(|cancelled| run(args, selected, wants_proof, cancelled, start))
}

/// Runs a command that starts services. SIGINT and SIGTERM cancel it.
pub(super) fn interruptible<T: From<Exit>, F: Future<Output = Result<T, Failure>>>(
    run: impl FnOnce(watch::Receiver<bool>) -> F,
) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    let result = runtime.block_on(async {
        let (cancel, cancelled) = watch::channel(false);
        let interrupt = cancel_on_signal(cancel)?;
        // With a handler for this signal, writing a file that gets too large returns an error and does
        // not end this process.
        drop(signal(SignalKind::from_raw(Signal::SIGXFSZ as i32)).map_err(Failure::world)?);
        tokio::pin!(interrupt);
        let mut run = std::pin::pin!(run(cancelled));
        let mut signal: Option<Exit> = None;
        loop {
            tokio::select! {
                result = &mut run => return match signal {
                    // A failure after a signal is a consequence of the signal.
                    Some(exit) => Ok(exit.into()),
                    None => result,
                },
                exit = &mut interrupt, if signal.is_none() => signal = Some(exit),
            }
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    result
}

/// Waits for SIGINT or SIGTERM, cancels the run and returns the exit code. A second signal ends
/// this process at once. Another process, the reaper, then removes the run's servers and folders.
fn cancel_on_signal(
    cancel: watch::Sender<bool>,
) -> Result<impl Future<Output = Exit> + use<>, Failure> {
    let mut int = signal(SignalKind::interrupt()).map_err(Failure::world)?;
    let mut term = signal(SignalKind::terminate()).map_err(Failure::world)?;
    Ok(async move {
        let exit = tokio::select! {
            _ = int.recv() => Exit::Interrupted,
            _ = term.recv() => Exit::Terminated,
        };
        output::note("stopping; a second signal stops at once");
        cancel.send_replace(true);
        tokio::spawn(async move {
            tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
            #[expect(clippy::exit, reason = "a second signal stops at once")]
            std::process::exit(i32::from(exit.code()));
        });
        exit
    })
}

async fn run(
    args: &Check,
    selected: SelectedCases,
    wants_proof: bool,
    mut cancelled: watch::Receiver<bool>,
    start: Instant,
) -> Result<CheckOutcome, Failure> {
    let SelectedCases { spec, cases, deployed, matrix } = selected;
    let deadline = args.timeout.map(|timeout| start + timeout);
    let world = tokio::select! {
        world = open_world(args, spec) => world?,
        failure = time_over(deadline, "the build and the Postgres server") => return Err(failure),
        _ = cancelled.wait_for(|cancelled| *cancelled) => return Ok(Exit::Interrupted.into()),
    };
    if args.prove {
        return tokio::select! {
            exit = prove(args, world, &cases, cancelled) => Ok(exit?.into()),
            failure = time_over(deadline, "the sabotages") => Err(failure),
        };
    }
    // Creating this folder removes old evidence. So it happens only after Postgres has started and
    // the service is built.
    let evidence = evidence_folder(args, world.spec())?;
    let cancel = cancelled.clone();
    let mut options = RunOptions::new(&evidence.path, cancelled);
    (options.workers, options.keep_databases) = (workers(args), keep_databases(args));
    (options.witness, options.probe) = (args.experiments.witness, !args.experiments.no_probe);
    (options.prove_flags, options.deadline) = (wants_proof, deadline);
    let mut progress = Progress::new(cases.len());
    let result = spanproof::run(&world, &cases, options, |event| progress.update(&event));
    let result = Box::pin(result).await;
    progress.finish();
    let mut result = result.map_err(Failure::world)?;
    let incidents = replay_incidents(args, &world, &mut result, (cancel, deadline)).await?;
    let spec = world.spec().clone();
    let (build_time, postgres_time) = world.startup_times();
    let close_start = Instant::now();
    world.close().await.map_err(Failure::world)?;
    let with_snapshots = deployed::matrix_results(&result.cases, &matrix, &deployed);
    let snapshots = snapshots::compare(&spec, &with_snapshots, args.accept.update)?;
    let run = result.document(&spec, &snapshots, incidents);
    if args.timings {
        let close_time = close_start.elapsed();
        let once = [("build", build_time), ("postgres", postgres_time), ("close", close_time)];
        output::note(&report::timings(&timings(&once, &run)));
    }
    print_report(args, &run, start.elapsed())?;
    print_kept_databases(&run);
    let exit = match exit_code(&run.summary) {
        Exit::World => Exit::World,
        _ if run.halted.is_some() || !run.unwritten.is_empty() => Exit::World,
        _ if run.incidents.iter().any(|incident| incident.regressed) => Exit::Findings,
        exit => exit,
    };
    let exit = match deployed::judge(&spec, &deployed, &result.cases) {
        Exit::Findings if exit != Exit::World => Exit::Findings,
        _ => exit,
    };
    let proves = wants_proof && exit == Exit::Passed && args.cases.is_all();
    let proof = proves.then(|| result.flag_proof(&spec));
    Ok(CheckOutcome { exit, proof: proof.transpose().map_err(Failure::usage)? })
}

/// Prints the results in the format of the arguments.
fn print_report(args: &Check, run: &Run, elapsed: Duration) -> Result<(), Failure> {
    match args.format {
        Format::Human => {
            let mut repeat = repeat_command(&args.cases.config, args.binary.as_deref());
            for environment in &args.environments {
                repeat = format!("{repeat} --as {}", shell_quoted(environment));
            }
            let text = report_text(run, &repeat, elapsed);
            if args.report_to_stderr { output::print_stderr(&text) } else { output::print(&text) }
        }
        Format::Json => output::print(&output::json(run)?),
    }
    Ok(())
}

/// Prints how to open the databases that were kept.
fn print_kept_databases(run: &Run) {
    let mut kept = false;
    for case in &run.cases {
        if let Some(command) = &case.database_command {
            output::note(&format!("kept the database of case {}: {command}", case.id));
            kept = true;
        }
    }
    if kept {
        output::note("`spanproof clean` removes kept databases");
    }
}

/// Replays the incidents (files with the evidence of a failure) that were adopted as regression tests.
/// Returns no incidents if not all cases were selected, if a case was not run, or if the time limit ends the
/// replays, which halts the run.
async fn replay_incidents(
    args: &Check,
    world: &World,
    result: &mut RunResult,
    (mut cancelled, deadline): (watch::Receiver<bool>, Option<Instant>),
) -> Result<Vec<AdoptedIncident>, Failure> {
    if !args.cases.is_all() || result.not_run > 0 {
        return Ok(Vec::new());
    }
    tokio::select! {
        replayed = spanproof::replay_adopted(world) => replayed.map_err(incident_failure),
        _ = cancelled.wait_for(|cancelled| *cancelled) => Ok(Vec::new()),
        failure = time_over(deadline, "the replays of adopted incidents") => {
            result.halted = Some(failure.text);
            Ok(Vec::new())
        }
    }
}

/// Builds the service, starts Postgres, and prints where the Postgres server comes from.
async fn open_world(args: &Check, spec: Spec) -> Result<World, Failure> {
    if args.binary.is_none() && spec.builds() {
        output::note(&format!("building {}", spec.service_name()));
    }
    let mut builder = World::new(&args.cases.config).show_build();
    if args.databases.fresh {
        builder = builder.fresh();
    }
    if let Some(binary) = &args.binary {
        builder = builder.binary(std::path::absolute(binary).map_err(Failure::usage)?);
    }
    let world = builder.open_spec(spec).await.map_err(world_failure)?;
    output::note(&world.server().origin().to_string());
    Ok(world)
}

/// Converts an error of a world to exit code 2 if the user's files are wrong, or else to 3.
pub(super) fn world_failure(error: spanproof::WorldError) -> Failure {
    if error.is_usage() { Failure::usage(error) } else { Failure::world(error) }
}

/// Returns the folder for the evidence of this run.
fn evidence_folder(args: &Check, spec: &Spec) -> Result<RunFolder, Failure> {
    if let Some(folder) = &args.evidence {
        return Ok(RunFolder::from_argument(folder));
    }
    RunFolder::create(spec.folder()).map_err(|error| {
        let context = "could not create the folder for the evidence";
        Failure::world(anyhow::Error::new(error).context(context))
    })
}

fn keep_databases(args: &Check) -> KeepDatabases {
    match (args.databases.keep, args.databases.keep_on_failure) {
        (true, _) => KeepDatabases::Always,
        (_, true) => KeepDatabases::OnFailure,
        _ => KeepDatabases::Never,
    }
}

pub(super) fn workers(args: &Check) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    args.jobs.map_or(2 * processors, usize::from)
}

/// Returns the results as text. The commands in it start with `repeat`.
pub(super) fn report_text(run: &Run, repeat: &str, elapsed: Duration) -> String {
    let mut text = report::run(run, repeat);
    text.push_str(&report::incidents(&run.incidents));
    text = format!("{text}\n{}\n", report::summary(&run.summary, elapsed));
    let accepted = [SnapshotState::Changed, SnapshotState::Missing];
    if run.snapshots.iter().any(|snapshot| accepted.contains(&snapshot.state)) {
        let _infallible = writeln!(text, "accept the startup output with `{repeat} --update`");
    }
    text
}

/// Returns the durations of steps. `once` are the steps that happen once per run; `run` contains the steps of
/// its trials.
fn timings(once: &[(&str, Duration)], run: &Run) -> Timings {
    let micros = |time: &Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let once = once.iter().map(|(step, time)| ((*step).to_owned(), micros(time))).collect();
    let step = |name: &&str| {
        let times = run.cases.iter().filter_map(|case| case.timings.get(*name));
        StepTime::new(*name, times.copied().collect())
    };
    Timings::new(once, STEPS.iter().filter_map(step).collect())
}

/// Returns the exit code of the most severe result. If cases were not run, the run does not pass.
pub(super) fn exit_code(summary: &Summary) -> Exit {
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

/// Returns the start of a shell command that repeats a case; `--case ID` is to be appended.
pub(super) fn repeat_command(config: &Path, binary: Option<&Path>) -> String {
    let mut words = vec![shell_quoted(&environment::program_name()), "check".into()];
    if config != Path::new(spanproof::SPEC_FILE) {
        words.extend(["--config".into(), shell_quoted(&config.to_string_lossy())]);
    }
    if let Some(binary) = binary {
        words.extend(["--binary".into(), shell_quoted(&binary.to_string_lossy())]);
    }
    words.join(" ")
}
