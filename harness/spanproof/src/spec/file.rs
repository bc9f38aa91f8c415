//! Reads and checks a whole spec file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use spanproof_postgres::{Migrations, Options, SameVersion};
use toml::Spanned;

use super::canonical::canonical;
use super::check::Check;
use super::manifests::{self, Manifests};
use super::probe::{ProbeFile, Probes};
use super::process::Process;
use super::section::{Database, Job, Matrix, Order, Route, Service, Startup, UpstreamRule};
use super::startup::StartupFile;
use super::{
    Condition, Expected, Facts, Fault, FaultKind, Flag, Overlay, SpanRule, Tables, UnitLink,
    deprecated, overlay, placeholder,
};
use crate::document::{Document, Error};

/// The sections of `spanproof.toml`, which declares how to start a service and which spans it must
/// record.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SpecFile {
    /// The version of this format: 1.
    #[schemars(schema_with = "super::schema::format_version")]
    pub(super) schema: Spanned<u32>,
    /// How the service is built, started and stopped.
    #[schemars(with = "Service")]
    pub(super) service: Spanned<Service>,
    /// The processes besides the service, in the order of their start.
    #[serde(default, rename = "process")]
    #[schemars(with = "Vec<Process>")]
    pub(super) processes: Vec<Spanned<Process>>,
    /// The disposable Postgres.
    #[serde(default)]
    #[schemars(with = "Option<Database>")]
    pub(super) database: Option<Spanned<Database>>,
    /// The ways to submit a job.
    #[serde(default, rename = "route")]
    #[schemars(with = "Vec<Route>")]
    pub(super) routes: Vec<Spanned<Route>>,
    /// The behaviours of the fake upstream.
    #[serde(default, rename = "upstream")]
    #[schemars(with = "Vec<UpstreamRule>")]
    pub(super) upstreams: Vec<Spanned<UpstreamRule>>,
    /// The jobs to submit.
    #[serde(default, rename = "job")]
    #[schemars(with = "Vec<Job>")]
    pub(super) jobs: Vec<Spanned<Job>>,
    /// The environment variables that change the service, with their values.
    #[serde(default, rename = "flag")]
    #[schemars(with = "Vec<Flag>")]
    pub(super) flags: Vec<Spanned<Flag>>,
    /// The faults that spanproof causes on purpose while a job runs.
    #[serde(default, rename = "fault")]
    #[schemars(with = "Vec<Fault>")]
    pub(super) faults: Vec<Spanned<Fault>>,
    /// Known failures, each accepted until a date.
    #[serde(default)]
    #[schemars(with = "Vec<Expected>")]
    pub(super) expected: Vec<Spanned<Expected>>,
    /// The combinations of flag values, routes, upstreams and jobs to run.
    #[serde(default)]
    pub(super) matrix: MatrixFile,
    /// The spans of each unit (one part of a job), and spans that belong to no unit.
    #[serde(default, rename = "span")]
    #[schemars(with = "Vec<SpanRule>")]
    pub(super) spans: Vec<Spanned<SpanRule>>,
    /// Patterns for output lines of the service.
    #[serde(default)]
    pub(super) probes: ProbeFile,
    /// The tables of jobs, units and spans.
    #[serde(default)]
    pub(super) tables: Tables,
    /// The expected startup output.
    #[serde(default)]
    pub(super) startup: StartupFile,
    /// The deploy manifests of each environment.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Manifests>")]
    pub(super) manifests: BTreeMap<String, Spanned<Manifests>>,
}

/// A checked spec.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The folder of the file. Paths in the spec are relative to it.
    pub(crate) folder: PathBuf,
    /// The service under test.
    pub(crate) service: Service,
    /// The processes besides the service.
    pub(crate) processes: Vec<Process>,
    /// The disposable Postgres.
    pub(crate) database: Database,
    /// The ways to submit a job.
    pub(crate) routes: Vec<Route>,
    /// The behaviours of the fake upstream.
    pub(crate) upstreams: Vec<UpstreamRule>,
    /// The jobs to submit.
    pub(crate) jobs: Vec<Job>,
    /// The flags with their values.
    pub(crate) flags: Vec<Flag>,
    /// The faults that spanproof causes on purpose while a job runs.
    pub(crate) faults: Vec<Fault>,
    /// Known failures, each accepted until a date.
    pub(crate) expected: Vec<Expected>,
    /// The combinations of flag values, routes, upstreams and jobs to run.
    pub(crate) matrix: Matrix,
    /// The spans of each unit (one part of a job), and spans that belong to no unit.
    pub(crate) spans: Vec<SpanRule>,
    /// Patterns for output lines of the service.
    pub(crate) probes: Probes,
    /// The tables of jobs, units and spans.
    pub(crate) tables: Tables,
    /// The expected startup output.
    pub(crate) startup: Startup,
    /// The deploy manifests, by environment.
    pub(crate) manifests: BTreeMap<String, Manifests>,
    /// The settings, in a form that does not depend on comments and on `manifests`.
    pub(crate) canonical: String,
    /// A warning for each former name in the file.
    pub(super) warnings: Vec<String>,
}

