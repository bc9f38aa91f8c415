//! Tests of startup snapshots, files with the output that a service prints at startup. Values that
//! vary from run to run are masked, and `--update` reports what it wrote. The fixture service
//! `accepts-no-job` is ready at once and stops on SIGTERM.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value as Json;

use super::project::Project;
use crate::run::Output;

/// A service whose startup output differs in each run.
const SERVICE: &str = r#"#!/bin/sh
trap 'exit 0' TERM
echo "$(date '+%Y/%m/%d %H:%M:%S.%N') listening on :$PORT"
echo "[$$] service[$$] 1.2.3 with 4 workers, pid=$$"
echo "{\"level\":30,\"time\":$(date +%s%3N),\"pid\":$$}"
echo "migrated in $(date +%N).5ms"
echo "ready"
while :; do sleep 600 & wait $!; done
"#;
/// The startup snapshot of [`SERVICE`].
const SNAPSHOT: &str = "---
source: spanproof
---
stderr:
stdout:
  [TIME] listening on :[PORT]
  [[PID]] service[[PID]] 1.2.3 with 4 workers, pid=[PID]
  {\"level\":30,\"time\":[TIME],\"pid\":[PID]}
  migrated in [DURATION]
  ready
";

/// Returns a project with [`SERVICE`] and two cases that share a snapshot.
fn project() -> Project {
    let project = Project::new("accepts-no-job");
    project.write("service.sh", SERVICE);
    let service = project.path().join("service.sh");
    std::fs::set_permissions(&service, Permissions::from_mode(0o755)).unwrap();
    let text = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let old = text.lines().find(|line| line.starts_with("command")).unwrap().to_owned();
    project.edit(
        &old,
        "command = [\"./service.sh\"]\ninherit = [\"PATH\"]\nenv = { PORT = \"{port}\" }",
    );
    project.append("[[upstream]]\nname = \"other\"\nfile = \"upstream.toml\"");
    project.append("[startup]\nsnapshots = \"snapshots\"");
    project
}

/// Returns the state of the only snapshot, directly followed by its diff. The diff is empty if the
/// snapshot is the same.
fn state(project: &Project) -> String {
    let json = project.run(&["check", "--format", "json"]).json();
    let Json::Array(snapshots) = &json["snapshots"] else { panic!("{json}") };
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    format!(
        "{}{}",
        snapshots[0]["state"].as_str().unwrap(),
        snapshots[0]["detail"].as_str().unwrap()
    )
}

#[test]
fn values_that_vary_from_run_to_run_are_masked() {
    let project = project();
    let Output { stderr, .. } = project.run(&["check", "--update"]);
    assert!(stderr.contains("\n1 snapshot written\n"), "{stderr}");
    let file = project.path().join("snapshots/defaults.snap");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), SNAPSHOT);
    assert_eq!(state(&project), "same");
    let Output { stderr, .. } = project.run(&["check", "--update"]);
    assert!(
        stderr.contains("\nno snapshot written: 1 snapshot is already up to date\n"),
        "{stderr}"
    );
}

#[test]
fn a_stored_snapshot_is_masked_before_the_comparison() {
    let project = project();
    let stored = SNAPSHOT
        .replace("[TIME] listening", "2020/01/02 03:04:05.678 listening")
        .replace("\"time\":[TIME],\"pid\":[PID]", "\"time\":1600000000000,\"pid\":99")
        .replace("[DURATION]", "12.5ms")
        .replace('\n', "\r\n");
    project.write("snapshots/defaults.snap", &stored);
    assert_eq!(state(&project), "same");
    let Output { stderr, .. } = project.run(&["check", "--update"]);
    assert!(
        stderr.contains("\nno snapshot written: 1 snapshot is already up to date\n"),
        "{stderr}"
    );
    let file = project.path().join("snapshots/defaults.snap");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), stored);
    project.write("snapshots/defaults.snap", &stored.replace("1.2.3", "1.2.4"));
    let state = state(&project);
    assert!(state.starts_with("changed"), "{state}");
    let changed: Vec<_> = state.lines().filter(|line| line.starts_with(['-', '+'])).collect();
    assert_eq!(
        changed,
        [
            "-  [[PID]] service[[PID]] 1.2.4 with 4 workers, pid=[PID]",
            "+  [[PID]] service[[PID]] 1.2.3 with 4 workers, pid=[PID]",
        ]
    );
}

#[test]
fn an_update_reports_that_the_spec_names_no_folder_for_snapshots() {
    let project = Project::new("accepts-no-job");
    let Output { stderr, .. } = project.run(&["check", "--update"]);
    let expected = "\nno snapshot written: the spec names no folder for them; set `snapshots` in \
                    `[startup]`\n";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn an_update_reports_that_no_case_became_ready() {
    let project = Project::new("never-ready");
    project.append("[startup]\nsnapshots = \"snapshots\"");
    let Output { stderr, .. } = project.run(&["check", "--update"]);
    assert!(stderr.contains("\nno snapshot written: no case became ready\n"), "{stderr}");
    assert!(!project.path().join("snapshots").exists());
}

#[test]
fn the_report_names_the_update_only_for_output_that_an_update_accepts() {
    let project = project();
    let config = project.path().join("other.toml");
    std::fs::rename(project.path().join("spanproof.toml"), config).unwrap();
    let Output { stdout, .. } = project.run(&["check", "--config", "other.toml"]);
    assert!(stdout.contains(": no snapshot is stored; the service printed\n"), "{stdout}");
    assert!(stdout.ends_with(" check --config other.toml --update`\n"), "{stdout}");
    project.write("service.sh", &SERVICE.replace("1.2.3", "session $(date +%N)"));
    let Output { stdout, .. } = project.run(&["check", "--config", "other.toml"]);
    assert!(stdout.contains(": differs between cases that share the snapshot; "), "{stdout}");
    assert!(!stdout.contains("--update"), "{stdout}");
}

#[test]
fn an_update_reports_that_the_output_varies_between_cases() {
    let project = project();
    project.write("service.sh", &SERVICE.replace("1.2.3", "session $(date +%N)"));
    let Output { stderr, .. } = project.run(&["check", "--update"]);
    let expected =
        "\nno snapshot written: the cases of 1 snapshot print different startup output\n";
    assert!(stderr.contains(expected), "{stderr}");
}
