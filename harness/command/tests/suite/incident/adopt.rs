//! Tests of adopted incidents: incident files beside the spec that `check` replays whenever it runs all
//! cases.

use std::path::Path;

use crate::folder;
use crate::run::{Output, SPEC, run};

/// Creates a project with the Python service of `fixtures/python-runner`. Its spec has only one value
/// of the flag, and no faults.
fn project(folder: &Path) {
    let root = Path::new(SPEC).parent().unwrap().join("fixtures/python-runner");
    std::fs::copy(root.join("runner.py"), folder.join("runner.py")).unwrap();
    for part in ["jobs", "migrations", "upstream"] {
        folder::copy(&root.join(part), &folder.join(part));
    }
    let spec = std::fs::read_to_string(root.join("spanproof.toml")).unwrap();
    let (before, rest) = spec.split_once("[[fault]]").unwrap();
    let after = &rest[rest.find("[[span]]").unwrap()..];
    let values = before.find("values = [").unwrap();
    let end = values + before[values..].find(']').unwrap();
    let few = format!("{}values = [\"on\"{}", &before[..values], &before[end..]);
    std::fs::write(folder.join("spanproof.toml"), format!("{few}{after}")).unwrap();
}

/// Replaces `old` in the service's source with `new`.
fn edit_service(folder: &Path, old: &str, new: &str) {
    let path = folder.join("runner.py");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "`{old}` is not in the service");
    std::fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn check_fails_if_an_adopted_incident_happens_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder);
    let (recording, not_recording) = ("self.recording = ", "self.recording = False and ");
    edit_service(folder, recording, not_recording);
    let Output { code, stdout, stderr } = run(folder, &["check", "--no-probe"]);
    assert_eq!(code, 1, "{stdout}{stderr}");
    let failed = stdout.lines().find(|line| line.contains("  FAIL ")).unwrap();
    let id = failed.split(' ').next().unwrap();
    let Output { code, stdout, stderr } =
        run(folder, &["capture", "--case", id, "-o", "dark.jsonl"]);
    assert_eq!(code, 0, "{stdout}{stderr}");

    edit_service(folder, not_recording, recording);
    let Output { code, stdout, stderr } = run(folder, &["replay", "dark.jsonl", "--adopt"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(
        stdout.contains("adopted as ./fixtures/incidents/dark.jsonl, expected result: pass"),
        "{stdout}"
    );
    let Output { code, stdout, stderr } = run(folder, &["check"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("\n1 incident replayed: all as expected\n"), "{stdout}");
    let Output { code, stderr, .. } = run(folder, &["replay", "dark.jsonl", "--adopt"]);
    assert_eq!(code, 2, "the second adoption was not refused: {stderr}");
    let Output { code, stderr, .. } = run(folder, &["replay", "dark.jsonl", "--adopt=same"]);
    assert!(code == 2 && stderr.contains("so it can't be adopted as `same`"), "{stderr}");
    let Output { code, stderr, .. } = run(folder, &["replay", "dark.jsonl", "--adopt=pas"]);
    assert!(code == 2 && stderr.contains("no code is named `pas`"), "{stderr}");

    edit_service(folder, recording, not_recording);
    let output = run(folder, &["check", "--no-probe", "--format", "json"]);
    assert_eq!(output.code, 1, "{output:?}");
    assert_eq!(output.json()["incidents"][0]["back"], true);
    // With `--filter`, `check` replays no incidents.
    let Output { stdout, .. } = run(folder, &["check", "--no-probe", "--filter", "route=now"]);
    assert!(!stdout.contains("incident"), "{stdout}");
}

#[test]
fn an_unreadable_incident_stops_a_check_of_all_cases() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    std::fs::create_dir_all(folder.path().join("fixtures/incidents")).unwrap();
    std::fs::write(folder.path().join("fixtures/incidents/x.jsonl"), "hello\n").unwrap();
    let Output { code, stdout, stderr } = run(folder.path(), &["check"]);
    assert_eq!(code, 2, "{stdout}{stderr}");
    assert!(
        stderr.contains("fixtures/incidents/x.jsonl` is not an incident file: line 1 is not JSON"),
        "{stderr}"
    );
}
