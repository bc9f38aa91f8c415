//! Ctrl-C, SIGTERM and SIGKILL in the middle of a run: nothing is left.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

use crate::project::Project;

/// How long everything may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// A run whose service is up and never ready, in a scratch folder of its own for servers.
fn started(project: &Project) -> Child {
    project.edit("timeout-ms = 1500", "timeout-ms = 60000");
    #[expect(clippy::disallowed_methods, reason = "assert_cmd can't send signals")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanproof"));
    let child = command
        .arg("check")
        .current_dir(project.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    await_that("the service runs", || {
        below(child.id()).iter().any(|line| line.contains("sleep 600"))
    });
    child
}

/// The command lines of all processes whose ancestor is `id`.
fn below(id: u32) -> Vec<String> {
    let parent_of = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|other| {
            std::iter::successors(parent_of(*other), |up| parent_of(*up)).any(|up| up == id)
        })
        .map(|other| {
            let line = std::fs::read(format!("/proc/{other}/cmdline")).unwrap_or_default();
            format!("{other} {}", String::from_utf8_lossy(&line).replace('\0', " "))
        })
        .collect()
}

/// The data folders named in the command lines of the servers.
fn folders(lines: &[String]) -> Vec<String> {
    let server = |line: &&String| line.contains("/postgres -D ");
    let folder = |line: &String| line.split(' ').nth(3).map(str::to_owned);
    lines.iter().filter(server).filter_map(folder).collect()
}

fn await_that(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what} did not happen");
        std::thread::yield_now();
    }
}

#[rstest]
#[case::ctrl_c(Signal::SIGINT, Some(130))]
#[case::terminated(Signal::SIGTERM, Some(143))]
#[case::killed(Signal::SIGKILL, None)]
fn nothing_is_left_after(#[case] signal: Signal, #[case] code: Option<i32>) {
    let project = Project::new("never-ready");
    let mut child = started(&project);
    let processes = below(child.id());
    let folders = folders(&processes);
    assert_eq!(folders.len(), 1, "{processes:#?}");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), code, "{status} {:?}", status.signal());
    let start = Instant::now();
    let alive = |line: &&String| {
        let id = line.split(' ').next().unwrap();
        let same = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        !same.is_empty() && line.ends_with(&String::from_utf8_lossy(&same).replace('\0', " "))
    };
    let left = || processes.iter().filter(alive).collect::<Vec<_>>();
    let there = || folders.iter().filter(|f| std::path::Path::new(f).exists()).collect::<Vec<_>>();
    while !left().is_empty() || !there().is_empty() {
        assert!(start.elapsed() < GONE, "left: {:#?} {:?}", left(), there());
        std::thread::yield_now();
    }
}
