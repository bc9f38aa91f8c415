//! A database on a running server. The tests of this folder use only the command and no item of the
//! library, so `check --keep` creates the server and the database.

use serde_json::Value as Json;

use super::fixtures;
use crate::run::run;

/// The database of the only case of `json/spanproof.toml`. Dropping this value removes its server.
#[derive(Debug)]
pub(crate) struct Live {
    /// The URL of the database.
    pub(crate) url: String,
    /// The document that `check --format json` printed.
    pub(crate) document: Json,
    /// The path of the server's folder.
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
        // If an assertion fails from here on, dropping `live` removes the server.
        let mut live = Self { url, document: Json::Null, folder: folder.unwrap() };
        // The service of the case exits at once, so the command exits with 3.
        assert_eq!(output.code, 3, "{output:?}");
        live.document = output.json();
        live
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let output = run(std::env::temp_dir(), &["clean", &self.folder]);
        // A second panic would hide the message of the first panic.
        if !std::thread::panicking() {
            assert_eq!(output.stdout, format!("removed {}\n", self.folder), "{output:?}");
        }
    }
}
