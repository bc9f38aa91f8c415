//! An observation as a folder: `evidence.json`, and both streams as plain text for people.

use crate::chain::debug_as_chain;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use spanproof_format as format;
use spanproof_format::{Age, EVIDENCE_FORMAT as FORMAT, age};

use super::{Observation, ProcessRun};
use crate::process::Stream;

const DATA: &str = "evidence.json";

/// Evidence could not be written or read.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file or folder.
    #[error("could not {what} `{}`", path.display())]
    File {
        /// Read or write.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Not evidence, or damaged.
    #[error("`{}` is not evidence: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// From a newer version.
    #[error("`{}` has format {found}, this version reads {FORMAT}; use a newer spanproof", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// Nothing there.
    #[error("`{}` holds no evidence; `spanproof check` writes some", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// The error of this module, by its short name.
pub(crate) type Error = EvidenceError;

debug_as_chain!(EvidenceError);

fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

/// Writes evidence into its own folder below `parent` and gives that folder.
///
/// # Errors
/// When a file can't be written, for instance because the disk is full.
pub fn write(parent: &Path, observation: &Observation) -> Result<PathBuf, Error> {
    let folder = parent.join(&observation.case.id);
    std::fs::create_dir_all(&folder).map_err(file("make", &folder))?;
    if let Some(trial) = observation.trial() {
        streams(&folder, "", &trial.run)?;
        if let Some(second) = &trial.second {
            streams(&folder, "recovery-", &second.run)?;
        }
    }
    // Written last, under another name first: what has this name is whole.
    let data = folder.join(DATA);
    let json = serde_json::to_vec_pretty(&format::Observation::from(observation))
        .map_err(|error| Error::Damaged { path: data.clone(), reason: error.to_string() })?;
    let partial = folder.join("evidence.json.partial");
    save(&partial, &json)?;
    std::fs::rename(&partial, &data).map_err(file("write", &data))?;
    Ok(folder)
}

/// Writes both streams of a process as plain text.
fn streams(folder: &Path, prefix: &str, run: &ProcessRun) -> Result<(), Error> {
    for stream in [Stream::Stdout, Stream::Stderr] {
        let mut text = String::new();
        for line in run.output.stream(stream) {
            let _infallible = writeln!(text, "{}", line.text);
        }
        save(&folder.join(format!("{prefix}{stream}.log")), text.as_bytes())?;
    }
    Ok(())
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    std::fs::write(path, bytes).map_err(file("write", path))
}

/// Reads the evidence of one folder.
///
/// # Errors
/// When it is missing, damaged or from a newer version.
pub fn read(folder: &Path) -> Result<Observation, Error> {
    let path = folder.join(DATA);
    let bytes = std::fs::read(&path).map_err(file("read", &path))?;
    let damaged =
        |error: serde_json::Error| Error::Damaged { path: path.clone(), reason: error.to_string() };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
    let found = value.get("format").and_then(serde_json::Value::as_str).unwrap_or("none");
    match age(found, FORMAT) {
        Age::Readable => {}
        Age::Newer => return Err(Error::Newer { path, found: found.to_owned() }),
        Age::Strange => {
            let reason = format!("its format is `{found}`");
            return Err(Error::Damaged { path, reason });
        }
    }
    let stored: format::Observation = serde_json::from_value(value).map_err(damaged)?;
    Ok(stored.into())
}

/// The folders below `parent` that hold evidence, in the order of their names.
///
/// # Errors
/// When the folder can't be read or holds none.
pub fn list(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = std::fs::read_dir(parent).map_err(file("read", parent))?;
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|p| p.join(DATA).is_file()).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(Error::Empty { path: parent.to_owned() });
    }
    Ok(folders)
}
