//! A whole spec file: reading and checking it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use spanproof_postgres::Options;
use toml::Spanned;

use super::check::Check;
use super::overlay::overlaid;
use super::probe::{ProbeFile, Probes, compiled};
use super::section::{
    Database, Flag, Job, Matrix, Redaction, Route, Service, SpanRule, Startup, UpstreamRule,
};
use super::{Condition, Expected, Fault, FaultKind, Overlay, Tables};
use crate::document::{Document, Error};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SpecFile {
    pub(super) schema: Spanned<u32>,
    pub(super) service: Spanned<Service>,
    #[serde(default)]
    pub(super) database: Database,
    #[serde(default, rename = "route")]
    pub(super) routes: Vec<Spanned<Route>>,
    #[serde(default, rename = "upstream")]
    pub(super) upstreams: Vec<Spanned<UpstreamRule>>,
    #[serde(default, rename = "job")]
    pub(super) jobs: Vec<Spanned<Job>>,
    #[serde(default, rename = "flag")]
    pub(super) flags: Vec<Spanned<Flag>>,
    #[serde(default, rename = "fault")]
    pub(super) faults: Vec<Spanned<Fault>>,
    #[serde(default)]
    pub(super) expected: Vec<Spanned<Expected>>,
    #[serde(default)]
    pub(super) matrix: MatrixFile,
    #[serde(default, rename = "span")]
    pub(super) spans: Vec<Spanned<SpanRule>>,
    #[serde(default)]
    pub(super) probes: ProbeFile,
    #[serde(default)]
    pub(super) tables: Tables,
    #[serde(default)]
    pub(super) startup: StartupFile,
}

/// A whole spec, checked.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The folder of the file; every path in it is relative to this.
    pub(crate) folder: PathBuf,
    /// The service under test.
    pub(crate) service: Service,
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
    /// What goes wrong in the world.
    pub(crate) faults: Vec<Fault>,
    /// Failures that are known, and accepted until a day.
    pub(crate) expected: Vec<Expected>,
    /// Which combinations are run.
    pub(crate) matrix: Matrix,
    /// The spans each unit should leave.
    pub(crate) spans: Vec<SpanRule>,
    /// How to recognise what the service says.
    pub(crate) probes: Probes,
    /// Where jobs, units and spans are.
    pub(crate) tables: Tables,
    /// What the service prints at startup.
    pub(crate) startup: Startup,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MatrixFile {
    pub(super) limit: Option<usize>,
    pub(super) exclude: Vec<Spanned<Condition>>,
    pub(super) pin: Option<Spanned<Condition>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StartupFile {
    snapshots: Option<PathBuf>,
    redact: Vec<RedactionFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RedactionFile {
    pattern: Spanned<String>,
    name: String,
}

impl Spec {
    /// Reads a spec file.
    ///
    /// # Errors
    /// When it can't be read, or says something it may not; the error names file, line and key.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &[])
    }

    /// Reads a spec file, with values in place of its own.
    ///
    /// # Errors
    /// As [`Spec::read`], and when a value is no TOML or its key is inside of one that is no table.
    pub(crate) fn read_with(path: &Path, overlays: &[Overlay]) -> Result<Self, Error> {
        Self::from_document(&overlaid(&Document::read(path)?, overlays)?)
    }

    /// Reads a spec from a text.
    ///
    /// # Errors
    /// As [`Spec::read`].
    pub(crate) fn from_document(document: &Document) -> Result<Self, Error> {
        let file: SpecFile = document.parse()?;
        let check = Check { document, file: &file };
        check.all()?;
        let folder = document.path().parent().unwrap_or(Path::new("")).to_owned();
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        Ok(Self {
            folder,
            service: file.service.into_inner(),
            database: file.database,
            routes: inner(file.routes),
            upstreams: inner(file.upstreams),
            jobs: inner(file.jobs),
            flags: inner(file.flags),
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
            startup: startup(document, file.startup)?,
        })
    }

    /// The folder of the file; every path in it is relative to this.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the service under test.
    pub fn service_name(&self) -> &str {
        &self.service.name
    }

    /// Whether the service is built before it is started.
    pub fn builds(&self) -> bool {
        self.service.cargo.is_some() || !self.service.build.is_empty()
    }

    /// The name of the table of jobs.
    pub fn job_table(&self) -> &str {
        &self.tables.jobs.table
    }

    /// The name of the table of units.
    pub fn unit_table(&self) -> &str {
        &self.tables.units.table
    }

    /// The channel on which the database notifies of new jobs; empty if there is none.
    pub fn channel(&self) -> &str {
        &self.tables.jobs.channel
    }

    /// How long after the end of its job a span may be on its way.
    pub fn flush_time(&self) -> Duration {
        Duration::from_millis(self.service.flush_ms)
    }

    /// The flags, in the order of the file.
    pub fn flags(&self) -> &[Flag] {
        &self.flags
    }

    /// The kind of disposable Postgres that `[database]` asks for.
    ///
    /// # Errors
    /// If its `source` names no known source.
    pub fn postgres_options(&self) -> Result<Options, spanproof_postgres::Error> {
        let Database { source, version, platform, .. } = &self.database;
        let (version, platform) = (*version, platform.clone());
        Ok(Options { source: source.parse()?, version, platform, ..Options::default() })
    }

    /// A path of the spec, seen from the current folder.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The flag that switches recording, if there is one.
    pub fn tracing_flag(&self) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.tracing)
    }

    /// Whether the spec has a fault of the world of this kind, under the kind's own name.
    pub fn has_fault(&self, kind: FaultKind) -> bool {
        self.fault(kind.text()).is_some()
    }

    /// The fault of that name; `None` if the spec has none.
    pub(crate) fn fault(&self, name: &str) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.name() == name)
    }

    /// The span every unit has of its own.
    pub(crate) fn unit_span(&self) -> Option<&SpanRule> {
        self.spans.iter().find(|span| span.parent.is_none())
    }
}

fn inner<T>(items: Vec<Spanned<T>>) -> Vec<T> {
    items.into_iter().map(Spanned::into_inner).collect()
}

fn startup(document: &Document, file: StartupFile) -> Result<Startup, Error> {
    let redact = file.redact.into_iter().map(|rule| {
        let pattern = compiled(document, &rule.pattern)?;
        Ok(Redaction { pattern, name: rule.name })
    });
    Ok(Startup { snapshots: file.snapshots, redact: redact.collect::<Result<_, Error>>()? })
}
