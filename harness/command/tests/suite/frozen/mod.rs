//! Tests that this version reads the files of earlier versions in `fixtures/format-1`. These tests use
//! only the command and no item of the library, so they need no change if an item is renamed.

mod cache;
mod comparison;
mod documents;
mod kept;
mod live;
mod stored;

use std::path::{Path, PathBuf};

use crate::run::Output;

/// Returns the path of `fixtures/format-1`.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/format-1").canonicalize().unwrap()
}

/// Returns the text of a file in `fixtures/format-1`.
fn fixture(name: &str) -> String {
    let path = fixtures().join(name);
    assert!(path.is_file(), "no file {}", path.display());
    std::fs::read_to_string(path).unwrap()
}

/// Runs `spanproof ARGS` in `fixtures/format-1`.
fn run(args: &[&str]) -> Output {
    crate::run::run(fixtures(), args)
}
