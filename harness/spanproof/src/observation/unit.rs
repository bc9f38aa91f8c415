//! Reads jobs and units of work from their rows. A unit of work is a part of a job that should leave
//! spans. Also reads the unit or job that a span belongs to from the span's row. No other module interprets
//! rows of units and jobs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::table::{id, text, time};
use super::{Row, StatusCode};
use crate::spec::Tables;

/// A unit of work: a part of a job that should leave spans.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unit {
    /// Unit id.
    pub id: Option<String>,
    /// The id of its job.
    pub job: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Whether the status means that the unit failed.
    pub failed: bool,
    /// Start time.
    pub started: Option<DateTime<Utc>>,
    /// End time.
    pub ended: Option<DateTime<Utc>>,
    /// The result; `None` if the column is null.
    pub outcome: Option<Json>,
    /// The values of the unit's key columns, which identify the unit within its job.
    pub key: String,
    /// The values that the unit's spans must have, by attribute name.
    pub span_attributes: BTreeMap<String, Option<String>>,
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Job id.
    pub id: Option<String>,
    /// The name that the submitter gave the job.
    pub name: Option<String>,
    /// The name of the route by which the job was submitted.
    pub route: Option<String>,
    /// When the job was submitted.
    pub created: Option<DateTime<Utc>>,
    /// Status.
    pub status: Option<String>,
}

/// The unit or job that a span belongs to, by the columns of its own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A unit, by its id.
    Unit(String),
    /// A job, by its id; the span names no unit.
    Job(String),
    /// The span names neither a unit nor a job.
    Unknown,
}

impl Owner {
    /// Reads the owner from the row of a span.
    pub(crate) fn from_row(mapping: &Tables, row: &Row) -> Self {
        match id(row, &mapping.spans.unit) {
            Some(unit) => Self::Unit(unit),
            None => Self::of_job(mapping, row),
        }
    }

    /// Reads the job from the row of a span, whatever unit the row names.
    pub(crate) fn of_job(mapping: &Tables, row: &Row) -> Self {
        text(row, &mapping.span_job()).map_or(Self::Unknown, Self::Job)
    }

    /// Whether the owner is one of these units or jobs; `None` if the owner is unknown.
    pub(crate) fn is_among(
        &self,
        units: &BTreeSet<String>,
        jobs: &BTreeSet<String>,
    ) -> Option<bool> {
        match self {
            Self::Unit(unit) => Some(units.contains(unit)),
            Self::Job(job) => Some(jobs.contains(job)),
            Self::Unknown => None,
        }
    }
}

impl Unit {
    /// Reads a row.
    pub(crate) fn from_row(mapping: &Tables, row: &Row) -> Self {
        let columns = &mapping.units;
        let key: Vec<_> = columns.key.iter().filter_map(|column| text(row, column)).collect();
        let attributes = mapping.spans.attributes.iter();
        let status = text(row, &columns.status);
        let code = status.as_deref().and_then(|status| StatusCode::new(status, &columns.ok));
        Self {
            id: id(row, &columns.id),
            job: text(row, &columns.job),
            status,
            failed: code == Some(StatusCode::Error),
            started: time(row, &columns.started),
            ended: time(row, &columns.completed),
            outcome: row.get(&columns.outcome).filter(|value| !value.is_null()).cloned(),
            key: key.join(" "),
            span_attributes: attributes
                .map(|(attribute, column)| (attribute.clone(), text(row, column)))
                .collect(),
        }
    }

    /// Reads every row.
    pub(crate) fn from_rows(mapping: &Tables, rows: &[Row]) -> Vec<Self> {
        rows.iter().map(|row| Self::from_row(mapping, row)).collect()
    }
}

impl Job {
    /// Reads a row.
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

    /// Reads every row.
    pub(crate) fn from_rows(mapping: &Tables, rows: &[Row]) -> Vec<Self> {
        rows.iter().map(|row| Self::from_row(mapping, row)).collect()
    }
}
