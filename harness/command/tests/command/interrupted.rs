//! Ctrl-C, SIGTERM and SIGKILL in the middle of a run: nothing is left.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

use crate::project::Project;

/// How long everything may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// A run that has come to the moment at which a process below it has `text` in its command line.
fn started(project: &Project, text: &str) -> Child {
    started_with(project, &["check"], text)
}

fn started_with(project: &Project, args: &[&str], text: &str) -> Child {
    #[expect(clippy::disallowed_methods, reason = "assert_cmd can't send signals")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanproof"));
    let child = command
        .args(args)
        .current_dir(project.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_that(text, || below(child.id()).iter().any(|line| line.contains(text)));
    child
}

/// The command lines of all processes whose ancestor is `id`.
fn below(id: u32) -> Vec<String> {
    let parent_of = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let descends = |other: &u32| {
        std::iter::successors(parent_of(*other), |up| parent_of(*up)).any(|up| up == id)
    };
    processes().into_iter().filter(descends).map(line).collect()
}

fn processes() -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn line(id: u32) -> String {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    format!("{id} {}", String::from_utf8_lossy(&line).replace('\0', " "))
}

/// The folders of servers that are named in command lines.
fn folders(lines: &[String]) -> Vec<String> {
    let words = lines.iter().flat_map(|line| line.split(' '));
    let data = words.filter(|word| word.contains("/spanproof-postgres-"));
    let mut folders: Vec<_> =
        data.filter_map(|word| word.strip_suffix("/data")).map(str::to_owned).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Leaves the processors to what is being awaited.
#[expect(clippy::disallowed_methods, reason = "a nap between two looks, each with a deadline")]
fn nap() {
    std::thread::sleep(Duration::from_millis(5));
}

fn await_that(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen");
        nap();
    }
}

/// Ends the run with `signal`; none of what ran below it may be there soon after, nor any folder
/// of a server, nor a process that has such a folder in its command line.
fn ends(mut child: Child, signal: Signal, code: Option<i32>) {
    let before = below(child.id());
    let folders = folders(&before);
    let asked = Instant::now();
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    await_that("the end of the run", || {
        child_ended(child.id()) || asked.elapsed() > Duration::from_secs(20)
    });
    let heard = child_ended(child.id());
    if !heard {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(heard, "{signal} was not heard");
    assert_eq!(status.code(), code, "{status} {:?}", status.signal());
    let start = Instant::now();
    // A zombie has no command line; init may take its time with it.
    let zombie = |line: &String| line.ends_with(' ') && line.split(' ').count() == 2;
    let of_run = |line: &String| {
        let same = before.contains(line) && !zombie(line);
        same || folders.iter().any(|folder| line.contains(folder))
    };
    let left = || processes().into_iter().map(line).filter(of_run).collect::<Vec<_>>();
    let there = || folders.iter().filter(|f| Path::new(f).exists()).collect::<Vec<_>>();
    while !left().is_empty() || !there().is_empty() {
        assert!(start.elapsed() < GONE, "left: {:#?} {:?}", left(), there());
        nap();
    }
}

/// Whether it is a zombie: it has ended, and nobody has asked how.
fn child_ended(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

#[rstest]
#[case::of_a_service("never-ready", "sleep 600")]
#[case::of_a_service_that_has_a_grandchild("leaves-grandchild", "sleep 612")]
#[case::of_a_service_that_has_a_daemon("leaves-daemon", "sleep 613")]
fn nothing_is_left(
    #[case] service: &str,
    #[case] text: &str,
    #[values((Signal::SIGINT, Some(130)), (Signal::SIGTERM, Some(143)), (Signal::SIGKILL, None))]
    signal: (Signal, Option<i32>),
) {
    let project = Project::new(service);
    project.edit("\"^ready$\", timeout-ms = 1500", "\"^never$\", timeout-ms = 60000");
    let child = started(&project, text);
    assert_eq!(folders(&below(child.id())).len(), 1, "{:#?}", below(child.id()));
    ends(child, signal.0, signal.1);
}

#[rstest]
#[case::ctrl_c(Signal::SIGINT, Some(130))]
#[case::killed(Signal::SIGKILL, None)]
fn nothing_is_left_of_a_build(#[case] signal: Signal, #[case] code: Option<i32>) {
    let project = Project::new("never-ready");
    project.edit("ready = {", "build = [\"sleep\", \"611\"]\nready = {");
    ends(started(&project, "sleep 611"), signal, code);
}

/// The making of a data folder, at its start, in the middle and when the server comes up; and a
/// server on a copy of one.
#[rstest]
fn nothing_is_left_of_a_server_that_was_coming_up(
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
    ends(started_with(&project, &["check", moment.0], moment.1), signal.0, signal.1);
}
