//! The folders of earlier runs: `.spanproof/runs/…` beside the spec, the newest few kept.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use spanproof::is_run;

/// How many earlier runs stay beside a new one.
const KEPT: usize = 4;

/// What is stored beside a spec.
const FOLDER: &str = ".spanproof";

fn parent(spec: &Path) -> PathBuf {
    spec.join(FOLDER).join("runs")
}

/// Keeps the folder out of version control; a file that is there already stays as it is.
fn ignore(folder: &Path) -> std::io::Result<()> {
    match std::fs::File::create_new(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the folder of a new run and removes the oldest ones that have ended.
pub(super) fn new(spec: &Path) -> std::io::Result<PathBuf> {
    let parent = parent(spec);
    std::fs::create_dir_all(&parent)?;
    ignore(&spec.join(FOLDER))?;
    let old: Vec<_> = all(spec).into_iter().filter(|folder| !running(folder)).collect();
    for folder in old.iter().take(old.len().saturating_sub(KEPT)) {
        // Another run may be removing it at this moment.
        let _removed = std::fs::remove_dir_all(folder);
    }
    let name =
        format!("{}-{}", chrono::Utc::now().format("%Y%m%dT%H%M%S%.3fZ"), std::process::id());
    let folder = parent.join(name);
    std::fs::create_dir(&folder)?;
    Ok(folder)
}

/// Whether the process that writes to a folder still runs; the folder's name ends with its id.
fn running(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').is_some_and(|(_, id)| Path::new("/proc").join(id).exists())
}

/// The folder of the newest run.
pub(super) fn newest(spec: &Path) -> Option<PathBuf> {
    all(spec).pop()
}

/// All of them, oldest first: their names start with the time.
fn all(spec: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent(spec)).into_iter().flatten().flatten();
    let mut folders: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| is_run(path)).collect();
    folders.sort();
    folders
}
