//! A bundle: one file of JSON lines, one record each. It is written as it happens, so that whatever
//! was there before a crash can be read, by `jq`, `grep` and people too.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use spanproof_format as format;
use spanproof_format::{End, Header, IncidentOrigin, Record};

use super::Setting;
use super::error::{Error, failed};
use crate::observation::{Observation, Row, Sink, Source};
use crate::verdict::Judgement;

/// An incident that was read.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Where it was read from.
    pub path: PathBuf,
    /// When it was written.
    pub written: DateTime<Utc>,
    /// Where it comes from.
    pub origin: IncidentOrigin,
    /// What has to be there to see it again; nothing in a bundle that ends before it.
    pub(super) setting: Setting,
    /// What was observed.
    pub observation: Observation,
    /// What was told of it.
    pub judgement: Option<Judgement>,
    /// What a replay must come to: `pass` or a code; nothing where it is to be the same again.
    pub expects: Option<String>,
    /// Why it can't be taken for the whole incident; empty where nothing is wrong.
    pub doubts: Vec<String>,
}

impl Bundle {
    /// Assumes a route and an upstream where the bundle does not say them.
    #[must_use]
    pub fn assuming(mut self, route: Option<&str>, upstream: Option<&str>) -> Self {
        let Setting { route: known_route, upstream: known_upstream, .. } = &mut self.setting;
        *known_route = known_route.take().or_else(|| route.map(str::to_owned));
        *known_upstream = known_upstream.take().or_else(|| upstream.map(str::to_owned));
        self
    }
}

/// A bundle was read already: what it holds was observed when it was written.
impl Source for &Bundle {
    type Error = std::convert::Infallible;

    async fn observe(self, sink: &mut dyn Sink) -> Result<Observation, Self::Error> {
        for (table, rows) in self.observation.tables.all() {
            sink.rows(table, rows);
        }
        Ok(self.observation.clone())
    }
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
    pub(super) fn begin(path: &Path, origin: IncidentOrigin) -> Result<Self, Error> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(failed("write", path))?;
        let mut writer = Self { path: path.to_owned(), file, hash: Sha256::new(), records: 0 };
        let header = Header::new(Utc::now(), env!("CARGO_PKG_VERSION"), origin);
        writer.write(&Record::Incident(header))?;
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
    fn rows(&mut self, rows: &format::Rows, record: fn(Row) -> Record) -> Result<(), Error> {
        let format::Rows::Found(rows) = rows else { return Ok(()) };
        rows.iter().try_for_each(|row| self.write(&record(row.clone())))
    }

    /// Writes an observation: its lists as records of their own, and then everything else.
    pub(super) fn observation(&mut self, observation: &Observation) -> Result<(), Error> {
        let mut stored = format::Observation::from(observation);
        self.rows(&stored.jobs, Record::Job)?;
        self.rows(&stored.units, Record::Unit)?;
        self.rows(&stored.spans, Record::Span)?;
        for line in std::mem::take(&mut stored.output.lines) {
            self.write(&Record::Line(line))?;
        }
        for exchange in std::mem::take(&mut stored.exchanges) {
            self.write(&Record::Exchange(exchange))?;
        }
        self.write(&Record::Facts(Box::new(stored.without_lists())))
    }

    /// Ends the bundle: from now on it is whole.
    pub(super) fn end(mut self) -> Result<PathBuf, Error> {
        let sha256 = hexadecimal(self.hash.clone());
        let records = self.records;
        self.write(&Record::End(End::new(records, sha256)))?;
        self.file.sync_all().map_err(failed("write", &self.path))?;
        Ok(self.path)
    }
}

pub(super) fn hexadecimal(hash: Sha256) -> String {
    format!("{:x}", hash.finalize())
}

/// The name of a record, as it stands in the file.
pub(super) fn kind(record: &Json) -> &str {
    record.as_object().and_then(|fields| fields.keys().next()).map_or("", String::as_str)
}
