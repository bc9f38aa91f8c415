//! Tests with misbehaving services. `check` must report what a service did wrong, and leave none of
//! the service's processes behind.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rstest::rstest;

use super::project::Project;
use crate::run::Output;

#[rstest]
#[case::exits_at_once("exits-at-once", 3, &["the service ended before it was ready, with exit code 7", "stderr: cannot open the database"])]
#[case::never_ready("never-ready", 3, &["the service did not become ready: a line that matches `^ready$` did not happen within 1500 ms; last seen: 1 line, which does not match; the process was idle, so it waits for something", "stdout: warming up"])]
#[case::ignores_sigterm("ignores-sigterm", 1, &["not-stopped: ", "did not stop on SIGTERM and was killed after 3"])]
#[case::leaves_grandchild("leaves-grandchild", 1, &["processes-left: ", "1 process kept running after the service stopped", "(sleep)"])]
#[case::leaves_daemon("leaves-daemon", 1, &["processes-left: ", "1 process kept running after the service stopped"])]
#[case::accepts_no_job("accepts-no-job", 1, &["job-failed-early: ", "POST /jobs: no answer: ", "repeat:   ", " check --case "])]
fn a_misbehaving_service_is_reported(
    #[case] service: &str,
    #[case] expected_code: i32,
    #[case] expected: &[&str],
) {
    let Output { code, stdout, stderr } = Project::new(service).run(&["check"]);
    assert_eq!(code, expected_code, "{stdout}{stderr}");
    for text in expected {
        assert!(stdout.contains(text), "expected {text}\nfound {stdout}{stderr}");
    }
}

/// A service that uses the processor until it is ready, or until shortly before, gets up to six times
/// `timeout-ms`.
#[rstest]
#[case::slow(1500, 0, "POST /jobs: no answer")]
#[case::slow_and_then_idle(900, 700, "POST /jobs: no answer")]
#[case::never_ready(
    60_000,
    0,
    "did not happen within 6000 ms; last seen: no output; the process was busy until the end: if it is only slow, raise `timeout-ms`"
)]
fn a_busy_service_gets_more_time(
    #[case] busy_ms: u32,
    #[case] idle_ms: u32,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    let text = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = text.lines().find(|line| line.starts_with("command")).unwrap();
    let [busy, idle] = [busy_ms, idle_ms].map(|time| f64::from(time) / 1000.0);
    let program = format!(
        "import time, signal\nend = time.monotonic() + {busy}\nwhile time.monotonic() < end: pass\n\
         time.sleep({idle})\nprint('ready', flush=True)\nsignal.pause()"
    );
    project.edit(command, &format!("command = [\"/usr/bin/python3\", \"-c\", {program:?}]"));
    project.edit("timeout-ms = 1500", "timeout-ms = 1000");
    let Output { stdout, stderr, .. } = project.run(&["check"]);
    assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}{stderr}");
}

