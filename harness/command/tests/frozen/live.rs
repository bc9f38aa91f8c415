//! A live database: `check --keep` makes it, so that these tests need nothing of the library.

use serde_json::Value as Json;

use crate::{Printed, fixtures, parsed, spanproof};

/// The database of `json/spanproof.toml`; dropping it removes its server.
#[derive(Debug)]
pub(crate) struct Live {
    /// Its URL.
    pub(crate) url: String,
    /// What `check --format json` printed.
    pub(crate) checked: Json,
    folder: String,
}

impl Live {
    /// Runs the only case of the spec, and keeps its database.
    pub(crate) fn start() -> Self {
        let evidence = tempfile::tempdir().unwrap();
        let folder = evidence.path().to_str().unwrap();
        let args = ["check", "--keep", "--format", "json", "--evidence", folder];
        let mut command = spanproof(&fixtures().join("json"), &args);
        let printed: Printed = command.output().unwrap().into();
        let kept = printed.notes.lines().find(|line| line.starts_with("kept "));
        let url = kept.and_then(|line| line.split('\'').nth(1)).unwrap_or_default().to_owned();
        let folder = url.split_once("?host=").map(|(_, folder)| folder.to_owned());
        assert!(folder.is_some(), "no database of a server of ours was kept: {printed:?}");
        // From here on a failed assertion leaves no server behind.
        let mut live = Self { url, checked: Json::Null, folder: folder.unwrap() };
        // The world of the case breaks: its service ends at once.
        assert_eq!(printed.code, 3, "{printed:?}");
        live.checked = parsed(&printed);
        live
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let folder = std::env::temp_dir();
        let printed: Printed =
            spanproof(&folder, &["clean", &self.folder]).output().unwrap().into();
        // A second panic would hide the first one.
        if !std::thread::panicking() {
            assert_eq!(printed.out, format!("removed {}\n", self.folder), "{printed:?}");
        }
    }
}
