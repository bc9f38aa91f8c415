//! Reading a bundle that may come from anywhere: cut off, edited, of another version, or no bundle.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use spanproof_format::{
    Age, BUNDLE_FORMAT, End, Exchange, Header, Judgement, Observation, OutputLine, Record, Row,
    Rows, Setting, age,
};

use super::bundle::{Bundle, hexadecimal, kind};
use super::error::{Error, failed};

/// A longer record is none of ours.
const LONGEST: u64 = 32 * 1024 * 1024;
/// A longer file is none of ours.
const MOST: u64 = 512 * 1024 * 1024;

/// The parts of a bundle, as far as they were read.
#[derive(Default)]
struct Parts {
    header: Option<Header>,
    setting: Option<Setting>,
    facts: Option<Observation>,
    jobs: Vec<Row>,
    units: Vec<Row>,
    spans: Vec<Row>,
    lines: Vec<OutputLine>,
    exchanges: Vec<Exchange>,
    judgement: Option<Judgement>,
    expects: Option<String>,
    end: Option<End>,
    doubts: Vec<String>,
}

impl Bundle {
    /// Reads a bundle. One that is cut off is read as far as it goes, with a doubt; one that was
    /// edited is refused, unless `edited` says that it is known.
    ///
    /// # Errors
    /// When it is no bundle, is damaged, was edited, or is from a newer version.
    pub fn read(path: &Path, edited: bool) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        let file = File::open(path).map_err(failed("read", path))?;
        let meta = file.metadata().map_err(failed("read", path))?;
        if !meta.is_file() {
            return Err(damaged("it is no file".into()));
        }
        if meta.len() > MOST {
            return Err(damaged(format!(
                "it has {} bytes, and no bundle has more than {MOST}",
                meta.len()
            )));
        }
        let mut reader = BufReader::new(file);
        let (mut parts, mut hash, mut line) = (Parts::default(), Sha256::new(), Vec::new());
        let mut number = 0_u64;
        loop {
            line.clear();
            let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            if read.map_err(failed("read", path))? == 0 {
                break;
            }
            number += 1;
            if line.len() as u64 == LONGEST {
                return Err(damaged(format!("line {number} is longer than any record")));
            }
            if parts.end.is_some() {
                parts.doubts.push(format!("something follows its end, from line {number}"));
                break;
            }
            let record: Json = match serde_json::from_slice(&line) {
                Ok(record) => record,
                // Only the last line can have been cut off.
                Err(_) if number > 1 && !line.ends_with(b"\n") => break,
                Err(error) => return Err(damaged(format!("line {number} is no JSON: {error}"))),
            };
            if kind(&record) == "end" {
                let sum = hexadecimal(hash.clone());
                parts.take(record).map_err(|reason| damaged(format!("line {number}: {reason}")))?;
                if parts.end.as_ref().is_some_and(|end| end.sha256 != sum) {
                    if !edited {
                        return Err(Error::Edited { path: path.to_owned() });
                    }
                    parts.doubts.push("it was changed after it was written".into());
                }
                continue;
            }
            hash.update(&line);
            if number == 1 {
                version(path, &record)?;
            }
            parts.take(record).map_err(|reason| damaged(format!("line {number}: {reason}")))?;
        }
        parts.bundle(path)
    }
}

/// Whether the first record is that of a bundle, and of a version that can be read.
fn version(path: &Path, record: &Json) -> Result<(), Error> {
    let path = path.to_owned();
    let Some(found) = record.pointer("/incident/format").and_then(Json::as_str) else {
        let reason = "its first line is not that of an incident; `spanproof capture` writes one";
        return Err(Error::Damaged { path, reason: reason.into() });
    };
    match age(found, BUNDLE_FORMAT) {
        Age::Readable => Ok(()),
        Age::Newer => Err(Error::Newer { path, found: found.to_owned(), reads: BUNDLE_FORMAT }),
        Age::Strange => Err(Error::Damaged { path, reason: format!("its format is `{found}`") }),
    }
}

impl Parts {
    fn take(&mut self, record: Json) -> Result<(), String> {
        let name = kind(&record).to_owned();
        let record: Record = serde_json::from_value(record).map_err(|error| error.to_string())?;
        match record {
            Record::Incident(header) => self.header = Some(header),
            Record::Setting(setting) => self.setting = Some(*setting),
            Record::Facts(facts) => self.facts = Some(*facts),
            Record::Job(row) => self.jobs.push(row),
            Record::Unit(row) => self.units.push(row),
            Record::Span(row) => self.spans.push(row),
            Record::Line(line) => self.lines.push(line),
            Record::Exchange(exchange) => self.exchanges.push(exchange),
            Record::Verdict(judgement) => self.judgement = Some(*judgement),
            Record::Expects(expects) => self.expects = Some(expects),
            Record::Masked(_) => {}
            Record::End(end) => self.end = Some(end),
            _ if Record::NAMES.contains(&name.as_str()) => {
                return Err(format!("not a record `{name}` as this version knows it"));
            }
            // A newer minor version may have more records; what they say is not understood.
            _ => self.doubts.push(format!("its record `{name}` is not known to this version")),
        }
        Ok(())
    }

    fn bundle(mut self, path: &Path) -> Result<Bundle, Error> {
        let counts = format!(
            "{} jobs, {} units, {} spans and {} lines",
            self.jobs.len(),
            self.units.len(),
            self.spans.len(),
            self.lines.len()
        );
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        let header = self.header.ok_or_else(|| damaged("it is empty".into()))?;
        let (Some(setting), Some(facts)) = (self.setting, self.facts) else {
            return Err(damaged(format!(
                "it is cut off before what it is about was written; it has {counts}"
            )));
        };
        if self.end.is_none() {
            self.doubts.push(format!("it is cut off: it has no end, and {counts}"));
        }
        let filled = |rows: Rows, found: Vec<Row>| match rows {
            Rows::Found(_) => Rows::Found(found),
            Rows::Unreadable(_) if !found.is_empty() => Rows::Found(found),
            unreadable @ Rows::Unreadable(_) => unreadable,
        };
        let mut stored = facts;
        stored.jobs = filled(stored.jobs, self.jobs);
        stored.units = filled(stored.units, self.units);
        stored.spans = filled(stored.spans, self.spans);
        stored.output.lines = self.lines;
        stored.exchanges = self.exchanges;
        Ok(Bundle {
            path: path.to_owned(),
            written: header.written,
            origin: header.origin,
            setting: setting.into(),
            observation: stored.into(),
            judgement: self.judgement.map(Into::into),
            expects: self.expects,
            doubts: self.doubts,
        })
    }
}
