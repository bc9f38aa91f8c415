//! Reads and writes the folder that stores an observation (the evidence of one case): `evidence.json`
//! for spanproof, and the output streams as plain text for people.

use crate::chain::debug_as_chain;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use spanproof_format as format;
use spanproof_format::{Compatibility, EVIDENCE_FORMAT as FORMAT, compatibility};

use super::Observation;
use crate::process::{Output, Stream};

/// Name of the file that contains the observation.
const EVIDENCE_FILE: &str = "evidence.json";

/// Evidence can't be written or read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file or folder can't be read, written or removed.
    #[error("could not {what} `{}`", path.display())]
    File {
        /// What failed: `read`, `write`, `create` or `remove`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// The file is damaged, or does not contain evidence.
    #[error("`{}` can't be read as evidence of a case: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: String,
    },
    /// The evidence was written by a newer version of spanproof.
    #[error("`{}` has format {found}, but this version reads {FORMAT}; use a newer spanproof", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format version of the file.
        found: String,
    },
    /// The folder contains no evidence.
    #[error("`{}` contains no evidence; `spanproof check` writes it", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Short name of [`EvidenceError`] inside the crate.
pub(crate) type Error = EvidenceError;

debug_as_chain!(EvidenceError);

fn file_error(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

/// The format of a file of evidence.
#[derive(serde::Deserialize)]
struct Versioned {
    #[serde(default)]
    format: serde_json::Value,
}

/// Writes evidence into the folder `<case id>` below `parent`, and returns the folder's path.
///
/// # Errors
/// If a file can't be written.
pub fn write(parent: &Path, observation: &Observation) -> Result<PathBuf, Error> {
    let folder = parent.join(&observation.case.id);
    std::fs::create_dir_all(&folder).map_err(file_error("create", &folder))?;
    if let Some(trial) = observation.trial() {
        write_streams(&folder, "", &trial.run.output)?;
        if let Some(second) = &trial.second_job {
            // The prefix of version 0.1.0, which called the second job a recovery.
            write_streams(&folder, "recovery-", &second.run.output)?;
        }
        for (number, job) in (3..).zip(&trial.further_jobs) {
            write_streams(&folder, &format!("job-{number}-"), &job.run.output)?;
        }
        for output in &trial.helpers {
            let name = output.lines.first().and_then(|line| line.process.as_deref());
            write_streams(&folder, &format!("helper-{}-", name.unwrap_or_default()), output)?;
        }
    }
    // The file gets its name when it is complete, so `evidence.json` is never partial.
    let data = folder.join(EVIDENCE_FILE);
    let partial = folder.join("evidence.json.partial");
    write_json(&partial, &format::Observation::from(observation))?;
    std::fs::rename(&partial, &data).map_err(file_error("write", &data))?;
    Ok(folder)
}

/// Writes both output streams of a process as plain text, to files whose names start with `prefix`.
fn write_streams(folder: &Path, prefix: &str, output: &Output) -> Result<(), Error> {
    for stream in [Stream::Stdout, Stream::Stderr] {
        let mut text = String::new();
        for line in output.stream(stream) {
            let _infallible = writeln!(text, "{}", line.text);
        }
        write_file(&folder.join(format!("{prefix}{stream}.log")), text.as_bytes())?;
    }
    Ok(())
}

/// Writes a value without holding its whole text in memory: a job may have many thousands of rows.
fn write_json(path: &Path, value: &format::Observation) -> Result<(), Error> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer_pretty(&mut file, value)?;
        file.flush()
    };
    write().map_err(file_error("write", path))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(file_error("write", path))
}

/// Whether a folder contains evidence.
pub(crate) fn is_stored(folder: &Path) -> bool {
    folder.join(EVIDENCE_FILE).is_file()
}

/// Reads the evidence in a folder.
///
/// # Errors
/// If the evidence is missing, damaged or written by a newer version.
pub fn read(folder: &Path) -> Result<Observation, Error> {
    let path = folder.join(EVIDENCE_FILE);
    let bytes = std::fs::read(&path).map_err(file_error("read", &path))?;
    let damaged =
        |error: serde_json::Error| Error::Damaged { path: path.clone(), reason: error.to_string() };
    // The rows of a job can be much larger as JSON values than as text, so only the format is read as one.
    let versioned: Versioned = serde_json::from_slice(&bytes).map_err(damaged)?;
    let Some(found) = versioned.format.as_str() else {
        let reason = "it does not name its `format`".to_owned();
        return Err(Error::Damaged { path, reason });
    };
    match compatibility(found, FORMAT) {
        Compatibility::Readable => {}
        Compatibility::Newer => return Err(Error::Newer { path, found: found.to_owned() }),
        Compatibility::Unsupported => {
            let reason = format!("it has format `{found}`");
            return Err(Error::Damaged { path, reason });
        }
    }
    let stored: format::Observation = serde_json::from_slice(&bytes).map_err(damaged)?;
    Ok(stored.into())
}

/// Lists the folders below `parent` that contain evidence, sorted by name.
///
/// # Errors
/// If `parent` can't be read or contains no evidence.
pub fn list(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(parent).map_err(file_error("read", parent))?;
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|p| is_stored(p)).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(Error::Empty { path: parent.to_owned() });
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_without_a_format_is_reported_as_such() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(EVIDENCE_FILE), "{}").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("it does not name its `format`"), "{error}");
        std::fs::write(folder.path().join(EVIDENCE_FILE), "{\"format\": \"x\"}").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("it has format `x`"), "{error}");
    }
}
