//! What a run was meant to do, written beside its evidence, so that a run which ended early is
//! never taken for a whole one.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::matrix::Case;
use crate::observation::{Error, FORMAT, masked_case};
use crate::spec::Spec;

const FILE: &str = "run.json";

/// The record of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    format: String,
    /// Every case that was to be run.
    pub(super) planned: Vec<Case>,
    /// The cases whose world did not come up, each with the cause.
    pub(super) broken: BTreeMap<String, String>,
    /// Why the run could not go on.
    pub(super) halted: Option<String>,
}

impl Record {
    /// The record of these cases, secrets masked.
    pub(super) fn of(spec: &Spec, planned: &[Case]) -> Self {
        let planned = planned.iter().map(|case| masked_case(spec, case)).collect();
        Self { format: FORMAT.into(), planned, broken: BTreeMap::new(), halted: None }
    }

    /// Writes the record; what had been written before is replaced as a whole.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let partial = folder.join("run.json.partial");
        let failed = |source| Error::File { what: "write", path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let json = serde_json::to_vec_pretty(self)
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
        Ok(Some(record))
    }
}

/// Whether a folder holds the record of a run.
pub fn is_run(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}
