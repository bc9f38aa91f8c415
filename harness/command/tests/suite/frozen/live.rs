//! A live database, created by `check --keep`, so that these tests don't need the library.

use serde_json::Value as Json;

use super::fixtures;
use crate::run::run;

/// The database of `json/spanproof.toml`; its server is removed when dropped.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its URL.
    pub(crate) url: String,
    /// The document of `check --format json`.
    pub(crate) document: Json,
    folder: String,
}

impl Live {
    /// Runs the only case of the spec and keeps its database.
    pub(crate) fn start() -> Self {
        let evidence = tempfile::tempdir().unwrap();
        let folder = evidence.path().to_str().unwrap();
        let args = ["check", "--keep", "--format", "json", "--evidence", folder];
        let output = run(fixtures().join("json"), &args);
        let kept = output.stderr.lines().find(|line| line.starts_with("kept "));
        let url = kept.and_then(|line| line.split('\'').nth(1)).unwrap_or_default().to_owned();
        let folder = url.split_once("?host=").map(|(_, folder)| folder.to_owned());
        assert!(folder.is_some(), "no database was kept on a disposable server: {output:?}");
        // From here on a failed assertion leaves no server behind.
        let mut live = Self { url, document: Json::Null, folder: folder.unwrap() };
        // The case is broken: its service exits at once.
        assert_eq!(output.code, 3, "{output:?}");
        live.document = output.json();
        live
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let output = run(std::env::temp_dir(), &["clean", &self.folder]);
        // A second panic would hide the first one.
        if !std::thread::panicking() {
            assert_eq!(output.stdout, format!("removed {}\n", self.folder), "{output:?}");
        }
    }
}
