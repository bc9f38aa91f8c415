//! The folders of runs below `.spanproof/runs`, beside the spec.
//!
//! A new run removes earlier runs: every run that is older than [`MAX_AGE`], and all but the newest
//! [`MAX_RUNS`]. It keeps a run that is in use, and every run that is newer than a run in use. It
//! keeps all folders whose name is not that of a run, or that contain no `run.json`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::NaiveDateTime;
use spanproof::is_run_folder;

/// Maximum number of runs, including the new one.
const MAX_RUNS: usize = 5;
/// Maximum age of a run.
const MAX_AGE: Duration = Duration::from_hours(14 * 24);

/// The folder beside the spec that contains the folder `runs`.
const FOLDER: &str = ".spanproof";
/// The name of a run's folder is the time of its start in this format, `-`, and its process id.
const NAME_FORMAT: &str = "%Y%m%dT%H%M%S%.3fZ";

/// The folder for the evidence of a run.
#[derive(Debug)]
pub(super) struct RunFolder {
    /// The path of the folder.
    pub(super) path: PathBuf,
    /// The open folder, locked while the run uses it. `None` if the user chose the folder.
    _lock: Option<File>,
}

impl RunFolder {
    /// Uses the folder that the user chose.
    pub(super) fn from_argument(path: &Path) -> Self {
        Self { path: path.to_owned(), _lock: None }
    }

    /// Creates the folder of a new run, and removes earlier runs.
    pub(super) fn create(spec_folder: &Path) -> std::io::Result<Self> {
        let parent = runs_folder(spec_folder);
        std::fs::create_dir_all(&parent)?;
        create_gitignore(&spec_folder.join(FOLDER))?;
        remove_old_runs(&parent, SystemTime::now());
        let name = format!("{}-{}", chrono::Utc::now().format(NAME_FORMAT), std::process::id());
        let path = parent.join(name);
        std::fs::create_dir(&path)?;
        let folder = File::open(&path)?;
        // If locking fails, the run continues. Later runs keep this one while it is among the
        // newest.
        let _locked = folder.lock();
        Ok(Self { path, _lock: Some(folder) })
    }
}

/// Returns the folder of the newest run; `None` if there is no run.
pub(super) fn newest(spec_folder: &Path) -> Option<PathBuf> {
    run_folders(&runs_folder(spec_folder)).into_iter().rfind(|folder| is_run_folder(folder))
}

/// Removes the evidence of earlier sweeps (runs with common spellings of a flag's values), and creates a
/// folder for new evidence.
pub(super) fn clear_sweeps(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(folder)?;
    folder.parent().map_or(Ok(()), create_gitignore)
}

fn runs_folder(spec_folder: &Path) -> PathBuf {
    spec_folder.join(FOLDER).join("runs")
}

/// Creates a `.gitignore` that ignores the whole folder. Keeps an existing `.gitignore`.
fn create_gitignore(folder: &Path) -> std::io::Result<()> {
    match File::create_new(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Returns the folders that have the name of a run, oldest first.
fn run_folders(parent: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
    // `file_type` does not follow symbolic links, so links to folders are left out.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut folders: Vec<_> =
        folders.map(|entry| entry.path()).filter(|p| has_run_name(p)).collect();
    folders.sort();
    folders
}

fn has_run_name(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').is_some_and(|(start, id)| {
        NaiveDateTime::parse_from_str(start, NAME_FORMAT).is_ok() && id.parse::<u32>().is_ok()
    })
}

/// Removes runs that are too old, and the oldest runs, so that with a new run there are at most
/// [`MAX_RUNS`]. Keeps the oldest run in use and all newer runs.
fn remove_old_runs(parent: &Path, now: SystemTime) {
    let folders = run_folders(parent);
    let oldest_in_use = folders.iter().position(|folder| is_in_use(folder));
    let removable = &folders[..oldest_in_use.unwrap_or(folders.len())];
    let runs: Vec<_> = removable.iter().filter(|folder| is_run_folder(folder)).collect();
    let surplus = (runs.len() + 1).saturating_sub(MAX_RUNS);
    for (index, folder) in runs.into_iter().enumerate() {
        if index < surplus || is_too_old(folder, now) {
            // Ignores an error, because another process may be removing the same folder.
            let _removed = std::fs::remove_dir_all(folder);
        }
    }
}

