//! Opens a world: builds the service, starts the server and creates the database that every trial
//! gets a copy of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spanproof_postgres::{Options, Server};

use super::program::Program;
use super::shared::SharedHelpers;
use super::world::{Files, Inner};
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
        let migrations = migrate::migrations(&spec)?;
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
        let mut inner = Inner {
            spec,
            program,
            server,
            migrations,
            files,
            owns_server: false,
            shared_helpers: None,
            build_time,
            database_time: Duration::ZERO,
        };
        let without_helpers = World(Arc::new(inner.clone()));
        inner.shared_helpers = Box::pin(SharedHelpers::start(&without_helpers)).await?;
        if inner.spec.database.service_migrates {
            let case = Case::default_of(&inner.spec);
            let without_tables = World(Arc::new(inner.clone()));
            inner.migrations = migrate::by_service(without_tables, case, inner.migrations);
        }
        inner.server.prepare(&inner.migrations).await?;
        super::schema::check(&inner.server, &inner.migrations, &inner.spec.tables).await?;
        inner.owns_server = !self.shared;
        inner.database_time = start.elapsed();
        Ok(World(Arc::new(inner)))
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
}
