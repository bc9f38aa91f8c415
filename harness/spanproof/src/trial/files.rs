//! Reads and checks the files that a spec names: jobs, request bodies, upstream behaviours and so on. A trial
//! is one run of the service.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::Error;
use super::problems::Problems;
use crate::chain::chain;
use crate::document::suggestion;
use crate::spec::{Job, Spec};
use crate::upstream::Behaviour;
use spanproof_postgres::Migrations;

/// The files that the spec names, read and checked once.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The jobs, by name.
    pub(super) jobs: BTreeMap<String, Json>,
    /// The request bodies with placeholders, by the name of the route.
    pub(super) bodies: BTreeMap<String, Json>,
    /// The behaviours of the fake upstream, by name.
    pub(super) behaviours: BTreeMap<String, Behaviour>,
    /// The faults of the kind `sql`, by name: the SQL that applies the fault, and the SQL that removes it.
    pub(super) faults: BTreeMap<String, (String, String)>,
    /// The SQL files that run in the database of every trial, with their paths.
    pub(super) seeds: Vec<(PathBuf, Migrations)>,
    /// The templates of `[service.files]`, by the name of the file that is written.
    pub(super) templates: BTreeMap<String, String>,
}

impl Files {
    /// Reads every file. If a file is wrong, the result lacks it, and `problems` gets the error.
    pub(super) fn read(spec: &Spec, seeds: Vec<PathBuf>, problems: &mut Problems) -> Self {
        let jobs = spec.jobs.iter();
        let jobs = problems.collect(jobs.map(|job| Ok((job.name.clone(), read_job(spec, job)?))));
        let bodies = problems.collect(spec.routes.iter().map(|route| {
            let name = PathBuf::from(format!("[[route]] {}", route.name));
            Ok((route.name.clone(), json("body of", &name, &route.body)?))
        }));
        let behaviours = problems.collect(spec.upstreams.iter().map(|upstream| {
            Ok((upstream.name.clone(), Behaviour::read(&spec.path(&upstream.file))?))
        }));
        let faults = spec.faults.iter().filter_map(|fault| {
            let read = |path: &PathBuf| text("fault file", &spec.path(path));
            let (apply, clear) = (fault.apply.as_ref()?, fault.clear.as_ref()?);
            Some(read(apply).and_then(|apply| Ok((fault.name().to_owned(), (apply, read(clear)?)))))
        });
        let faults = problems.collect(faults);
        let seeds = problems.collect(seeds.into_iter().map(read_seed));
        let templates = problems.collect(
            spec.service
                .files
                .iter()
                .map(|(name, path)| Ok((name.clone(), text("template", &spec.path(path))?))),
        );
        Self { jobs, bodies, behaviours, faults, seeds, templates }
    }
}

/// Looks up a name. `kind` is what the error calls it, such as `job`.
pub(super) fn find<'a, T>(
    kind: &'static str,
    all: &'a BTreeMap<String, T>,
    name: &str,
) -> Result<&'a T, Error> {
    all.get(name).ok_or_else(|| Error::Unknown {
        kind,
        found: name.to_owned(),
        hint: suggestion(name, all.keys().map(String::as_str)),
    })
}

/// Reads the file of a job.
fn read_job(spec: &Spec, job: &Job) -> Result<Json, Error> {
    let path = spec.path(&job.file);
    let value = json("job file", &path, &text("job file", &path)?)?;
    let is_text = |id: &&String| value.pointer(id).is_some_and(Json::is_string);
    match &job.id {
        Some(id) if !is_text(&id) => {
            let reason = format!("`id` = `{id}` does not point to a string in the file");
            Err(Error::File { what: "job file", path, reason })
        }
        _ => Ok(value),
    }
}

/// Reads an SQL file that runs in the database of every trial.
fn read_seed(path: PathBuf) -> Result<(PathBuf, Migrations), Error> {
    match Migrations::read_file(&path) {
        Ok(seed) => Ok((path, seed)),
        Err(error) => {
            let reason = chain(error.source().unwrap_or(&error));
            Err(Error::File { what: "seed", path, reason })
        }
    }
}

/// Reads a file as text.
fn text(what: &'static str, path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::File {
        what,
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// Parses the text of a file as JSON.
fn json(what: &'static str, path: &Path, text: &str) -> Result<Json, Error> {
    serde_json::from_str(text).map_err(|error| Error::File {
        what,
        path: path.to_owned(),
        reason: format!("not JSON: {error}"),
    })
}
