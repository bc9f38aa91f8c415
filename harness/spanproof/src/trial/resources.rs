//! What the processes of one trial share besides the database: ports with names, and a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use spanproof_lease::{Guard, Reservation, Resource};

use super::Error;
use crate::environment;
use crate::process;
use crate::spec::Spec;

/// The ports and the folder of a trial. Dropping it releases the ports and removes the folder.
#[derive(Debug)]
pub(super) struct Resources {
    ports: BTreeMap<String, Reservation>,
    folder: Option<Folder>,
}

/// A folder that is removed when it is dropped or this process dies.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _guard: Guard,
}

impl Resources {
    /// Reserves the ports that the spec names and creates the folder if the spec needs one.
    pub(super) fn new(spec: &Spec) -> Result<Self, Error> {
        let ports = spec.port_names().into_iter().map(|name| Ok((name, reserve_port()?)));
        let ports = ports.collect::<Result<_, Error>>()?;
        let folder = if spec.needs_folder() { Some(Folder::create()?) } else { None };
        Ok(Self { ports, folder })
    }

    /// Returns the port of that name; `None` if the spec does not name it.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        self.ports.get(name).map(Reservation::port)
    }

    /// Returns the names and numbers of all ports.
    pub(super) fn ports(&self) -> impl Iterator<Item = (&str, u16)> {
        self.ports.iter().map(|(name, port)| (name.as_str(), port.port()))
    }

    /// Returns the folder of the trial; `None` if the spec needs none.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(|folder| folder.path.as_path())
    }
}

/// Reserves a free port.
pub(super) fn reserve_port() -> Result<Reservation, Error> {
    let failed = process::Error::system("a free port could not be reserved on 127.0.0.1");
    Ok(Reservation::new().map_err(failed)?)
}

impl Folder {
    fn create() -> Result<Self, Error> {
        let name = format!("spanproof-case-{}", uuid::Uuid::new_v4().simple());
        let path = environment::temporary().join(name);
        let failed = |error: std::io::Error| Error::File {
            what: "the folder of a case",
            path: path.clone(),
            reason: error.to_string(),
        };
        let guard = spanproof_lease::guard(Resource::Folder(path.clone())).map_err(failed)?;
        std::fs::create_dir(&path).map_err(failed)?;
        Ok(Self { path, _guard: guard })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.path);
    }
}
