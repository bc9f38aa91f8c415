//! Hashes of what a proof (the file with what passing cases showed about each value of each flag) depends on:
//! the spec with the files that it names, and the migrations. Nothing is built or run for this.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::spec::Spec;

/// Number of hexadecimal digits of a hash.
const DIGITS: usize = 16;

/// Returns the hash of the spec and the files that it names. Comments, the order of keys and the
/// section `manifests` do not change it.
pub(super) fn spec(spec: &Spec) -> String {
    let mut hash = Sha256::new_with_prefix(&spec.canonical);
    for path in files(spec) {
        hash.update(path.to_string_lossy().as_bytes());
        // `check` reports a file that can't be read as an error. Here such a file only changes the hash.
        let content = std::fs::read(spec.path(&path)).unwrap_or_default();
        hash.update(Sha256::digest(content));
    }
    digits(hash)
}

/// Returns the files that the spec names, except those of its database.
fn files(spec: &Spec) -> Vec<PathBuf> {
    let upstreams = spec.upstreams.iter().map(|upstream| &upstream.file);
    let jobs = spec.jobs.iter().map(|job| &job.file);
    let faults = spec.faults.iter().flat_map(|fault| fault.apply.iter().chain(&fault.clear));
    let templates = spec.service.files.values();
    let all = upstreams.chain(jobs).chain(&spec.database.seed).chain(faults).chain(templates);
    all.cloned().collect()
}

/// Returns the hash of the migrations; `None` if the service creates its tables, or if a program creates the
/// tables and the spec does not name the files that this program reads.
///
/// # Errors
/// If a migration can't be read.
pub(super) fn migrations(spec: &Spec) -> Result<Option<String>, spanproof_postgres::Error> {
    let database = &spec.database;
    let is_hidden = !database.migrate.is_empty() && database.inputs.is_empty();
    if database.service_migrates || is_hidden {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    for statements in spec.migrations()?.statements() {
        hash.update(Sha256::digest(statements));
    }
    for pattern in &database.inputs {
        let full = spec.path(Path::new(pattern));
        // `check` reports an invalid pattern as an error. Here it matches no file.
        for path in glob::glob(&full.to_string_lossy()).into_iter().flatten().flatten() {
            hash.update(Sha256::digest(std::fs::read(&path).unwrap_or_default()));
        }
    }
    Ok(Some(digits(hash)))
}

fn digits(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())[..DIGITS].to_owned()
}
