//! Opens a world, which is what all trials (runs of the service) share: builds the service, starts the
//! database server, and creates the template database. Every trial gets a copy of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spanproof_postgres::Server;

use super::helper_start::start_shared_helpers;
use super::inputs::Inputs;
use super::program::Program;
use super::server_watch::{run_watched, start_server};
use super::world::Inner;
use super::{Error, World, migrate};
use crate::matrix::Case;
use crate::spec::{Overlay, Spec};

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

/// The result of checking the database of a spec, without running the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseCheck {
    /// Where the server comes from, such as a local installation or Docker.
    pub origin: String,
    /// Number of columns of `[tables]` that exist; `None` if they could not be checked, because the service
    /// creates its tables.
    pub columns: Option<usize>,
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

    /// Replaces a value of the spec when [`open`](Self::open) reads it. The key has dots between its parts,
    /// and the value is TOML. Example: `.set("service.settle-ms", "4000")`.
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

    /// Checks everything that [`open_spec`](Self::open_spec) reads before it starts a process: the
    /// files that the spec names, and that its programs exist. Starts and builds nothing.
    ///
    /// # Errors
    /// When a file or a program is missing or wrong. The error lists all of them.
    pub fn check_inputs(&self, mut spec: Spec) -> Result<(), Error> {
        self.inputs(&mut spec).map(drop)
    }

    /// Checks the inputs, starts the server, applies the migrations, and checks that every table and
    /// column that `[tables]` names exists. Starts no service.
    ///
    /// # Errors
    /// When an input is missing or wrong, the server does not start, a migration fails, or a table or
    /// column does not exist.
    pub async fn check_database(self, mut spec: Spec) -> Result<DatabaseCheck, Error> {
        let Inputs { migrations, options, .. } = self.inputs(&mut spec)?;
        let server = start_server(Server::start(options)).await?;
        let origin = server.origin().to_string();
        let prepare = async {
            server.prepare(&migrations).await?;
            if spec.database.service_migrates {
                return Ok::<_, Error>(None);
            }
            super::schema::check(&server, &migrations, &spec.tables).await.map(Some)
        };
        let columns = run_watched(&server, prepare).await?;
        server.close().await?;
        Ok(DatabaseCheck { origin, columns })
    }

    /// Adds the settings of this builder to the spec and reads its files.
    fn inputs(&self, spec: &mut Spec) -> Result<Inputs, Error> {
        spec.service.env.extend(self.env.clone());
        let mut seeds: Vec<_> = spec.database.seed.iter().map(|path| spec.path(path)).collect();
        seeds.extend(self.seeds.clone());
        let mut inputs = Inputs::read(spec, seeds, self.binary.as_deref())?;
        inputs.options.fresh = self.fresh;
        Ok(inputs)
    }

    /// Like [`open`](Self::open), with a spec that the caller has read. Values from [`set`](Self::set)
    /// are ignored.
    ///
    /// # Errors
    /// When an input is missing or wrong, the service can't be built, the server does not start, a migration
    /// fails, or a table or column that `[tables]` names does not exist.
    pub async fn open_spec(self, mut spec: Spec) -> Result<World, Error> {
        let Inputs { files, migrations, options } = self.inputs(&mut spec)?;
        let start = Instant::now();
        let program = match self.binary {
            Some(path) => Program::from_binary(path),
            None => Program::build(&spec, self.show_build).await?,
        };
        let build_time = start.elapsed();
        let start = Instant::now();
        let server = if self.shared {
            start_server(Server::join(options.clone())).await?
        } else {
            start_server(Server::start(options.clone())).await?
        };
        let watched_server = server.clone();
        let inner = Inner {
            spec,
            program,
            server,
            options,
            is_alone: false,
            migrations,
            files,
            owns_server: false,
            shared_helpers: None,
            listens_elsewhere: Arc::default(),
            build_time,
            database_time: Duration::ZERO,
        };
        let mut inner = Box::pin(run_watched(&watched_server, prepare(inner))).await?;
        inner.owns_server = !self.shared;
        inner.database_time = start.elapsed();
        Ok(World(Arc::new(inner)))
    }
}

/// Starts the helpers that all trials share, and applies the migrations.
async fn prepare(mut inner: Inner) -> Result<Inner, Error> {
    let without_helpers = World(Arc::new(inner.clone()));
    inner.shared_helpers = Box::pin(start_shared_helpers(&without_helpers)).await?;
    if inner.spec.database.service_migrates {
        let case = Case::default_of(&inner.spec);
        let without_tables = World(Arc::new(inner.clone()));
        inner.migrations = migrate::by_service(without_tables, case, inner.migrations);
    }
    inner.server.prepare(&inner.migrations).await?;
    super::schema::check(&inner.server, &inner.migrations, &inner.spec.tables).await?;
    Ok(inner)
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
}
