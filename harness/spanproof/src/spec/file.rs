//! A whole spec file: reading and checking it.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::check::Check;
use super::overlay::overlaid;
use super::probe::{ProbeFile, Probes, compiled};
use super::section::{
    Database, Flag, Job, Matrix, Redaction, Route, Service, SpanRule, Startup, UpstreamRule,
};
use super::{Condition, Expected, Fault, Overlay, Tables};
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
    pub folder: PathBuf,
    /// The service under test.
    pub service: Service,
    /// The disposable Postgres.
    pub database: Database,
    /// The ways to submit a job.
    pub routes: Vec<Route>,
    /// The behaviours of the fake upstream.
    pub upstreams: Vec<UpstreamRule>,
    /// The jobs to submit.
    pub jobs: Vec<Job>,
    /// The flags with their values.
    pub flags: Vec<Flag>,
    /// What goes wrong in the world.
    pub faults: Vec<Fault>,
    /// Failures that are known, and accepted until a day.
    pub expected: Vec<Expected>,
    /// Which combinations are run.
    pub matrix: Matrix,
    /// The spans each unit should leave.
    pub spans: Vec<SpanRule>,
    /// How to recognise what the service says.
    pub probes: Probes,
    /// Where jobs, units and spans are.
    pub tables: Tables,
    /// What the service prints at startup.
    pub startup: Startup,
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
    pub fn read_with(path: &Path, overlays: &[Overlay]) -> Result<Self, Error> {
        Self::from_document(&overlaid(&Document::read(path)?, overlays)?)
    }

    /// Reads a spec from a text.
    ///
    /// # Errors
    /// As [`Spec::read`].
    pub fn from_document(document: &Document) -> Result<Self, Error> {
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

    /// A path of the spec, seen from the current folder.
    pub fn path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The flag that switches recording, if there is one.
    pub fn tracing_flag(&self) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.tracing)
    }

    /// The fault of that name.
    pub fn fault(&self, name: &str) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.name() == name)
    }

    /// The span every unit has of its own.
    pub fn unit_span(&self) -> Option<&SpanRule> {
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
