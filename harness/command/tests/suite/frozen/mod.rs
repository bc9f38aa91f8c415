//! Reads what earlier versions wrote: `fixtures/format-1`. These tests use only the command, so
//! that they stay as they are whatever the library calls its items.

mod cache;
mod contains;
mod documents;
mod kept;
mod live;
mod stored;

use std::path::{Path, PathBuf};

use crate::run::Output;

/// Returns the folder of format 1.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format-1").canonicalize().unwrap()
}

/// Returns the text of one fixture.
fn fixture(name: &str) -> String {
    let path = fixtures().join(name);
    assert!(path.is_file(), "there is no {}", path.display());
    std::fs::read_to_string(path).unwrap()
}

/// Runs `spanproof ARGS` in the folder of format 1.
fn run(args: &[&str]) -> Output {
    crate::run::run(fixtures(), args)
}