#[test]
fn output_beyond_the_limit_is_dropped_and_counted() {
    let project = Project::new("floods");
    project.edit("timeout-ms = 1500", "timeout-ms = 3000");
    project.edit("[[route]]", "[tables.jobs]\nstatus = \"status\"\n[[route]]");
    let Output { code, stdout, stderr } = project.run(&["check", "--evidence", "out"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains("did not become ready"), "{stdout}");
    let folder = evidence_folder(&project);
    let text = std::fs::read_to_string(folder.join("evidence.json")).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(evidence["output"]["dropped_bytes"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn invalid_utf_8_is_replaced_in_stored_output() {
    let project = Project::new("invalid-utf8");
    let Output { stdout, stderr, .. } = project.run(&["check", "--evidence", "out"]);
    let folder = evidence_folder(&project);
    let stored = std::fs::read_to_string(folder.join("stdout.log")).unwrap();
    assert_eq!(stored, "half a \u{fffd} character\nready\n", "{stdout}{stderr}");
}

/// Returns the folder with the evidence of the only case in `out`.
fn evidence_folder(project: &Project) -> PathBuf {
    let entries = std::fs::read_dir(project.path().join("out")).unwrap().flatten();
    entries.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap()
}

#[rstest]
#[case::leaves_grandchild("leaves-grandchild", "sleep 612")]
#[case::leaves_daemon("leaves-daemon", "sleep 613")]
fn processes_that_a_service_started_are_killed(#[case] service: &str, #[case] child: &str) {
    let project = Project::new(service);
    project.run(&["check"]);
    let mut left = running_in(&project);
    left.retain(|line| line.starts_with(child));
    assert_eq!(left, Vec::<String>::new());
}

/// Returns a project whose service gets the URL of its database. Its daemons are found by this URL.
fn project_with_database(service: &str, mode: &str) -> Project {
    let project = Project::new(service);
    let variables = format!("DATABASE_URL = \"{{database.url}}\", MODE = \"{mode}\"");
    project.edit("ready = {", &format!("env = {{ {variables} }}\nready = {{"));
    project
}

/// Returns the command lines of the processes that run in the project's folder.
fn running_in(project: &Project) -> Vec<String> {
    let is_in_project = |process: &Path| {
        let folder = std::fs::read_link(process.join("cwd")).ok();
        folder.is_some_and(|folder| folder == project.path())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let lines = processes
        .filter(|process| is_in_project(process))
        .filter_map(|process| std::fs::read(process.join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

/// The daemons have no living parent, hold none of the service's streams, and run in their own sessions.
#[rstest]
#[case::sleeps("leaves-orphan", "sleeps", "(sleep)")]
#[case::ignores_sigterm("leaves-orphan", "stubborn", "(sh)")]
#[case::keeps_forking("forks-on", "", "(")]
fn a_daemon_is_found_by_the_database_in_its_environment(
    #[case] service: &str,
    #[case] mode: &str,
    #[case] expected: &str,
) {
    let project = project_with_database(service, mode);
    let start = Instant::now();
    let Output { code, stdout, stderr } = project.run(&["check", "--no-faults", "--no-probe"]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    for text in ["processes-left: ", " kept running after the service stopped", expected] {
        assert!(stdout.contains(text), "expected {text}\nfound {stdout}{stderr}");
    }
    assert!(!stdout.contains("could not be ended"), "{stdout}");
    assert_eq!(running_in(&project), Vec::<String>::new());
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

/// The daemon of a helper is ended, but not reported, because the service did not start it.
#[test]
fn the_daemon_of_a_helper_is_not_a_finding() {
    let project = Project::new("accepts-no-job");
    let helper = std::fs::canonicalize(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/faulty-services/leaves-orphan.sh"
    ));
    let helper = format!(
        "[[process]]\nname = \"queue\"\nhelper = true\ncommand = [{:?}]\n\
         env = {{ DATABASE_URL = \"{{database.url}}\", MODE = \"sleeps\" }}\n\
         ready = {{ line = \"^ready$\" }}\n[[route]]",
        helper.unwrap()
    );
    project.edit("[[route]]", &helper);
    let Output { stdout, stderr, .. } = project.run(&["check", "--no-faults", "--no-probe"]);
    assert!(stdout.contains("job-failed-early"), "{stdout}{stderr}");
    assert!(!stdout.contains("processes-left"), "{stdout}{stderr}");
    assert_eq!(running_in(&project), Vec::<String>::new());
}

/// The daemons are killed even if the case is not completed.
#[test]
fn daemons_of_a_broken_case_are_killed() {
    let project = project_with_database("leaves-orphan", "hangs");
    let Output { code, stdout, stderr } = project.run(&["check", "--no-faults", "--no-probe"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert_eq!(running_in(&project), Vec::<String>::new());
}

/// A probe is a pattern for lines of the service. If a misspelt probe were not listed, it would look as if
/// the service printed no such line.
#[test]
fn probes_that_match_no_line_are_listed() {
    let project = Project::new("accepts-no-job");
    project.append(
        "[probes]\nstarted = '^ready$'\nrefused = '^span lost'\nunfinished = '^span unfinished'",
    );
    let json = project.run(&["check", "--format", "json"]).json();
    let unmatched = "[probes] refused, unfinished (log patterns that no line of any case matches)";
    assert!(json["not_tried"].as_array().unwrap().contains(&unmatched.into()), "{json}");
}
