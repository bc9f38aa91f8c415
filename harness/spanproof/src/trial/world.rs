//! What all trials of a spec share: its files, the program, and the server with its template.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::Error;
use super::program::Program;
use super::values::Values;
use crate::chain::chain;
use crate::document::suggestion;
use crate::process::Launch;
use crate::spec::{Overlay, Process, Spec};
use crate::upstream::Behaviour;
use spanproof_postgres::{Migrations, Options, Server};

/// Everything that trials share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct World(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    spec: Spec,
    program: Program,
    server: Server,
    migrations: Migrations,
    files: Files,
    owns_server: bool,
    build_time: Duration,
    database_time: Duration,
}

/// An HTTP POST that submits a job.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    /// The path of the route.
    pub(super) path: String,
    /// The JSON body.
    pub(super) body: Json,
}

/// The files that the spec names, read and checked once.
#[derive(Debug)]
struct Files {
    jobs: BTreeMap<String, Json>,
    bodies: BTreeMap<String, Json>,
    behaviours: BTreeMap<String, Behaviour>,
    /// The SQL that applies and removes each fault of the kind `sql`.
    faults: BTreeMap<String, (String, String)>,
    seeds: Vec<(PathBuf, Migrations)>,
    /// The templates of `[service.files]`, by the name of the file.
    templates: BTreeMap<String, String>,
}

/// Options for opening a [`World`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `open`"]
pub struct WorldBuilder {
    spec: PathBuf,
    binary: Option<PathBuf>,
    env: BTreeMap<String, String>,
    overlays: Vec<Overlay>,
    seeds: Vec<PathBuf>,
    shared: bool,
    fresh: bool,
    show_build: bool,
}

impl WorldBuilder {
    /// Uses an existing binary instead of building the service.
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Adds a variable to the service's environment in every trial.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Replaces a value of the spec. The key has dots between its parts, and the value is TOML, such as
    /// `("service.settle-ms", "4000")`.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.overlays.push(Overlay::new(key, value));
        self
    }

    /// Runs an SQL file in the database of every trial before the service starts.
    pub fn seed(mut self, path: impl Into<PathBuf>) -> Self {
        self.seeds.push(path.into());
        self
    }

    /// Creates the data directory and applies every migration from scratch, without the cache.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Uses the server that all processes of this test run share.
    pub fn shared_server(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Prints the output of the build on standard error.
    pub fn show_build(mut self) -> Self {
        self.show_build = true;
        self
    }

    /// Reads the spec and its files, builds the service, starts the server and applies the migrations.
    ///
    /// # Errors
    /// When one of these steps fails.
    pub async fn open(self) -> Result<World, Error> {
        let spec = Spec::read_with(&self.spec, &self.overlays)?;
        self.open_spec(spec).await
    }

    /// Like [`open`](Self::open), with a spec that the caller has read. Values from [`set`](Self::set)
    /// are ignored.
    ///
    /// # Errors
    /// When the service can't be built, the server does not start, or a migration fails.
    pub async fn open_spec(self, mut spec: Spec) -> Result<World, Error> {
        spec.service.env.extend(self.env);
        let mut seeds: Vec<_> = spec.database.seed.iter().map(|path| spec.path(path)).collect();
        seeds.extend(self.seeds);
        let files = Files::read(&spec, seeds)?;
        let migrations = spec.migrations()?;
        let start = Instant::now();
        let program = match self.binary {
            Some(path) => Program::from_binary(path),
            None => Program::build(&spec, self.show_build).await?,
        };
        let build_time = start.elapsed();
        let start = Instant::now();
        let options = Options {
            migrations: Some(migrations.clone()),
            fresh: self.fresh,
            ..spec.postgres_options()?
        };
        let server =
            if self.shared { Server::join(options).await? } else { Server::start(options).await? };
        server.prepare(&migrations).await?;
        super::schema::check(&server, &migrations, &spec.tables).await?;
        let database_time = start.elapsed();
        let owns_server = !self.shared;
        Ok(World(Arc::new(Inner {
            spec,
            program,
            server,
            migrations,
            files,
            owns_server,
            build_time,
            database_time,
        })))
    }
}

impl World {
    /// Creates a builder for the world of the spec at `path`.
    #[expect(clippy::new_ret_no_self, reason = "a world exists only after `open`")]
    pub fn new(path: impl Into<PathBuf>) -> WorldBuilder {
        WorldBuilder {
            spec: path.into(),
            binary: None,
            env: BTreeMap::new(),
            overlays: Vec::new(),
            seeds: Vec::new(),
            shared: false,
            fresh: false,
            show_build: false,
        }
    }

