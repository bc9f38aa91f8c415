//! From an incident to a test: what was adopted is replayed by every check of all cases.

use std::path::Path;

use crate::{SPEC, run};

/// A project with the service in Python, one value of its flag and no faults of the world.
fn project(folder: &Path) {
    let root = Path::new(SPEC).parent().unwrap().join("fixtures/python-runner");
    std::fs::copy(root.join("runner.py"), folder.join("runner.py")).unwrap();
    for part in ["jobs", "migrations", "upstream"] {
        std::fs::create_dir(folder.join(part)).unwrap();
        for entry in std::fs::read_dir(root.join(part)).unwrap().flatten() {
            std::fs::copy(entry.path(), folder.join(part).join(entry.file_name())).unwrap();
        }
    }
    let spec = std::fs::read_to_string(root.join("spanproof.toml")).unwrap();
    let (before, rest) = spec.split_once("[[fault]]").unwrap();
    let after = &rest[rest.find("[[span]]").unwrap()..];
    let values = before.find("values = [").unwrap();
    let end = values + before[values..].find(']').unwrap();
    let few = format!("{}values = [\"on\"{}", &before[..values], &before[end..]);
    std::fs::write(folder.join("spanproof.toml"), format!("{few}{after}")).unwrap();
}

fn edit(folder: &Path, old: &str, new: &str) {
    let path = folder.join("runner.py");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "the service has another shape now");
    std::fs::write(path, text.replace(old, new)).unwrap();
}

#[test]
fn an_adopted_incident_must_pass_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project(folder);
    let (switch, dark) = ("self.recording = ", "self.recording = False and ");
    edit(folder, switch, dark);
    let (exit, out, notes) = run(folder, &["check", "--no-probe"]);
    assert_eq!(exit, 1, "{out}{notes}");
    let failed = out.lines().find(|line| line.contains("  FAIL ")).unwrap();
    let id = failed.split(' ').next().unwrap();
    let (exit, out, notes) = run(folder, &["capture", "--case", id, "-o", "dark.jsonl"]);
    assert_eq!(exit, 0, "{out}{notes}");

    edit(folder, dark, switch);
    let (exit, out, notes) = run(folder, &["replay", "dark.jsonl", "--adopt"]);
    assert_eq!(exit, 0, "{out}{notes}");
    assert!(
        out.contains("adopted as ./fixtures/incidents/dark.jsonl, with what must come of it: pass"),
        "{out}"
    );
    let (exit, out, notes) = run(folder, &["check"]);
    assert_eq!(exit, 0, "{out}{notes}");
    assert!(out.contains("\n1 incident replayed, 0 not as expected\n"), "{out}");
    let (exit, _, notes) = run(folder, &["replay", "dark.jsonl", "--adopt"]);
    assert_eq!(exit, 2, "it is there already: {notes}");
    let (exit, _, notes) = run(folder, &["replay", "dark.jsonl", "--adopt=same"]);
    assert!(exit == 2 && notes.contains("so it can't be adopted as `same`"), "{notes}");
    let (exit, _, notes) = run(folder, &["replay", "dark.jsonl", "--adopt=pas"]);
    assert!(exit == 2 && notes.contains("no code is named `pas`"), "{notes}");

    edit(folder, switch, dark);
    let (exit, out, notes) = run(folder, &["check", "--no-probe", "--format", "json"]);
    assert_eq!(exit, 1, "{notes}");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["incidents"][0]["back"], true);
    // Some of the cases are not the whole check.
    let (_, out, _) = run(folder, &["check", "--no-probe", "--filter", "route=now"]);
    assert!(!out.contains("incident"), "{out}");
}

/// An incident that can't be read is never passed over.
#[test]
fn a_damaged_incident_stops_a_check_of_all_cases() {
    let folder = tempfile::tempdir().unwrap();
    project(folder.path());
    std::fs::create_dir_all(folder.path().join("fixtures/incidents")).unwrap();
    std::fs::write(folder.path().join("fixtures/incidents/x.jsonl"), "hello\n").unwrap();
    let (exit, out, notes) = run(folder.path(), &["check"]);
    assert_eq!(exit, 2, "{out}{notes}");
    assert!(
        notes.contains("fixtures/incidents/x.jsonl` is no incident: line 1 is no JSON"),
        "{notes}"
    );
}
