//! Reads bundles. A bundle is the file of one incident: the recorded setup, evidence and verdict of a
//! case or of a job in production. The file may be cut off, edited, written by another version, or not
//! a bundle at all.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use spanproof_format::{
    BUNDLE_FORMAT, Code, Compatibility, End, Exchange, Header, Judgement, Observation, OutputLine,
    Record, Row, Rows, Setup as StoredSetup, compatibility, count,
};

use super::bundle::{Bundle, hex_digest, record_name};
use super::error::{Error, failed};
use super::setup::Setup;

/// Maximum size of a record, in bytes.
const MAX_RECORD_BYTES: u64 = 32 * 1024 * 1024;
/// Maximum size of a file, in bytes.
const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// The records of a bundle that were read so far.
#[derive(Default)]
struct Records {
    header: Option<Header>,
    setup: Option<StoredSetup>,
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
    /// Reads a bundle. If the file was cut off, `doubts` contains a note about this.
    ///
    /// # Errors
    /// If the file is not a bundle, is damaged, was edited, or was written by a newer version.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_as(path, Edits::Refused)
    }

    /// Reads a bundle that may have been edited. If the file was edited or cut off, `doubts` contains a note
    /// about this.
    ///
    /// # Errors
    /// If the file is not a bundle, is damaged, or was written by a newer version.
    pub fn read_edited(path: &Path) -> Result<Self, Error> {
        Self::read_as(path, Edits::Accepted)
    }

    fn read_as(path: &Path, edits: Edits) -> Result<Self, Error> {
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        let file = File::open(path).map_err(failed("read", path))?;
        let meta = file.metadata().map_err(failed("read", path))?;
        if !meta.is_file() {
            return Err(damaged("it is not a regular file".into()));
        }
        if meta.len() > MAX_FILE_BYTES {
            let bytes = meta.len();
            return Err(damaged(format!(
                "it has {bytes} bytes, more than the limit of {MAX_FILE_BYTES}"
            )));
        }
        let mut reader = BufReader::new(file);
        let (mut records, mut hash, mut line) = (Records::default(), Sha256::new(), Vec::new());
        let mut number = 0_u64;
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_RECORD_BYTES).read_until(b'\n', &mut line);
            if read.map_err(failed("read", path))? == 0 {
                break;
            }
            number += 1;
            if line.len() as u64 == MAX_RECORD_BYTES {
                return Err(damaged(format!(
                    "line {number} is longer than the limit of {MAX_RECORD_BYTES} bytes"
                )));
            }
            if records.end.is_some() {
                records
                    .doubts
                    .push(format!("the file continues on line {number}, after its record `end`"));
                break;
            }
            let record: Json = match serde_json::from_slice(&line) {
                Ok(record) => record,
                // Only the last line can lack its line ending: the file was cut off in this line.
                Err(_) if number > 1 && !line.ends_with(b"\n") => break,
                Err(error) => return Err(damaged(format!("line {number} is not JSON: {error}"))),
            };
            if record_name(&record) == "end" {
                let digest = hex_digest(hash.clone());
                records
                    .add(record)
                    .map_err(|reason| damaged(format!("line {number}: {reason}")))?;
                if records.end.as_ref().is_some_and(|end| end.sha256 != digest) {
                    if edits == Edits::Refused {
                        return Err(Error::Edited { path: path.to_owned() });
                    }
                    records.doubts.push("the file was changed after it was written".into());
                }
                continue;
            }
            hash.update(&line);
            if number == 1 {
                check_format(path, &record)?;
            }
            records.add(record).map_err(|reason| damaged(format!("line {number}: {reason}")))?;
        }
        records.into_bundle(path)
    }
}

/// What to do with a bundle that was edited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edits {
    Accepted,
    Refused,
}

/// Checks that the first record is a header, with a format that this version reads.
fn check_format(path: &Path, record: &Json) -> Result<(), Error> {
    let path = path.to_owned();
    let Some(found) = record.pointer("/incident/format").and_then(Json::as_str) else {
        let reason = "its first line is not the record `incident`; `spanproof capture` writes incident files";
        return Err(Error::Damaged { path, reason: reason.into() });
    };
    match compatibility(found, BUNDLE_FORMAT) {
        Compatibility::Readable => Ok(()),
        Compatibility::Newer => {
            Err(Error::Newer { path, found: found.to_owned(), reads: BUNDLE_FORMAT })
        }
        Compatibility::Unsupported => {
            let reason = format!(
                "its format is `{found}`, but this version reads formats up to {BUNDLE_FORMAT}"
            );
            Err(Error::Damaged { path, reason })
        }
    }
}

