//! A world: what all trials (runs of the service) share, such as the files of the spec, the program, and
//! the database server with the migrated template database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde_json::Value as Json;

use super::Error;
use super::files::{Files, find};
use super::job_name::rename;
use super::program::Program;
use super::request::Request;
use super::resources::Resources;
use super::server_watch::{run_watched, start_server};
use super::shared::SharedHelpers;
use super::values::Values;
use crate::document::suggestion;
use crate::matrix::Case;
use crate::process::Launch;
use crate::spec::{Fault, Process, Route, Spec};
use crate::upstream::Behaviour;
use spanproof_postgres::{Migrations, Options, Server};

/// Everything that trials share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct World(pub(super) Arc<Inner>);

#[derive(Debug, Clone)]
pub(super) struct Inner {
    pub(super) spec: Spec,
    pub(super) program: Program,
    pub(super) server: Server,
    /// How the server was started.
    pub(super) options: Options,
    /// Whether the server serves one trial at a time.
    pub(super) is_alone: bool,
    pub(super) migrations: Migrations,
    pub(super) files: Files,
    /// Whether `close` stops the server.
    pub(super) owns_server: bool,
    /// Helpers that all trials share: processes that the service needs, such as a broker; `None` if the
    /// spec has no such helpers.
    pub(super) shared_helpers: Option<Arc<SharedHelpers>>,
    /// Whether an earlier trial has shown that processes outside the service listen on its ports, for example
    /// because the service runs in a container.
    pub(super) listens_elsewhere: Arc<AtomicBool>,
    pub(super) build_time: Duration,
    pub(super) database_time: Duration,
}

impl World {
    /// Returns the spec.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// Returns the server that contains the databases of the trials.
    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// Returns the migrations that were applied to the databases of the trials.
    pub fn migrations(&self) -> &Migrations {
        &self.0.migrations
    }

    /// Returns the same world with a server of its own, which is started now. If only one trial at a
    /// time runs on it, whatever happens on that server is due to this trial.
    ///
    /// # Errors
    /// When the server can't be started, or a migration fails.
    pub(crate) async fn with_own_server(&self) -> Result<Self, Error> {
        let server = start_server(Server::start(self.0.options.clone())).await?;
        run_watched(&server, server.prepare(&self.0.migrations)).await?;
        let inner = Inner { server, owns_server: true, is_alone: true, ..(*self.0).clone() };
        Ok(Self(Arc::new(inner)))
    }

    /// Whether a trial has the server to itself.
    pub(super) fn is_alone(&self) -> bool {
        self.0.is_alone
    }

    /// Returns a hash that identifies the service's program; `None` if its file can't be read.
    pub fn program_id(&self) -> Option<String> {
        self.0.program.identity(&self.0.spec)
    }

    /// Returns how long the build took, and how long the start of the server with the creation of the
    /// migrated database took.
    pub fn startup_times(&self) -> (Duration, Duration) {
        (self.0.build_time, self.0.database_time)
    }

    /// Stops the shared helpers, and the server unless it is shared with other worlds. Does nothing if
    /// clones of this world still exist.
    ///
    /// # Errors
    /// When a helper or the server can't be stopped, or the server's files can't be removed.
    pub async fn close(self) -> Result<(), Error> {
        let Some(inner) = Arc::into_inner(self.0) else { return Ok(()) };
        let Inner { shared_helpers, migrations, server, owns_server, .. } = inner;
        // If the service creates its own tables, the migrations hold a reference to the helpers, so they are
        // dropped before the helpers can be stopped.
        drop(migrations);
        if let Some(helpers) = shared_helpers.and_then(Arc::into_inner) {
            helpers.stop().await?;
        }
        if owns_server {
            server.close().await?;
        }
        Ok(())
    }

    /// Returns the ports and the folder of the helpers that all trials share; `None` if there are
    /// none.
    pub(super) fn shared_resources(&self) -> Option<Arc<Resources>> {
        self.0.shared_helpers.as_ref().map(|helpers| Arc::clone(&helpers.resources))
    }

    /// Checks that the helpers that all trials share still run.
    pub(super) fn check_shared_helpers(&self) -> Result<(), Error> {
        self.0.shared_helpers.as_ref().map_or(Ok(()), |helpers| helpers.check_running())
    }

    pub(super) fn program(&self) -> &Program {
        &self.0.program
    }

