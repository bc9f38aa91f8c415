//! Reads what earlier versions wrote: `fixtures/format-1`. Only the command is used, so that these
//! tests hold whatever the library calls its items.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cache;
mod contains;
mod documents;
mod kept;
mod live;
mod stored;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;

/// The folder of format 1.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format-1").canonicalize().unwrap()
}

/// The text of one fixture.
fn fixture(name: &str) -> String {
    let path = fixtures().join(name);
    assert!(path.is_file(), "there is no {}", path.display());
    std::fs::read_to_string(path).unwrap()
}

/// The command in a folder, without the variables that would change what it does.
fn spanproof(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanproof"));
    command.current_dir(folder).args(args).timeout(Duration::from_mins(1));
    for name in ["CI", "DATABASE_URL", "SPANPROOF_POSTGRES"] {
        command.env_remove(name);
    }
    command
}

/// What a command printed.
#[derive(Debug)]
struct Printed {
    code: i32,
    out: String,
    notes: String,
}

impl From<Output> for Printed {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            notes: text(&output.stderr),
        }
    }
}

/// Runs the command in the folder of format 1.
fn run(args: &[&str]) -> Printed {
    spanproof(&fixtures(), args).output().unwrap().into()
}

/// The JSON document that a command printed.
fn parsed(printed: &Printed) -> serde_json::Value {
    let json = serde_json::from_str(&printed.out);
    assert!(json.is_ok(), "{printed:?}");
    json.unwrap()
}

/// The names in a folder, sorted; empty if there is no such folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Copies a folder with everything in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}
