//! The file `run.json`: the cases that a run planned, and why it did not run some of them. The file is
//! stored beside the evidence of the cases, so that nobody mistakes an incomplete run for a complete
//! run.

use std::path::Path;

use spanproof_format::RunPlan;

use crate::matrix::Case;
use crate::observation::{Error, masked_case};
use crate::spec::Spec;

const FILE: &str = "run.json";

/// The content of `run.json`.
#[derive(Debug, Clone)]
pub(super) struct RunRecord(RunPlan);

impl Default for RunRecord {
    fn default() -> Self {
        Self(RunPlan::new(Vec::new()))
    }
}

impl RunRecord {
    /// Creates the record of a run that plans these cases. Secrets are masked.
    pub(super) fn new(spec: &Spec, planned: &[Case]) -> Self {
        let planned = planned.iter().map(|case| masked_case(spec, case).into()).collect();
        Self(RunPlan::new(planned))
    }

    /// Returns the planned cases.
    pub(super) fn planned(&self) -> Vec<Case> {
        self.0.planned.iter().cloned().map(Case::from).collect()
    }

    /// Returns the reason why a case is broken, for example because its service or Postgres did not start;
    /// `None` if it was judged, or not run.
    pub(super) fn broken(&self, id: &str) -> Option<&str> {
        self.0.broken.get(id).map(String::as_str)
    }

    /// Adds a case that is broken, and the reason.
    pub(super) fn add_broken(&mut self, id: &str, cause: &str) {
        self.0.broken.insert(id.to_owned(), cause.to_owned());
    }

    /// Returns why a case was not run, if its fault is not in the spec but was added by spanproof. `None`
    /// for any other case.
    pub(super) fn untried(&self, id: &str) -> Option<&str> {
        self.0.untried.get(id).map(String::as_str)
    }

    /// Adds a case that was not run. Its fault is not in the spec: spanproof added it.
    pub(super) fn add_untried(&mut self, id: &str, cause: &str) {
        self.0.untried.insert(id.to_owned(), cause.to_owned());
    }

    /// Returns the reason why the run stopped early; `None` if it did not stop early.
    pub(super) fn halted(&self) -> Option<&str> {
        self.0.halted.as_deref()
    }

    /// Sets the reason why the run stopped early; `None` if it did not stop early.
    pub(super) fn set_halted(&mut self, reason: Option<String>) {
        self.0.halted = reason;
    }

    /// Writes the record, and atomically replaces an earlier record.
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

    /// Reads the record in a folder; `None` if the folder has no record. For example, a folder
    /// into which a user copied the evidence of some cases has none.
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

/// Whether a folder contains the evidence of a run. Such a folder has the file `run.json`.
pub fn is_run_folder(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}
