//! The period in which a job ran. A unit is one part of a job.

use chrono::{DateTime, Utc};

use super::{Job, Unit};
use crate::spec::Spec;
use crate::timestamp::shifted;

/// Maximum time after a job's period for a line about a write of the job's spans. A background task may have
/// retried the write.
pub(super) const LATE: chrono::Duration = chrono::Duration::seconds(60);

/// The period in which one job ran, from its submission to the end of its last unit. It is extended by the
/// spec's `flush-ms`, the time in which the service may still write spans.
pub(super) struct Period {
    /// `None` if the rows have no time.
    start: Option<DateTime<Utc>>,
    /// `None` if a unit has no end: it may still be running.
    pub(super) end: Option<DateTime<Utc>>,
    /// From the start of the first unit to the end of the last unit; `None` if the start or the end is not
    /// known.
    work: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(super) has_units: bool,
}

impl Period {
    pub(super) fn new(spec: &Spec, job: &Job, units: &[&Unit]) -> Self {
        let started = units.iter().filter_map(|unit| unit.started);
        // One second of tolerance, because the clocks of two machines differ.
        let start = job.created.into_iter().chain(started).min();
        let start = start.map(|start| shifted(start, chrono::Duration::seconds(-1)));
        let ended: Option<Vec<_>> = units.iter().map(|unit| unit.ended).collect();
        let end = ended.and_then(|ended| ended.into_iter().max());
        let work = units.iter().filter_map(|unit| unit.started).min().zip(end);
        let end = end.map(|end| shifted(end, spec.flush_delta()));
        Self { start, end, work, has_units: !units.is_empty() }
    }

    /// Whether the work of two jobs was done at the same time; `true` if that is not known.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.work.zip(other.work).is_none_or(|(one, two)| one.0 <= two.1 && two.0 <= one.1)
    }

    /// Whether the job's units were being executed at this time; `false` if that is not known.
    pub(super) fn is_work_at(&self, at: Option<DateTime<Utc>>) -> bool {
        at.zip(self.work).is_some_and(|(at, (start, end))| at >= start && at <= end)
    }

    /// Whether the end of the job's last unit is known.
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the period starts after this time; `false` if its start is not known.
    pub(super) fn starts_after(&self, at: DateTime<Utc>) -> bool {
        self.start.is_some_and(|start| at < start)
    }

    /// Whether the period, with the time after it in which its spans may be written late, includes this time;
    /// `true` if the time is not known.
    pub(super) fn includes_with_delay(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return true };
        let end = self.end.map(|end| shifted(end, LATE));
        self.start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end)
    }

    /// Whether the period includes this time; `true` if the time is not known.
    pub(super) fn includes(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return true };
        self.start.is_none_or(|start| at >= start) && self.end.is_none_or(|end| at <= end)
    }
}
