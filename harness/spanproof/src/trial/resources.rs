//! The ports, the folder and the processes of one trial (one run of the service).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sys::statvfs::statvfs;
use spanproof_lease::{Guard, Reservation, Resource};

use super::Error;
use crate::environment;
use crate::process::{self, Family};
use crate::spec::Spec;

/// Free bytes below which a file system counts as full: a write can fail although a few blocks are still
/// free.
const MIN_FREE: u64 = 16 * 1024;

/// The ports and the folder of a trial, or of the helpers that all trials share. Dropping it releases
/// the ports and removes the folder.
#[derive(Debug)]
pub(super) struct Resources {
    /// The ports, by name.
    ports: BTreeMap<String, Reservation>,
    folder: Option<Folder>,
    /// The processes of the trial with their descendants.
    pub(super) family: Family,
    /// The resources of the helpers that all trials share; `None` if there are no such helpers. A helper
    /// is a process that the service needs, such as a broker.
    shared: Option<Arc<Resources>>,
}

/// A folder that is removed when it is dropped or this process dies.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    _guard: Guard,
}

impl Resources {
    /// Reserves the ports of a trial and creates its folder if the spec needs one.
    pub(super) fn new(spec: &Spec, shared: Option<Arc<Self>>) -> Result<Self, Error> {
        let folder = if spec.needs_folder() { Some(Folder::create()?) } else { None };
        let family = Family::new(shared.as_ref().map(|shared| shared.family.clone()));
        Ok(Self { ports: reserve_ports(spec.port_names())?, folder, family, shared })
    }

    /// Reserves the ports of the helpers that all trials share and creates their folder.
    pub(super) fn for_shared_helpers(spec: &Spec) -> Result<Self, Error> {
        let names = spec.shared_helpers().map(|process| process.name.clone());
        let folder = Some(Folder::create()?);
        let (ports, family) = (reserve_ports(names)?, Family::new(None));
        Ok(Self { ports, folder, family, shared: None })
    }

    /// Returns the port of that name; `None` if the spec does not name it.
    pub(super) fn port(&self, name: &str) -> Option<u16> {
        let own = self.ports.get(name).map(Reservation::port);
        own.or_else(|| self.shared.as_ref()?.port(name))
    }

    /// Returns the names and numbers of all ports.
    pub(super) fn ports(&self) -> Vec<(&str, u16)> {
        let own = self.ports.iter().map(|(name, port)| (name.as_str(), port.port()));
        own.chain(self.shared.iter().flat_map(|shared| shared.ports())).collect()
    }

    /// Returns why the service can't use the folder of the trial; `None` if it can, or if there is no folder.
    pub(super) fn folder_problem(&self) -> Option<String> {
        let folder = self.folder()?;
        let (path, parent) = (folder.display(), environment::temporary_folder());
        let parent = parent.display();
        if !folder.is_dir() {
            return Some(format!(
                "the folder `{path}` of the case was removed while the case ran; find out what removes files in \
                 `{parent}`, and run again"
            ));
        }
        let free = statvfs(folder).map(|stat| stat.blocks_available() * stat.fragment_size());
        free.is_ok_and(|bytes| bytes < MIN_FREE).then(|| {
            format!(
                "the file system of `{parent}` is full, and the case has its folder there; free some space, or set \
                 `TMPDIR` to another folder"
            )
        })
    }

    /// Returns the folder of the trial; `None` if the spec needs none.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(|folder| folder.path.as_path())
    }
}

fn reserve_ports(
    names: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, Reservation>, Error> {
    names.into_iter().map(|name| Ok((name, reserve_port()?))).collect()
}

/// Reserves a free port.
pub(super) fn reserve_port() -> Result<Reservation, Error> {
    let failed = process::Error::system("a free port could not be reserved on 127.0.0.1");
    Ok(Reservation::new().map_err(failed)?)
}

impl Folder {
    fn create() -> Result<Self, Error> {
        let name = format!("spanproof-case-{}", uuid::Uuid::new_v4().simple());
        let path = environment::temporary_folder().join(name);
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