/// `[matrix]`: the combinations of flag values, routes, upstreams and jobs to run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MatrixFile {
    /// The maximum number of cases, 500 by default.
    pub(super) limit: Option<usize>,
    /// Conditions on the cases to leave out.
    #[schemars(with = "Vec<Condition>")]
    pub(super) exclude: Vec<Spanned<Condition>>,
    /// A condition that all cases must meet.
    #[schemars(with = "Option<Condition>")]
    pub(super) pin: Option<Spanned<Condition>>,
}

impl Spec {
    /// Reads a spec file.
    ///
    /// # Errors
    /// If the file can't be read or is not a valid spec; the error names file, line and key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &[])
    }

    /// Reads a spec file and replaces some of its values.
    ///
    /// # Errors
    /// Like [`Spec::read`]. Also if the value of an overlay (a value that replaces one of the file) is not
    /// TOML, or if a part of its key is not a table in the file.
    pub(crate) fn read_with(path: &Path, overlays: &[Overlay]) -> Result<Self, Error> {
        let (document, mut warnings) = overlay::apply(&Document::read(path)?, overlays)?;
        let mut spec = Self::from_document(&document)?;
        warnings.append(&mut spec.warnings);
        Ok(Self { warnings, ..spec })
    }

    /// Parses the text of a spec, for example from another commit. `path` is the path of the file.
    ///
    /// # Errors
    /// Like [`Spec::read`].
    pub fn parse(path: &Path, text: impl Into<String>) -> Result<Self, Error> {
        Self::from_document(&Document::new(path, text))
    }

    /// Reads a spec from a document in memory.
    ///
    /// # Errors
    /// Like [`Spec::read`].
    pub(crate) fn from_document(document: &Document) -> Result<Self, Error> {
        let (file, warnings): (SpecFile, _) = deprecated::parse(document)?;
        let check = Check { document, file: &file };
        check.run()?;
        let folder = document.path().parent().unwrap_or(Path::new("")).to_owned();
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let flags = inner(file.flags);
        let manifests = manifests::check(document, &flags, file.manifests)?;
        Ok(Self {
            folder,
            service: file.service.into_inner(),
            processes: inner(file.processes),
            database: file.database.map(Spanned::into_inner).unwrap_or_default(),
            routes: inner(file.routes),
            upstreams: inner(file.upstreams),
            jobs: inner(file.jobs),
            flags,
            faults: inner(file.faults),
            expected: inner(file.expected),
            matrix: Matrix {
                limit: file.matrix.limit.unwrap_or(500),
                exclude: inner(file.matrix.exclude),
                pin: file.matrix.pin.map(Spanned::into_inner).unwrap_or_default(),
            },
            spans: inner(file.spans),
            probes: file.probes.compile(document)?,
            tables: file.tables,
            startup: file.startup.compile(document)?,
            manifests,
            canonical: canonical(document)?,
            warnings,
        })
    }

    /// Returns the folder of the spec file. Paths in the spec are relative to it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a warning for each former name that the file uses, with its line and the present
    /// name. The library does not print warnings.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the name of the service under test.
    pub fn service_name(&self) -> &str {
        &self.service.name
    }

    /// Whether the service is built before it is started.
    pub fn builds(&self) -> bool {
        self.service.cargo.is_some() || !self.service.build.is_empty()
    }

    /// Whether the spec names a folder for snapshots of the startup output.
    pub fn has_snapshots(&self) -> bool {
        self.startup.snapshots.is_some()
    }

    /// Returns the name of the table of jobs.
    pub fn job_table(&self) -> &str {
        &self.tables.jobs.table
    }

    /// Returns the name of the table of units.
    pub fn unit_table(&self) -> &str {
        &self.tables.units.table
    }

    /// Returns the channel on which the database announces new jobs (`NOTIFY`); empty if there is none.
    pub fn channel(&self) -> &str {
        &self.tables.jobs.channel
    }

    /// Returns how long the service may take to write a span after its job has ended.
    pub fn flush_time(&self) -> Duration {
        Duration::from_millis(self.service.flush_ms)
    }

    /// Returns [`Spec::flush_time`] as a signed duration, for arithmetic with timestamps.
    pub(crate) fn flush_delta(&self) -> chrono::Duration {
        chrono::Duration::milliseconds(i64::try_from(self.service.flush_ms).unwrap_or(5_000))
    }

    /// Returns the flags in the order of the file.
    pub fn flags(&self) -> &[Flag] {
        &self.flags
    }

    /// Returns the names of the environments that have deploy manifests, sorted.
    pub fn environments(&self) -> impl Iterator<Item = &str> {
        self.manifests.keys().map(String::as_str)
    }

    /// Returns the options of the disposable Postgres, from `[database]`.
    ///
    /// # Errors
    /// If `source` is not a known source.
    pub fn postgres_options(&self) -> Result<Options, spanproof_postgres::Error> {
        let Database { source, version, platform, .. } = &self.database;
        let (version, platform) = (*version, platform.clone());
        // The JDBC driver can't use a Unix socket.
        let tcp = self.database.tcp || self.uses_jdbc();
        Ok(Options { source: source.parse()?, version, platform, tcp, ..Options::default() })
    }

    /// Reads the migrations or the schema file that every database is created from. Returns no migrations
    /// if the spec names neither, and a command or the service creates the tables.
    ///
    /// # Errors
    /// If a file can't be read or is not a migration.
    pub(crate) fn migrations(&self) -> Result<Migrations, spanproof_postgres::Error> {
        let Database { migrations, schema, order, migrate, service_migrates, .. } = &self.database;
        let needs_files = migrate.is_empty() && !service_migrates;
        if migrations.is_none() && schema.is_none() && !needs_files {
            return Ok(Migrations::none());
        }
        if let Some(schema) = schema {
            return Migrations::read_file(self.path(schema));
        }
        let same_version = match order {
            Order::Version => SameVersion::Refused,
            Order::Name => SameVersion::ByName,
        };
        let folder = migrations.as_deref().unwrap_or(Path::new("migrations"));
        Migrations::read_with(self.path(folder), same_version)
    }

    /// Returns the names of the ports that a case needs besides the service's port.
    pub(crate) fn port_names(&self) -> BTreeSet<String> {
        let (shared, own): (Vec<_>, Vec<_>) = self.processes.iter().partition(|rule| rule.shared);
        let mut names = placeholder::port_names(self.texts());
        names.extend(own.iter().map(|process| process.name.clone()));
        names.retain(|name| shared.iter().all(|process| process.name != *name));
        names
    }

    /// Returns the helpers (processes that are not under test) that all cases share.
    pub(crate) fn shared_helpers(&self) -> impl Iterator<Item = &Process> {
        self.processes.iter().filter(|process| process.shared)
    }

    /// Whether a route submits nothing, because the service finds its work when it starts.
    pub(crate) fn has_work_at_start(&self) -> bool {
        self.routes.iter().any(|route| route.at_start)
    }

    /// Whether each case needs a folder, for files of the service or of its job.
    pub(crate) fn needs_folder(&self) -> bool {
        let submits = self.routes.iter().any(|route| route.at_start || !route.command.is_empty());
        let needs = |text: &str| text.contains("{dir}") || text.contains("{job.file}");
        submits || !self.service.files.is_empty() || self.texts().any(needs)
    }

    /// Returns every string that may have placeholders whose values differ from case to case.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        let Service { command, env, url, cwd, ready, .. } = &self.service;
        let service = command.iter().chain(env.values()).chain([url]).chain(cwd).chain(&ready.tcp);
        let processes = self.processes.iter().flat_map(Process::texts);
        let routes =
            self.routes.iter().flat_map(|route| route.command.iter().chain(route.headers.values()));
        service.chain(routes).map(String::as_str).chain(processes)
    }

    /// Resolves a path of the spec.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// Returns the flag that switches tracing on and off; `None` if the spec declares no such flag.
    pub fn tracing_flag(&self) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.tracing)
    }

    /// Whether the spec declares a fault of this kind under its default name.
    pub fn has_fault(&self, kind: FaultKind) -> bool {
        self.declared_fault(kind.text()).is_some()
    }

    /// Returns the fault with this name: a declared one, or one of [`Fault::undeclared`]; `None` if it is neither.
    pub(crate) fn fault(&self, name: &str) -> Option<&Fault> {
        let mut all = self.faults.iter().chain(Fault::undeclared(&self.faults));
        all.find(|fault| fault.name() == name)
    }

    /// Returns the fault with this name that the spec declares; `None` if it declares none.
    pub(crate) fn declared_fault(&self, name: &str) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.name() == name)
    }

    /// Returns the rules for the spans that each unit must have in a case with these values.
    pub(crate) fn required_spans<'a>(
        &'a self,
        facts: &Facts<'_>,
    ) -> impl Iterator<Item = &'a SpanRule> {
        let required =
            |rule: &&SpanRule| !rule.optional && rule.unit != UnitLink::None && rule.applies(facts);
        self.spans.iter().filter(required)
    }

    /// Whether a rule links spans to their unit by their parent.
    pub(crate) fn has_parent_links(&self) -> bool {
        self.spans.iter().any(|rule| rule.unit == UnitLink::Parent)
    }

    /// Whether spans of this name are linked to their unit by their parent.
    pub(crate) fn links_by_parent(&self, name: &str) -> bool {
        self.spans.iter().any(|rule| rule.unit == UnitLink::Parent && rule.matches(name))
    }

    /// Returns the rules for a unit's own span, which have no `parent`. If there are several, no two of them
    /// hold in the same case.
    pub(crate) fn unit_spans(&self) -> impl Iterator<Item = &SpanRule> {
        self.spans.iter().filter(|span| span.is_root())
    }
}

/// Removes the positions in the file from checked values.
fn inner<T>(items: Vec<Spanned<T>>) -> Vec<T> {
    items.into_iter().map(Spanned::into_inner).collect()
}
