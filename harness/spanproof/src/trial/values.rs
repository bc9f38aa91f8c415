//! The values of the placeholders in a spec, such as `{port}`, in one trial (one run of the service).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value as Json;

use spanproof_postgres::{Address, ServerError};

use super::Error;
use super::address::address_value;
use super::resources::Resources;
use crate::environment;
use crate::matrix::Case;
use crate::spec::{Process, Spec, placeholder};

/// The values of the placeholders of one trial.
#[derive(Debug, Clone)]
pub(super) struct Values {
    /// The URL of the trial's database.
    pub(super) database: String,
    address: Address,
    upstream: String,
    /// The port of the service.
    pub(super) port: u16,
    case: String,
    pub(super) resources: Arc<Resources>,
}

impl Values {
    /// Creates the values. `upstream` is the upstream's URL; empty for helpers, which start before it.
    pub(super) fn new(
        database: &str,
        upstream: String,
        port: u16,
        case: &Case,
        resources: &Arc<Resources>,
    ) -> Result<Self, Error> {
        let address = Address::parse(database);
        let address = address.map_err(|error| Error::Database(ServerError::from(error)))?;
        let (database, case) = (database.to_owned(), case.id.clone());
        Ok(Self { database, address, upstream, port, case, resources: Arc::clone(resources) })
    }

    /// Returns strings that, while this trial runs, only its own processes have in their environment.
    pub(super) fn marks(&self) -> Vec<String> {
        let upstream = self.upstream.trim_start_matches("http://").to_owned();
        vec![self.address.database.clone(), upstream, self.port.to_string()]
    }

    /// Returns strings that no other process of the machine ever has in its environment. Ports are not among
    /// them, because other processes may use them later.
    pub(super) fn unique_marks(&self) -> Vec<String> {
        let folder = self.resources.folder().map(|path| path.display().to_string());
        std::iter::once(self.address.database.clone()).chain(folder).collect()
    }

    /// Returns the password of the database; empty if there is none.
    pub(super) fn password(&self) -> &str {
        &self.address.password
    }

    /// Replaces the placeholders in a string of the spec.
    pub(super) fn fill(&self, text: &str) -> String {
        placeholder::fill(text, |name| self.value(name))
    }

    /// Writes a job to the file `{job.file}` in the folder of the trial.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(super) fn write_job(&self, job: &Json) -> Result<(), Error> {
        let path = PathBuf::from(self.fill("{job.file}"));
        std::fs::write(&path, job.to_string()).map_err(|error| Error::File {
            what: "the file of the job",
            path,
            reason: error.to_string(),
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some(name) = name.strip_prefix("port:") {
            return self.resources.port(name).map(|port| port.to_string());
        }
        if name.starts_with("database.") {
            return address_value(&self.address, &self.database, name);
        }
        Some(match name {
            "upstream.url" => self.upstream.clone(),
            "port" => self.port.to_string(),
            "dir" => self.resources.folder()?.display().to_string(),
            "job.file" => self.resources.folder()?.join("job.json").display().to_string(),
            "case" => self.case.clone(),
            _ => return None,
        })
    }

    /// Returns the values that snapshots replace with placeholders, as pairs of placeholder name and value.
    /// `processes` are process ids. Longer values come first, because a shorter one may be a part of them.
    pub(super) fn placeholders(&self, processes: &[u32]) -> Vec<(String, String)> {
        let mut placeholders = vec![
            ("DATABASE".to_owned(), crate::mask::text(&self.database)),
            ("DATABASE_NAME".to_owned(), self.address.database.clone()),
            ("UPSTREAM".to_owned(), self.upstream.clone()),
            ("PORT".to_owned(), self.port.to_string()),
        ];
        let ports = self.resources.ports().into_iter().map(|(name, port)| (name, port.to_string()));
        let upstream =
            self.upstream.rsplit_once(':').map(|(_, port)| ("upstream", port.to_owned()));
        // The host of a Unix socket is a folder. Its port is the same for every case, so it needs no
        // placeholder.
        let has_port = !self.address.host.starts_with('/');
        let database = has_port.then(|| ("database", self.address.port.to_string()));
        let ports = ports.chain(upstream).chain(database);
        placeholders.extend(ports.map(|(name, port)| (format!("PORT:{name}"), port)));
        placeholders.extend(processes.iter().map(|id| ("PID".to_owned(), id.to_string())));
        let folder = self.resources.folder();
        placeholders.extend(folder.map(|path| ("DIR".to_owned(), path.display().to_string())));
        placeholders.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        placeholders
    }

    /// Returns the whole environment of the service in a case.
    pub(super) fn environment(&self, spec: &Spec, case: &Case) -> BTreeMap<String, String> {
        service_environment(spec, case, |text| self.fill(text))
    }

    /// Returns the environment of another process. `service` is the environment of the service, which
    /// processes under test get, too.
    pub(super) fn environment_of(
        &self,
        process: &Process,
        service: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        process_environment(process, service, |text| self.fill(text))
    }
}

/// Returns the whole environment of the service in a case: the variables that the spec lets it inherit,
/// the variables of the spec, and the flags of the case. `fill` replaces placeholders.
pub(super) fn service_environment(
    spec: &Spec,
    case: &Case,
    fill: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    let mut all = environment::inherited(&spec.service.inherit);
    all.extend(spec.service.env.iter().map(|(name, text)| (name.clone(), fill(text))));
    all.extend(
        case.flags
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.text()?.to_owned()))),
    );
    all
}

/// Returns the environment of another process, as [`Values::environment_of`] does.
pub(super) fn process_environment(
    process: &Process,
    service: &BTreeMap<String, String>,
    fill: impl Fn(&str) -> String,
) -> BTreeMap<String, String> {
    let mut all = if process.helper { BTreeMap::new() } else { service.clone() };
    all.extend(environment::inherited(&process.inherit));
    all.extend(process.env.iter().map(|(name, text)| (name.clone(), fill(text))));
    all
}
