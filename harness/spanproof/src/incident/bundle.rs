//! A bundle is the file of an incident: a case, or a job of an existing system, that can be replayed. It
//! has one JSON record per line, so `jq` and `grep` can read it. Each record is written as soon as it is
//! known, so a crash loses only later records.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use spanproof_format as format;
use spanproof_format::{End, Header, IncidentOrigin, Record};

use super::error::{Error, failed};
use super::setup::Setup;
use crate::observation::{Observation, Row, Sink, Source};
use crate::verdict::Judgement;

/// An incident that was read from its file.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The file from which the bundle was read.
    pub path: PathBuf,
    /// When the bundle was written.
    pub written: DateTime<Utc>,
    /// Whether the incident was captured from a case or from an existing system.
    pub origin: IncidentOrigin,
    /// What is known of the setup that a replay recreates.
    pub(super) setup: Setup,
    /// The recorded observation.
    pub observation: Observation,
    /// The recorded judgement; `None` if the bundle was cut off before it.
    pub judgement: Option<Judgement>,
    /// The verdict that a replay must have: `pass` or a code; `None` if the replay must have the recorded
    /// verdict.
    pub expects: Option<String>,
    /// Why the bundle may not be the whole incident; empty if it is complete and unchanged.
    pub doubts: Vec<String>,
}

impl Bundle {
    /// Uses this route if the bundle has no route, and this upstream if the bundle has no upstream.
    #[must_use]
    pub fn with_defaults(mut self, route: Option<&str>, upstream: Option<&str>) -> Self {
        let Setup { route: known_route, upstream: known_upstream, .. } = &mut self.setup;
        *known_route = known_route.take().or_else(|| route.map(str::to_owned));
        *known_upstream = known_upstream.take().or_else(|| upstream.map(str::to_owned));
        self
    }

    /// Accepts any program in a replay. By default, a program that differs from the recorded program
    /// makes the replay uncertain.
    #[must_use]
    pub fn with_any_program(mut self) -> Self {
        self.setup.program = None;
        self
    }
}

/// A bundle is a source of its recorded observation.
impl Source for &Bundle {
    type Error = std::convert::Infallible;

    async fn observe(self, sink: &mut dyn Sink) -> Result<Observation, Self::Error> {
        for (table, rows) in self.observation.tables.all() {
            sink.rows(table, rows);
        }
        Ok(self.observation.clone())
    }
}

/// Writes a bundle record by record.
#[derive(Debug)]
#[must_use = "a bundle that is not finished counts as cut off"]
pub(super) struct Writer {
    path: PathBuf,
    file: File,
    hash: Sha256,
    records: u64,
}

impl Writer {
    /// Creates the file with its first record. Fails if the file exists.
    pub(super) fn create(path: &Path, origin: IncidentOrigin) -> Result<Self, Error> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(failed("write", path))?;
        let mut writer = Self { path: path.to_owned(), file, hash: Sha256::new(), records: 0 };
        let header = Header::new(Utc::now(), env!("CARGO_PKG_VERSION"), origin);
        writer.write(&Record::Incident(header))?;
        Ok(writer)
    }

    /// Writes one record.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        let line = serde_json::to_string(record).map_err(|error| Error::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        self.write_line(&line)
    }

    fn write_line(&mut self, line: &str) -> Result<(), Error> {
        let bytes = format!("{line}\n").into_bytes();
        self.file.write_all(&bytes).map_err(failed("write", &self.path))?;
        self.hash.update(&bytes);
        self.records += 1;
        Ok(())
    }

    /// Writes each row of a table as a record.
    fn write_rows(&mut self, rows: &format::Rows, record: fn(Row) -> Record) -> Result<(), Error> {
        let format::Rows::Found(rows) = rows else { return Ok(()) };
        rows.iter().try_for_each(|row| self.write(&record(row.clone())))
    }

    /// Writes an observation: one record for each row, each line and each request to the upstream,
    /// and one for everything else.
    pub(super) fn write_observation(&mut self, observation: &Observation) -> Result<(), Error> {
        let mut stored = format::Observation::from(observation);
        self.write_rows(&stored.jobs, Record::Job)?;
        self.write_rows(&stored.units, Record::Unit)?;
        self.write_rows(&stored.spans, Record::Span)?;
        for line in std::mem::take(&mut stored.output.lines) {
            self.write(&Record::Line(line))?;
        }
        for exchange in std::mem::take(&mut stored.exchanges) {
            self.write(&Record::Exchange(exchange))?;
        }
        self.write(&Record::Facts(Box::new(stored.without_lists())))
    }

    /// Writes the last record, which contains the checksum. Returns the path of the file.
    pub(super) fn finish(mut self) -> Result<PathBuf, Error> {
        let sha256 = hex_digest(self.hash.clone());
        let records = self.records;
        self.write(&Record::End(End::new(records, sha256)))?;
        self.file.sync_all().map_err(failed("write", &self.path))?;
        Ok(self.path)
    }
}

/// Returns a hash as hexadecimal digits.
pub(super) fn hex_digest(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())
}

/// Returns the name of a record; empty if the JSON is not a record.
pub(super) fn record_name(record: &Json) -> &str {
    record.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str)
}
