//! Tests that control characters in input never reach the terminal, and that a failed write to standard output is
//! an error.

use crate::check::project::Project;
use crate::repository::root;
use crate::run::{SPEC, Spanproof};

/// The sequence that clears the screen, with both forms of its start (`ESC [` and U+009B), a bell, a carriage return,
/// and a character that reverses the order of text.
const CONTROLS: &str = "\u{1b}[2J\u{9b}2J\u{7}\r\u{202e}";

/// Asserts that `text` has no control characters except line breaks and tabs, and no characters that
/// reverse the order of text.
fn assert_harmless(text: &str, what: &str) {
    let harmful = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
    assert!(!text.contains(harmful), "{what}: {text:?}");
}

#[test]
fn control_characters_in_arguments_and_files_are_printed_as_escapes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let spec = std::fs::read_to_string(SPEC).unwrap();
    let named = "one\\u001B[2J\\u009B2J\\u0007\\r\\u202E";
    let hostile_spec = spec.replace("\"one-unit\"", &format!("\"{named}\""));
    assert_ne!(spec, hostile_spec);
    let path = root().join("hostile-spec.toml");
    let _removed = RemoveOnDrop(path.clone());
    std::fs::write(&path, hostile_spec).unwrap();
    let bundle =
        std::fs::read_to_string(root().join("fixtures/incidents/zero-spans.jsonl")).unwrap();
    let json = serde_json::to_string(CONTROLS).unwrap();
    let json = json.trim_matches('"');
    let bundle = bundle.replace("cross-region", &format!("cross{json}region"));
    let bundle = write("bundle.jsonl", bundle);
    let log = write("runner.log", format!("{CONTROLS} StartSpan called\n"));
    let manifest = write("fly.toml", format!("app = \"x\\u001b[2J\"\n[env]\nx = 1{CONTROLS}"));
    let dump = write(
        "dump.sql",
        format!(
            "-- PostgreSQL database dump\nCOPY public.jobs (x{CONTROLS}) FROM stdin;\n1\n\\.\n"
        ),
    );
    let commands: [&[&str]; 11] = [
        &["plan", "--config", path.to_str().unwrap()],
        &["plan", "--config", CONTROLS],
        &["plan", "--case", CONTROLS],
        &[CONTROLS],
        &["explain", CONTROLS],
        &["replay", &bundle, "--edited", "--assert-only"],
        &["replay", CONTROLS],
        &["diagnose", "--dump", &dump, "--log", &log],
        &["diagnose", "--dump", &dump, "--flag", CONTROLS],
        &["preflight", "--manifest", &manifest],
        &["report", CONTROLS],
    ];
    for command in commands {
        let output = Spanproof::new(root(), command).output();
        assert_harmless(&output.stdout, &format!("stdout of {command:?}"));
        assert_harmless(&output.stderr, &format!("stderr of {command:?}"));
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{command:?}");
    }
    let json =
        Spanproof::new(root(), &["diagnose", "--dump", &dump, "--log", &log, "--format", "json"]);
    assert_harmless(&json.output().stdout, "JSON");
}

/// Removes a file when dropped.
struct RemoveOnDrop(std::path::PathBuf);

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        let _absent = std::fs::remove_file(&self.0);
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_not() {
    for command in [
        "plan",
        "schema",
        "explain",
        "explain path-not-executed",
        "explain --markdown",
        "flags",
        "--help",
        "help check",
        "--version",
        "replay fixtures/incidents/zero-spans.jsonl --assert-only",
        "preflight --manifest fixtures/first-incident/fly.toml",
        "diagnose --dump fixtures/format-1/json/dump.sql --config fixtures/format-1/json/spanproof.toml",
        "diagnose --dump fixtures/format-1/json/dump.sql --config fixtures/format-1/json/spanproof.toml --format json",
    ] {
        let full = Spanproof::shell(root(), &format!("spanproof {command} > /dev/full")).output();
        assert_eq!(full.code, 3, "{command}: {}", full.stderr);
        let message = "could not write to standard output: No space left on device";
        assert!(full.stderr.contains(message), "{command}: {}", full.stderr);
        let gone = Spanproof::shell(root(), &format!("spanproof {command} | true")).output();
        assert!(
            !gone.stderr.contains("could not write") && !gone.stderr.contains("panicked"),
            "{}",
            gone.stderr
        );
    }
}

#[test]
fn a_message_names_the_path_that_is_missing_or_is_not_a_folder() {
    let project = Project::new("accepts-no-job");
    project.edit("command =", "build = [\"true\"]\ncommand =");
    for (command, folder, expected) in [
        ("check --evidence job.json", "/tmp", "job.json"),
        ("check", "/nowhere/at-all", "folder `/nowhere/at-all` for temporary files"),
    ] {
        let script = format!("TMPDIR={folder} spanproof {command}");
        let output = Spanproof::shell(project.path(), &script).output();
        assert!(output.code == 2 || output.code == 3, "{command}: {}", output.stderr);
        assert!(output.stderr.contains(expected), "{command}: {}", output.stderr);
    }
}