/// Returns whether a process holds the lock of a folder. `true` for every folder of a file system
/// without locks.
fn is_in_use(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|folder| folder.try_lock().is_err())
}

/// Returns whether the last file was added to a folder more than [`MAX_AGE`] ago.
fn is_too_old(folder: &Path, now: SystemTime) -> bool {
    let modified = std::fs::metadata(folder).and_then(|data| data.modified()).ok();
    modified.and_then(|modified| now.duration_since(modified).ok()).is_some_and(|age| age > MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates the folder of a run that started on this day of January and finished `age` ago.
    fn run(parent: &Path, day: u8, age: Duration) -> PathBuf {
        let folder = parent.join(format!("202601{day:02}T000000.000Z-1"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("run.json"), "{}").unwrap();
        File::open(&folder).unwrap().set_modified(SystemTime::now() - age).unwrap();
        folder
    }

    /// Removes old runs, as a new run does, and returns the days of the remaining folders.
    fn days_left(parent: &Path) -> Vec<u8> {
        remove_old_runs(parent, SystemTime::now());
        let day = |folder: PathBuf| folder.file_name()?.to_str()?[6..8].parse().ok();
        run_folders(parent).into_iter().filter_map(day).collect()
    }

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn the_newest_four_runs_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        for day in 1..=6 {
            run(parent.path(), day, HOUR);
        }
        assert_eq!(days_left(parent.path()), [3, 4, 5, 6], "a new run would be the fifth");
    }

    #[test]
    fn runs_older_than_two_weeks_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        run(parent.path(), 1, MAX_AGE + HOUR);
        run(parent.path(), 2, Duration::from_hours(13 * 24));
        assert_eq!(days_left(parent.path()), [2]);
    }

    #[test]
    fn a_run_in_use_and_all_newer_runs_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        run(parent.path(), 1, MAX_AGE + HOUR);
        let in_use = run(parent.path(), 2, MAX_AGE + HOUR);
        for day in 3..=9 {
            run(parent.path(), day, MAX_AGE + HOUR);
        }
        let lock = File::open(in_use).unwrap();
        lock.lock().unwrap();
        assert_eq!(days_left(parent.path()), [2, 3, 4, 5, 6, 7, 8, 9]);
        lock.unlock().unwrap();
        assert!(days_left(parent.path()).is_empty());
    }

    #[test]
    fn folders_that_are_not_runs_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        for day in 1..=4 {
            let folder = run(parent.path(), day, MAX_AGE + HOUR);
            std::fs::remove_file(folder.join("run.json")).unwrap();
        }
        let chosen = parent.path().join("mine");
        std::fs::create_dir(&chosen).unwrap();
        std::fs::write(chosen.join("run.json"), "{}").unwrap();
        File::open(&chosen).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let outside = tempfile::tempdir().unwrap();
        let target = run(outside.path(), 5, MAX_AGE + HOUR);
        let link = parent.path().join(target.file_name().unwrap());
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_eq!(days_left(parent.path()), [1, 2, 3, 4]);
        assert!(chosen.join("run.json").exists() && link.join("run.json").exists());
    }

    #[test]
    fn a_new_folder_is_in_use_until_it_is_dropped() {
        let spec = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(spec.path()).unwrap();
        let path = folder.path.clone();
        assert!(has_run_name(&path) && is_in_use(&path));
        drop(folder);
        assert!(!is_in_use(&path));
        assert_eq!(newest(spec.path()), None, "the folder has no `run.json` yet");
    }
}
