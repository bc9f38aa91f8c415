//! A bundle: one file of JSON lines, one record each. It is written as it happens, so that whatever
//! was there before a crash can be read, by `jq`, `grep` and people too.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Masked, Setting};
use crate::evidence::{Evidence, Row, Rows};
use crate::process::Line;
use crate::upstream::Exchange;
use crate::verdict::Judgement;

/// The version that is written: a reader understands every minor version of its own major one.
pub const FORMAT: &str = "1.0";

/// A bundle that can't be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file itself.
    #[error("could not {what} `{}`", path.display())]
    File {
        /// Read or write.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// No bundle, or a damaged one.
    #[error("`{}` is no incident: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// From a newer version.
    #[error("`{}` has format {found}, this version reads {FORMAT}; use a newer spanproof", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: String,
    },
    /// Not as it was written.
    #[error("`{}` was changed after it was written: its check sum is not that of its records; \
             `--edited` takes it as it is", path.display())]
    Edited {
        /// Which file.
        path: PathBuf,
    },
    /// The spec does not fit the incident.
    #[error("{0}")]
    Unfit(String),
    /// The system that was to be captured.
    #[error(transparent)]
    Deployment(#[from] crate::deployment::Error),
    /// A rule file.
    #[error(transparent)]
    Rules(#[from] crate::document::Error),
    /// The world of a replay.
    #[error(transparent)]
    World(#[from] crate::trial::Error),
}

/// Where an incident comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A case of `check`.
    Case,
    /// A system that was already there.
    Deployment,
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Record {
    /// The first one.
    Incident(Header),
    /// What has to be there to see it again.
    Setting(Box<Setting>),
    /// Everything of the evidence but what stands in records of its own. A later one replaces an
    /// earlier one, which was written before everything was known.
    Facts(Box<Evidence>),
    /// A row of a job.
    Job(Row),
    /// A row of a unit.
    Unit(Row),
    /// A row of a span.
    Span(Row),
    /// A line of output or log.
    Line(Line),
    /// A question to the upstream.
    Exchange(Exchange),
    /// What was told of it when it was written.
    Verdict(Box<Judgement>),
    /// What was masked.
    Masked(Vec<Masked>),
    /// What a replay must come to from now on; without it the same as was told.
    Expects(String),
    /// The last one.
    End(End),
}

/// What the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) written: DateTime<Utc>,
    /// The version that wrote it.
    pub(super) by: String,
    pub(super) origin: Origin,
}

/// That nothing is missing, and nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) records: u64,
    /// Of all bytes before this record.
    pub(super) sha256: String,
}

/// An incident that was read.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Where it was read from.
    pub path: PathBuf,
    /// When it was written.
    pub written: DateTime<Utc>,
    /// Where it comes from.
    pub origin: Origin,
    /// What has to be there to see it again; nothing in a bundle that ends before it.
    pub setting: Setting,
    /// What was left behind.
    pub evidence: Evidence,
    /// What was told of it.
    pub judgement: Option<Judgement>,
    /// What a replay must come to: `pass` or a code; nothing where it is to be the same again.
    pub expects: Option<String>,
    /// Why it can't be taken for the whole incident; empty where nothing is wrong.
    pub doubts: Vec<String>,
}

/// Writes a bundle, record by record.
#[derive(Debug)]
#[must_use = "a bundle without its end counts as cut off"]
pub(super) struct Writer {
    path: PathBuf,
    file: File,
    hash: Sha256,
    records: u64,
}

impl Writer {
    /// Begins a bundle. A file that is there already is never overwritten.
    pub(super) fn begin(path: &Path, origin: Origin) -> Result<Self, Error> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(failed("write", path))?;
        let mut writer = Self { path: path.to_owned(), file, hash: Sha256::new(), records: 0 };
        writer.write(&Record::Incident(Header {
            format: FORMAT.into(),
            written: Utc::now(),
            by: env!("CARGO_PKG_VERSION").into(),
            origin,
        }))?;
        Ok(writer)
    }

    /// Writes one record: whoever reads the file from now on sees it.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        let line = serde_json::to_string(record).map_err(|error| Error::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<(), Error> {
        let bytes = format!("{line}\n").into_bytes();
        self.file.write_all(&bytes).map_err(failed("write", &self.path))?;
        self.hash.update(&bytes);
        self.records += 1;
        Ok(())
    }

    /// Writes all rows of a table.
    pub(super) fn rows(&mut self, rows: &Rows, record: fn(Row) -> Record) -> Result<(), Error> {
        rows.all().iter().try_for_each(|row| self.write(&record(row.clone())))
    }

    /// Writes evidence: its lists as records of their own, and then everything else.
    pub(super) fn evidence(&mut self, evidence: &Evidence) -> Result<(), Error> {
        self.rows(&evidence.jobs, Record::Job)?;
        self.rows(&evidence.units, Record::Unit)?;
        self.rows(&evidence.spans, Record::Span)?;
        for line in &evidence.output.lines {
            self.write(&Record::Line(line.clone()))?;
        }
        for exchange in &evidence.exchanges {
            self.write(&Record::Exchange(exchange.clone()))?;
        }
        self.write(&Record::Facts(Box::new(facts(evidence))))
    }

    /// Ends the bundle: from now on it is whole.
    pub(super) fn end(mut self) -> Result<PathBuf, Error> {
        let sha256 = hexadecimal(self.hash.clone());
        let end = json!({ "end": End { records: self.records, sha256 } }).to_string();
        self.line(&end)?;
        self.file.sync_all().map_err(failed("write", &self.path))?;
        Ok(self.path)
    }
}

/// Everything of evidence but its lists.
pub(super) fn facts(evidence: &Evidence) -> Evidence {
    let emptied = |rows: &Rows| match rows {
        Rows::Found(_) => Rows::Found(Vec::new()),
        unreadable @ Rows::Unreadable(_) => unreadable.clone(),
    };
    let mut facts = Evidence {
        jobs: emptied(&evidence.jobs),
        units: emptied(&evidence.units),
        spans: emptied(&evidence.spans),
        exchanges: Vec::new(),
        ..evidence.clone()
    };
    facts.output.lines.clear();
    facts
}

pub(super) fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

/// The name of a record, as it stands in the file.
pub(super) fn kind(record: &Json) -> &str {
    record.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str)
}
