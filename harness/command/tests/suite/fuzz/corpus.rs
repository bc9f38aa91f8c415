//! The files from which damaged files are made.

use std::collections::BTreeMap;
use std::path::Path;

use crate::repository::{files, root};

/// An undamaged file, or a file that broke a parser once.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// Its name, which determines its format.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// `true` if the parser must accept the file; `false` if it may refuse it.
    pub(super) is_valid: bool,
}

/// Reads the files with these paths. A folder stands for all files in it and below it with the extension.
pub(super) fn samples(paths: &[&str], extension: &str) -> Vec<Sample> {
    let all = paths.iter().flat_map(|path| {
        let path = root().join(path);
        if path.is_dir() { files(&path, extension) } else { vec![path] }
    });
    all.map(|path| sample(&path, true)).collect()
}

/// Reads the files that broke a parser once; empty if the parser has no folder of such files.
pub(super) fn regression_samples(parser: &str) -> Vec<Sample> {
    let folder = root().join("fixtures/fuzz").join(parser);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| sample(path, false)).collect()
}

fn sample(path: &Path, is_valid: bool) -> Sample {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    Sample { name, bytes: std::fs::read(path).unwrap(), is_valid }
}

/// Reads the manifests of `fixtures/drifts`.
pub(super) fn manifests() -> Vec<Sample> {
    let mut all = BTreeMap::new();
    for path in files(&root().join("fixtures/drifts"), "toml") {
        let set: toml::Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
        for (name, text) in set["files"].as_table().unwrap() {
            all.insert(name.clone(), text.as_str().unwrap().to_owned());
        }
    }
    let sample =
        |(name, text): (String, String)| Sample { name, bytes: text.into(), is_valid: false };
    all.into_iter().map(sample).collect()
}
