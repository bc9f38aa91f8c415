//! One unit of work and one job, read from their rows, and which of them a span is of: the only
//! reader of these rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::Row;
use super::table::{text, time};
use crate::spec::Tables;

/// A unit of work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unit {
    /// Its id.
    pub id: Option<String>,
    /// The id of its job.
    pub job: Option<String>,
    /// Its status.
    pub status: Option<String>,
    /// Its start.
    pub started: Option<DateTime<Utc>>,
    /// Its end.
    pub ended: Option<DateTime<Utc>>,
    /// What it gave.
    pub outcome: Option<Json>,
    /// Which unit of its job it is: the values of its key columns.
    pub key: String,
    /// What its spans must agree with, by the name of the span's field.
    pub links: BTreeMap<String, Option<String>>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Its id.
    pub id: Option<String>,
    /// The name that a submitter knows it by.
    pub name: Option<String>,
    /// The route it came in by.
    pub route: Option<String>,
    /// When it was submitted.
    pub created: Option<DateTime<Utc>>,
    /// Its status.
    pub status: Option<String>,
}

/// What a span says it is of: its unit, or else its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A unit, by its id.
    Unit(String),
    /// A job, by its id; the span names no unit.
    Job(String),
    /// It names neither.
    Nobody,
}

impl Owner {
    /// Reads the row of a span by the mapping of a spec.
    pub(crate) fn from_row(mapping: &Tables, row: &Row) -> Self {
        match (text(row, &mapping.spans.unit), text(row, mapping.span_job())) {
            (Some(unit), _) => Self::Unit(unit),
            (None, Some(job)) => Self::Job(job),
            (None, None) => Self::Nobody,
        }
    }

    /// Whether it is one of these units or jobs; `None` if nobody is named.
    pub(crate) fn is_among(&self, units: &[String], jobs: &[String]) -> Option<bool> {
        match self {
            Self::Unit(unit) => Some(units.contains(unit)),
            Self::Job(job) => Some(jobs.contains(job)),
            Self::Nobody => None,
        }
    }
}

impl Unit {
    /// Reads a row by the mapping of a spec.
    pub(crate) fn from_row(mapping: &Tables, row: &Row) -> Self {
        let columns = &mapping.units;
        let key: Vec<_> = columns.key.iter().filter_map(|column| text(row, column)).collect();
        let links = mapping.spans.link.iter();
        Self {
            id: text(row, &columns.id),
            job: text(row, &columns.job),
            status: text(row, &columns.status),
            started: time(row, &columns.started),
            ended: time(row, &columns.completed),
            outcome: row.get(&columns.outcome).filter(|value| !value.is_null()).cloned(),
            key: key.join(" "),
            links: links.map(|(span, unit)| (span.clone(), text(row, unit))).collect(),
        }
    }

    /// Reads every row of a table.
    pub(crate) fn from_rows(mapping: &Tables, rows: &[Row]) -> Vec<Self> {
        rows.iter().map(|row| Self::from_row(mapping, row)).collect()
    }
}

impl Job {
    /// Reads a row by the mapping of a spec.
    pub(crate) fn from_row(mapping: &Tables, row: &Row) -> Self {
        let columns = &mapping.jobs;
        Self {
            id: text(row, &columns.id),
            name: text(row, &columns.name),
            route: text(row, &columns.route),
            created: time(row, &columns.created),
            status: text(row, &columns.status),
        }
    }

    /// Reads every row of a table.
    pub(crate) fn from_rows(mapping: &Tables, rows: &[Row]) -> Vec<Self> {
        rows.iter().map(|row| Self::from_row(mapping, row)).collect()
    }
}
