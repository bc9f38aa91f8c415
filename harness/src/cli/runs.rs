//! The folders of earlier runs: `.spanproof/runs/…` beside the spec, the newest few kept.

use std::path::{Path, PathBuf};

/// How many earlier runs stay beside a new one.
const KEPT: usize = 4;

fn parent(spec: &Path) -> PathBuf {
    spec.join(".spanproof").join("runs")
}

/// Makes the folder of a new run and removes the oldest ones.
pub(super) fn new(spec: &Path) -> std::io::Result<PathBuf> {
    let parent = parent(spec);
    std::fs::create_dir_all(&parent)?;
    let mut old = all(spec);
    while old.len() > KEPT {
        std::fs::remove_dir_all(old.remove(0))?;
    }
    let name =
        format!("{}-{}", chrono::Utc::now().format("%Y%m%dT%H%M%S%.3fZ"), std::process::id());
    let folder = parent.join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// The folder of the newest run.
pub(super) fn newest(spec: &Path) -> Option<PathBuf> {
    all(spec).pop()
}

/// All of them, oldest first: their names start with the time.
fn all(spec: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent(spec)).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}
