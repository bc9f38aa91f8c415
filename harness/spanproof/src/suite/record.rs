//! What a run was meant to do, written beside its evidence, so that a run which ended early is
//! never taken for a whole one.

use std::path::Path;

use spanproof_format::RunPlan;

use crate::matrix::Case;
use crate::observation::{Error, masked_case};
use crate::spec::Spec;

const FILE: &str = "run.json";

/// The record of a run.
#[derive(Debug, Clone)]
pub(super) struct Record(RunPlan);

impl Record {
    /// Creates the record of these cases, secrets masked.
    pub(super) fn new(spec: &Spec, planned: &[Case]) -> Self {
        let planned = planned.iter().map(|case| masked_case(spec, case).into()).collect();
        Self(RunPlan::new(planned))
    }

    /// The cases that were to be run.
    pub(super) fn planned(&self) -> Vec<Case> {
        self.0.planned.iter().cloned().map(Case::from).collect()
    }

    /// Why the world of a case did not come up; `None` if it did, or was not run.
    pub(super) fn broken(&self, id: &str) -> Option<&str> {
        self.0.broken.get(id).map(String::as_str)
    }

    /// Notes why the world of a case did not come up.
    pub(super) fn add_broken(&mut self, id: &str, cause: &str) {
        self.0.broken.insert(id.to_owned(), cause.to_owned());
    }

    /// Why the run stopped early; `None` if it did not.
    pub(super) fn halted(&self) -> Option<&str> {
        self.0.halted.as_deref()
    }

    /// Notes whether the run stops early, and why.
    pub(super) fn set_halted(&mut self, reason: Option<String>) {
        self.0.halted = reason;
    }

    /// Writes the record; what had been written before is replaced as a whole.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let partial = folder.join("run.json.partial");
        let failed = |source| Error::File { what: "write", path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let json = serde_json::to_vec_pretty(&self.0)
            .map_err(|error| Error::Damaged { path: path.clone(), reason: error.to_string() })?;
        std::fs::write(&partial, json).map_err(failed)?;
        std::fs::rename(&partial, &path).map_err(failed)
    }

    /// The record of a folder; nothing where the folder holds evidence from elsewhere.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::File { what: "read", path, source }),
        };
        let record = serde_json::from_slice(&bytes)
            .map_err(|error| Error::Damaged { path, reason: error.to_string() })?;
        Ok(Some(Self(record)))
    }
}

/// Whether a folder holds the record of a run.
pub fn is_run(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}