impl Records {
    /// Adds a record. A later setup replaces an earlier setup, and later facts replace earlier
    /// facts.
    fn add(&mut self, record: Json) -> Result<(), String> {
        let name = record_name(&record).to_owned();
        let record: Record = serde_json::from_value(record).map_err(|error| error.to_string())?;
        match record {
            Record::Incident(header) => self.header = Some(header),
            Record::Setup(setup) => self.setup = Some(*setup),
            Record::Facts(facts) => self.facts = Some(*facts),
            Record::Job(row) => self.jobs.push(row),
            Record::Unit(row) => self.units.push(row),
            Record::Span(row) => self.spans.push(row),
            Record::Line(line) => self.lines.push(line),
            Record::Exchange(exchange) => self.exchanges.push(exchange),
            Record::Verdict(judgement) => self.judgement = Some(*judgement),
            Record::Expects(expects) => self.expects = Some(with_current_name(expects)),
            Record::Masked(_) => {}
            Record::End(end) => self.end = Some(end),
            // The name is known, but its value does not have the fields of this record.
            _ if Record::NAMES.contains(&name.as_str()) => {
                return Err(format!("the value of the record `{name}` is invalid"));
            }
            // A newer minor version wrote the file, and has more kinds of records.
            _ => self
                .doubts
                .push(format!("this version does not know the record `{name}` in the file")),
        }
        Ok(())
    }

    /// Converts the records into a bundle. Fails if a required record is missing.
    fn into_bundle(mut self, path: &Path) -> Result<Bundle, Error> {
        let counts = [
            count(self.jobs.len(), "job"),
            count(self.units.len(), "unit"),
            count(self.spans.len(), "span"),
            count(self.lines.len(), "line"),
        ];
        let counts = counts.join(", ");
        let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
        let header = self.header.ok_or_else(|| damaged("it is empty".into()))?;
        let missing = if self.setup.is_none() { "setting" } else { "facts" };
        let (Some(setup), Some(facts)) = (self.setup, self.facts) else {
            return Err(damaged(format!(
                "the file is cut off: it has {counts}, and no record `{missing}`"
            )));
        };
        if self.end.is_none() {
            self.doubts.push(format!("the file is cut off: it has {counts}, and no record `end`"));
        }
        let with_rows = |rows: Rows, found: Vec<Row>| match rows {
            Rows::Found(_) => Rows::from(found),
            Rows::Unreadable(_) if !found.is_empty() => Rows::from(found),
            unreadable @ Rows::Unreadable(_) => unreadable,
        };
        let setup = Setup::from(setup);
        if let Some(behaviour) = &setup.behaviour {
            let invalid = |why| damaged(format!("the upstream can't be replayed: {why}"));
            behaviour.check_answers().map_err(invalid)?;
        }
        let mut stored = facts;
        stored.jobs = with_rows(stored.jobs, self.jobs);
        stored.units = with_rows(stored.units, self.units);
        stored.spans = with_rows(stored.spans, self.spans);
        stored.output.lines = self.lines;
        stored.exchanges = self.exchanges;
        Ok(Bundle {
            path: path.to_owned(),
            written: header.written,
            origin: header.origin,
            setup,
            observation: stored.into(),
            judgement: self.judgement.map(Into::into),
            expects: self.expects,
            doubts: self.doubts,
        })
    }
}

/// Replaces the former name of a code with its current name.
fn with_current_name(expects: String) -> String {
    expects.parse::<Code>().map_or(expects, |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_expected_code_may_have_its_former_name() {
        for (stored, expected) in [("left-processes", "processes-left"), ("pass", "pass")] {
            let mut records = Records::default();
            records.add(json!({ "expects": stored })).unwrap();
            assert_eq!(records.expects.as_deref(), Some(expected));
        }
    }
}
