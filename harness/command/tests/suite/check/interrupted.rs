//! Tests that Ctrl-C, SIGTERM and SIGKILL in the middle of a run leave no process and no folder behind.

use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use rstest::rstest;

use super::project::Project;
use crate::run::Running;
use crate::wait::wait_until;

/// Time limit for a run to start the process that a test waits for.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Time limit for the removal of a run's processes and folders after the run's exit.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Starts `spanproof ARGS` and waits until the command line of a descendant contains `text`.
fn start(project: &Project, args: &[&str], text: &str) -> Running {
    let run = project.spanproof(args).spawn();
    wait_until(&format!("the start of a process `{text}`"), START_TIMEOUT, || {
        let lines = descendants(run.id());
        if lines.iter().any(|line| line.contains(text)) { Ok(()) } else { Err(lines) }
    });
    run
}

/// Returns the command lines of all descendants of the process `id`.
fn descendants(id: u32) -> Vec<String> {
    let parent = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let descends = |other: &u32| {
        std::iter::successors(parent(*other), |above| parent(*above)).any(|above| above == id)
    };
    processes().into_iter().filter(descends).map(command_line).collect()
}

/// Returns the ids of all processes of this machine.
fn processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns the id and the arguments of a process. A zombie has no arguments.
fn command_line(id: u32) -> String {
    let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    format!("{id} {}", String::from_utf8_lossy(&arguments).replace('\0', " "))
}

/// Returns the folders of Postgres servers that occur in command lines.
fn server_folders(lines: &[String]) -> Vec<String> {
    let words = lines.iter().flat_map(|line| line.split(' '));
    let data = words.filter(|word| word.contains("/spanproof-postgres-"));
    let mut folders: Vec<_> =
        data.filter_map(|word| word.strip_suffix("/data")).map(str::to_owned).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Sends `signal` to a run. Asserts that the run exits with `code`, that all of its processes end,
/// and that the folders of its servers are removed.
fn stop(mut run: Running, signal: Signal, code: Option<i32>) {
    let before = descendants(run.id());
    let folders = server_folders(&before);
    run.signal(signal);
    let status = run.status();
    assert_eq!(status.code(), code, "{status}");
    // A zombie has no arguments. Zombies are ignored, because init can reap them late.
    let is_zombie = |line: &String| line.ends_with(' ') && line.split(' ').count() == 2;
    let belongs_to_run = |line: &String| {
        let was_descendant = before.contains(line) && !is_zombie(line);
        was_descendant || folders.iter().any(|folder| line.contains(folder))
    };
    wait_until("the removal of the run's processes and folders", CLEANUP_TIMEOUT, || {
        let lines = processes().into_iter().map(command_line);
        let left: Vec<_> = lines.filter(belongs_to_run).collect();
        let present: Vec<_> = folders.iter().filter(|path| Path::new(path).exists()).collect();
        if left.is_empty() && present.is_empty() { Ok(()) } else { Err((left, present)) }
    });
}

#[rstest]
#[case::service("never-ready", "sleep 600")]
#[case::service_with_a_grandchild("leaves-grandchild", "sleep 612")]
#[case::service_with_a_daemon("leaves-daemon", "sleep 613")]
fn a_stopped_run_leaves_no_process_and_no_folder(
    #[case] service: &str,
    #[case] text: &str,
    #[values((Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None))]
    signal: (Signal, Option<i32>),
) {
    let project = Project::new(service);
    project.edit("\"^ready$\", timeout-ms = 1500", "\"^never$\", timeout-ms = 60000");
    let run = start(&project, &["check"], text);
    let lines = descendants(run.id());
    assert_eq!(server_folders(&lines).len(), 1, "{lines:#?}");
    stop(run, signal.0, signal.1);
}

#[rstest]
#[case::ctrl_c(Signal::SIGINT, Some(130))]
#[case::killed(Signal::SIGKILL, None)]
fn a_stopped_run_stops_its_build(#[case] signal: Signal, #[case] code: Option<i32>) {
    let project = Project::new("never-ready");
    project.edit("ready = {", "build = [\"sleep\", \"611\"]\nready = {");
    stop(start(&project, &["check"], "sleep 611"), signal, code);
}

/// The run is stopped at five moments: three while `initdb` creates a data directory, one when the
/// server starts on this directory, and one when the server starts on a copy from the cache. A
/// `moment` is an option of `check`, and a part of the command line of the process that is running
/// then. The option `--timings` does not change how the server starts, so the cache is used.
#[rstest]
fn a_run_stopped_while_its_server_starts_leaves_no_server(
    #[values(
        ("--fresh", "/initdb -D"),
        ("--fresh", "log_checkpoints=false"),
        ("--fresh", "--single"),
        ("--fresh", "/postgres -D"),
        ("--timings", "/postgres -D")
    )]
    moment: (&str, &str),
    #[values((Signal::SIGINT, Some(130)), (Signal::SIGKILL, None))] signal: (Signal, Option<i32>),
) {
    let project = Project::new("never-ready");
    project.edit("timeout-ms = 1500", "timeout-ms = 60000");
    let (option, text) = moment;
    stop(start(&project, &["check", option], text), signal.0, signal.1);
}