    /// Returns how to start a `[[process]]` of the spec: its program, arguments, folder and
    /// environment. `service` is the environment of the service.
    pub(super) fn launch_process(
        &self,
        rule: &Process,
        values: &Values,
        service: &BTreeMap<String, String>,
    ) -> Result<Launch, Error> {
        let spec = &self.0.spec;
        let environment = values.environment_of(rule, service);
        let program = Program::from_words(spec, &rule.command)?;
        Ok(program.launch(spec, rule.cwd.as_deref(), environment, |text| values.fill(text)))
    }

    /// Returns how to start a command of a route, with the given environment, in the folder of the service.
    pub(super) fn launch_words(
        &self,
        words: &[String],
        environment: BTreeMap<String, String>,
        values: &Values,
    ) -> Result<Launch, Error> {
        let spec = &self.0.spec;
        let program = Program::from_words(spec, words)?;
        let cwd = spec.service.cwd.as_deref();
        Ok(program.launch(spec, cwd, environment, |text| values.fill(text)))
    }

    /// Writes the files of the spec, with their placeholders replaced, into the folder of a trial.
    pub(super) fn render_files(&self, values: &Values) -> Result<(), Error> {
        for (name, template) in &self.0.files.templates {
            let path = PathBuf::from(values.fill(&format!("{{dir}}/{name}")));
            let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
            let written = written.and_then(|()| std::fs::write(&path, values.fill(template)));
            written.map_err(|error| Error::File {
                what: "file",
                path,
                reason: error.to_string(),
            })?;
        }
        Ok(())
    }

    pub(super) fn behaviour(&self, name: &str) -> Result<&Behaviour, Error> {
        find("upstream", &self.0.files.behaviours, name)
    }

    pub(super) fn seeds(&self) -> &[(PathBuf, Migrations)] {
        &self.0.files.seeds
    }

    /// Returns the SQL that applies and removes a fault; `None` unless its kind is `sql`.
    pub(super) fn fault_sql(&self, name: &str) -> Option<&(String, String)> {
        self.0.files.faults.get(name)
    }

    /// Returns a job of the spec.
    pub(super) fn job(&self, name: &str) -> Result<&Json, Error> {
        find("job", &self.0.files.jobs, name)
    }

    /// Returns the job that is submitted after a fault was removed. It gets a new id if the spec has a JSON
    /// pointer to the job's id.
    pub(super) fn second_job(&self, name: &str) -> Result<Json, Error> {
        self.renamed_job(name, "-again", 2)
    }

    /// Returns the job that is submitted as number `number` in a case that submits its job several times.
    /// It gets a new id if the spec has a JSON pointer to the job's id.
    pub(super) fn repeated_job(&self, name: &str, number: u32) -> Result<Json, Error> {
        self.renamed_job(name, &format!("-{number}"), number)
    }

    fn renamed_job(&self, name: &str, suffix: &str, number: u32) -> Result<Json, Error> {
        let mut job = self.job(name)?.clone();
        let rule = self.0.spec.jobs.iter().find(|job| job.name == name);
        if let Some(id) = rule.and_then(|rule| job.pointer_mut(rule.id.as_deref()?)) {
            rename(id, suffix, number);
        }
        Ok(job)
    }

    /// Returns a route of the spec.
    pub(super) fn route(&self, name: &str) -> Result<&Route, Error> {
        let spec = self.spec();
        spec.route(name).ok_or_else(|| Error::Unknown {
            kind: "route",
            found: name.to_owned(),
            hint: suggestion(name, spec.routes.iter().map(|route| route.name.as_str())),
        })
    }

    /// Returns the fault of a case; `None` if the case has none.
    pub(super) fn fault_of(&self, case: &Case) -> Result<Option<&Fault>, Error> {
        let Some(name) = &case.fault else { return Ok(None) };
        let spec = self.spec();
        let unknown = || Error::Unknown {
            kind: "fault",
            found: name.clone(),
            hint: suggestion(name, spec.faults.iter().map(Fault::name)),
        };
        spec.fault(name).map(Some).ok_or_else(unknown)
    }

    /// Creates the request that submits a job by a route.
    pub(super) fn request_for(&self, route: &Route, job: &Json) -> Result<Request, Error> {
        let body = find("route", &self.0.files.bodies, &route.name)?;
        Ok(Request::new(route, body, job))
    }
}
