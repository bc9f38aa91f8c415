//! Incidents as files: capturing them, reading what may come from anywhere, bisecting with them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod adopt;
mod bisect;
mod bundle;
mod capture;
mod secret;

use std::path::Path;

use assert_cmd::Command;

/// The incident that this tool was born from.
const INCIDENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/incidents/zero-spans.jsonl");
/// The spec it was captured with.
const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spanproof.toml");

/// Runs the command in a folder; gives its exit code, results and notes.
fn run(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanproof"));
    command.current_dir(folder).args(args).env_remove("DATABASE_URL");
    let output = command.timeout(std::time::Duration::from_mins(2)).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}