    /// Returns the spec.
    pub fn spec(&self) -> &Spec {
        &self.0.spec
    }

    /// Returns the server that contains the databases of the trials.
    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// Returns the migrations that the databases have.
    pub fn migrations(&self) -> &Migrations {
        &self.0.migrations
    }

    /// Returns a hash that identifies the service's program; `None` if its file can't be read.
    pub fn program_id(&self) -> Option<String> {
        self.0.program.identity(&self.0.spec)
    }

    /// Returns how long the build took, and how long the server with its template took.
    pub fn startup_times(&self) -> (Duration, Duration) {
        (self.0.build_time, self.0.database_time)
    }

    /// Stops the server unless it is shared.
    ///
    /// # Errors
    /// When the server can't be stopped or its files can't be removed.
    pub async fn close(self) -> Result<(), Error> {
        match Arc::into_inner(self.0) {
            Some(inner) if inner.owns_server => Ok(inner.server.close().await?),
            _ => Ok(()),
        }
    }

    pub(super) fn program(&self) -> &Program {
        &self.0.program
    }

    /// Creates the launch of a process besides the service. `service` is the environment of the
    /// service.
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

    /// Creates the request for the second job. The job gets another id if the spec says where it is.
    pub(super) fn second_request(&self, route: &str, name: &str) -> Result<Request, Error> {
        let mut job = find("job", &self.0.files.jobs, name)?.clone();
        let rule = self.0.spec.jobs.iter().find(|job| job.name == name);
        if let Some(Json::String(id)) = rule.and_then(|rule| job.pointer_mut(rule.id.as_deref()?)) {
            id.push_str("-again");
        }
        self.request_for(route, &job)
    }

    /// Creates the request that submits a job of the spec.
    pub(super) fn request(&self, route: &str, job: &str) -> Result<Request, Error> {
        self.request_for(route, find("job", &self.0.files.jobs, job)?)
    }

    /// Creates the request that submits a job given as JSON.
    pub(super) fn request_for(&self, route: &str, job: &Json) -> Result<Request, Error> {
        let body = find("route", &self.0.files.bodies, route)?;
        let rule = self.0.spec.routes.iter().find(|rule| rule.name == route);
        let path = rule.map_or("", |rule| rule.path.as_str()).to_owned();
        Ok(Request { path, body: crate::template::fill(body, "job", job) })
    }
}

/// Looks up a name of the spec.
fn find<'a, T>(
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

impl Files {
    fn read(spec: &Spec, seeds: Vec<PathBuf>) -> Result<Self, Error> {
        let mut jobs = BTreeMap::new();
        for job in &spec.jobs {
            let path = spec.path(&job.file);
            let value = json("job file", &path, &text("job file", &path)?)?;
            if let Some(id) =
                job.id.as_ref().filter(|id| !value.pointer(id).is_some_and(Json::is_string))
            {
                let reason = format!("`id` = `{id}` does not point to a string in it");
                return Err(Error::File { what: "job file", path, reason });
            }
            jobs.insert(job.name.clone(), value);
        }
        let mut bodies = BTreeMap::new();
        for route in &spec.routes {
            let name = PathBuf::from(format!("[[route]] {}", route.name));
            bodies.insert(route.name.clone(), json("body of", &name, &route.body)?);
        }
        let mut behaviours = BTreeMap::new();
        for upstream in &spec.upstreams {
            behaviours.insert(upstream.name.clone(), Behaviour::read(&spec.path(&upstream.file))?);
        }
        let mut faults = BTreeMap::new();
        for fault in &spec.faults {
            if let (Some(apply), Some(clear)) = (&fault.apply, &fault.clear) {
                let read = |path: &PathBuf| text("fault file", &spec.path(path));
                faults.insert(fault.name().to_owned(), (read(apply)?, read(clear)?));
            }
        }
        let seeds = seeds.into_iter().map(|path| {
            let seed = Migrations::read_file(&path);
            let seed = seed.map_err(|error| Error::File {
                what: "seed",
                path: path.clone(),
                reason: chain(error.source().unwrap_or(&error)),
            })?;
            Ok((path, seed))
        });
        let seeds = seeds.collect::<Result<_, Error>>()?;
        let templates = spec.service.files.iter();
        let templates = templates
            .map(|(name, path)| Ok((name.clone(), text("template", &spec.path(path))?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { jobs, bodies, behaviours, faults, seeds, templates })
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
