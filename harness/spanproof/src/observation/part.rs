//! Selects the evidence of some jobs from an observation of several jobs. A unit is one part of a job; a
//! probe is a pattern of the spec for lines of output.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    ConcurrentSpan, Deployment, Job, Log, LogLine, Observation, Origin, Owner, Row, Rows, Span,
    TableRows, Unit, contradictions, id, text,
};
use crate::matrix::Case;
use crate::spec::Spec;
use crate::timestamp::shifted;

impl Observation {
    /// Whether every line except startup lines has a timestamp, so that lines can be assigned to
    /// jobs.
    pub(crate) fn has_timestamps(&self, spec: &Spec) -> bool {
        let mut lines = self.lines().into_iter();
        lines.all(|line| line.at.is_some() || spec.probes.banner(line.text).is_some())
    }

    /// Returns the evidence of some jobs: these jobs, their units of work and spans, and the lines
    /// of the periods in which the jobs ran. A span that names neither a unit nor a job is included
    /// if it started in one of these periods.
    #[must_use]
    pub(crate) fn for_jobs(&self, spec: &Spec, jobs: &[&Row]) -> Self {
        let all = &self.tables;
        let selected: Vec<_> = jobs.iter().map(|row| Job::from_row(&spec.tables, row)).collect();
        let ids: BTreeSet<_> = selected.iter().filter_map(|job| job.id.clone()).collect();
        let is_of_jobs =
            |row: &Row| Unit::from_row(&spec.tables, row).job.is_some_and(|job| ids.contains(&job));
        let unit_rows = all.units.clone().filter(is_of_jobs);
        let units = Unit::from_rows(&spec.tables, unit_rows.all());
        let unit_ids: BTreeSet<_> = units.iter().filter_map(|unit| unit.id.clone()).collect();
        let periods = Periods::new(spec, all, &ids);
        let mut other_spans = Vec::new();
        let span_rows = all.spans.clone().filter(|row| {
            let span = Span::from_row(&spec.tables.spans, row);
            let named = Owner::from_row(&spec.tables, row).is_among(&unit_ids, &ids);
            let belongs = named.unwrap_or_else(|| periods.include_span(span.start()));
            if !belongs {
                other_spans.push(span);
            }
            belongs
        });
        let span_rows = span_rows.without_orphans(spec);
        let route = selected.iter().find_map(|job| job.route.clone());
        let case = Case { route: route.unwrap_or_default(), ..self.case.clone() };
        let jobs = Rows::Found(jobs.iter().map(|row| (*row).clone()).collect());
        let tables = TableRows { jobs, units: unit_rows, spans: span_rows };
        let origin = match &self.origin {
            Origin::Deployment(deployment) => {
                let mut part = deployment_within(spec, deployment, &periods, &other_spans);
                let (other_tables, unit) = (part.other_tables.iter(), &spec.tables.spans.unit);
                part.other_tables =
                    other_tables.filter_map(|table| table.of_units(&unit_ids, unit)).collect();
                Origin::Deployment(Box::new(part))
            }
            trial @ Origin::Trial(_) => trial.clone(),
        };
        Self { case, tables, origin }
    }
}

impl Observation {
    /// Returns for each of these jobs the indexes of those that ran at the same time, with its own: a line of the
    /// log may be of each of them.
    pub(crate) fn simultaneous_jobs(&self, spec: &Spec, jobs: &[&Row]) -> Vec<Vec<usize>> {
        let period = |row: &&Row| {
            let ids = Job::from_row(&spec.tables, row).id.into_iter().collect();
            Periods::new(spec, &self.tables, &ids).own.pop()
        };
        let periods: Vec<Option<Period>> = jobs.iter().map(period).collect();
        let overlap = |one: &Option<Period>, two: &Option<Period>| {
            one.as_ref().zip(two.as_ref()).is_some_and(|(one, two)| one.overlaps(two))
        };
        let of_one = |one| (0..periods.len()).filter(|two| overlap(one, &periods[*two])).collect();
        periods.iter().map(of_one).collect()
    }

    /// Returns the observation with a reason why a line that is not in the log proves nothing.
    pub(crate) fn with_doubt(&self, doubt: Option<String>) -> Self {
        let mut doubted = self.clone();
        if let Origin::Deployment(deployment) = &mut doubted.origin
            && let Some(log) = &mut deployment.log
        {
            log.facts.doubts.extend(doubt);
        }
        doubted
    }
}

impl Rows {
    /// Removes the spans that belong to the unit of their parent and whose parent is not among the rows:
    /// they belong to other units.
    pub(crate) fn without_orphans(mut self, spec: &Spec) -> Self {
        if !spec.has_parent_links() {
            return self;
        }
        let columns = &spec.tables.spans;
        loop {
            let before = self.all().len();
            let ids = self.all().iter().filter_map(|row| text(row, &columns.id));
            let ids: BTreeSet<_> = ids.collect();
            self = self.filter(|row| {
                let name = text(row, &columns.name).unwrap_or_default();
                let has_parent = || text(row, &columns.parent).is_some_and(|id| ids.contains(&id));
                id(row, &columns.unit).is_some() || !spec.links_by_parent(&name) || has_parent()
            });
            // The children of a removed span are removed in the next round.
            if self.all().len() == before {
                return self;
            }
        }
    }
}

/// Returns a deployment with only the log lines of the periods, and only those concurrent spans
/// that started in one of them. Concurrent spans are spans of other jobs; `other_spans` are added to them.
fn deployment_within(
    spec: &Spec,
    deployment: &Deployment,
    periods: &Periods,
    other_spans: &[Span],
) -> Deployment {
    let mut part = deployment.clone();
    if let Some(Log { lines, facts, .. }) = &mut part.log {
        facts.doubts.extend(periods.unassigned_lines(spec, lines));
        lines.retain(|line: &LogLine| match spec.probes.banner(&line.text) {
            // A startup line from before the periods is kept, because it reports whether tracing was on.
            Some(_) => periods.do_not_end_before(line.at),
            None if spec.probes.has_begun(&line.text) => periods.include_begun(line.at),
            None => periods.include(line.at) || periods.include_late(line.at),
        });
        facts.contradictions = contradictions(&spec.probes, lines);
    }
    part.concurrent_spans.extend(other_spans.iter().filter_map(ConcurrentSpan::from_span));
    part.concurrent_spans.retain(|span| periods.include(Some(span.started)));
    part
}

/// How long after its period a line about a write may still be of a job: a background task may try again.
const LATE: chrono::Duration = chrono::Duration::seconds(60);

/// The periods in which some jobs ran, and those of the other jobs.
struct Periods {
    own: Vec<Period>,
    others: Vec<Period>,
}

/// The period in which one job ran, from its submission to the end of its last unit. It is extended by the
/// spec's `flush-ms`, the time in which the service may still write spans.
struct Period {
    /// `None` if the rows have no time.
    start: Option<DateTime<Utc>>,
    /// `None` if a unit has no end: it may still be running.
    end: Option<DateTime<Utc>>,
    /// From the start of the first unit to the end of the last one; `None` if one of them is not known.
    work: Option<(DateTime<Utc>, DateTime<Utc>)>,
    has_units: bool,
}

impl Periods {
    /// The periods of all jobs in the rows; `ids` are those of the jobs that are selected.
    fn new(spec: &Spec, rows: &TableRows, ids: &BTreeSet<String>) -> Self {
        let units = Unit::from_rows(&spec.tables, rows.units.all());
        let mut units_by_job: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
        for unit in &units {
            units_by_job.entry(unit.job.as_deref().unwrap_or_default()).or_default().push(unit);
        }
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for job in Job::from_rows(&spec.tables, rows.jobs.all()) {
            let id = job.id.clone().unwrap_or_default();
            let units = units_by_job.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            let part = if ids.contains(&id) { &mut own } else { &mut others };
            part.push(Period::new(spec, &job, units));
        }
        Self { own, others }
    }

    /// Whether one of the jobs ran at a time; `true` if the time is not known.
    fn include(&self, at: Option<DateTime<Utc>>) -> bool {
        self.own.iter().any(|period| period.includes(at))
    }

    /// Whether a line about the start of a span may be of one of the jobs: it is of the job whose work was done then.
    fn include_begun(&self, at: Option<DateTime<Utc>>) -> bool {
        let is_work = |periods: &[Period]| periods.iter().any(|period| period.works(at));
        self.include(at) && (is_work(&self.own) || !is_work(&self.others))
    }

    /// Whether a line is about spans that one of the jobs wrote late: it was the last one that ended before.
    fn include_late(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return false };
        let latest = |periods: &[Period]| {
            let ended = periods.iter().filter_map(|period| period.end);
            ended.filter(|end| (at - LATE..at).contains(end)).max()
        };
        let is_of_none = !self.others.iter().any(|other| other.includes(Some(at)));
        is_of_none && latest(&self.own).is_some_and(|own| latest(&self.others) <= Some(own))
    }

    /// Whether a span that names neither a unit nor a job may belong to one of the jobs. A job without units
    /// has no spans. A job that is still running does not have those of a job that ran and ended meanwhile.
    fn include_span(&self, at: Option<DateTime<Utc>>) -> bool {
        let is_of_ended =
            || self.others.iter().any(|other| other.end.is_some() && other.includes(at));
        let includes = |own: &Period| {
            own.has_units && own.includes(at) && (own.end.is_some() || !is_of_ended())
        };
        self.own.iter().any(includes)
    }

    /// Says which lines about the start of spans were written while no job ran; `None` if there are none. They may
    /// be of other jobs, or by another clock.
    fn unassigned_lines(&self, spec: &Spec, lines: &[LogLine]) -> Option<String> {
        let all = || self.own.iter().chain(&self.others);
        let is_of_none = |line: &&LogLine| {
            spec.probes.has_begun(&line.text) && !all().any(|period| period.includes(line.at))
        };
        let mut unassigned = lines.iter().filter(is_of_none);
        let first = unassigned.next()?;
        let count = 1 + unassigned.count();
        let lines = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
        Some(format!(
            "{lines} about the start of spans, the first at log:{}, were written while none of these jobs ran: they \
             may be of other jobs, or by a clock that differs",
            first.number
        ))
    }

    /// Whether one of the jobs may have run at a time or after it.
    fn do_not_end_before(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return true };
        self.own.iter().any(|period| period.end.is_none_or(|end| at <= end))
    }
}

impl Period {
    fn new(spec: &Spec, job: &Job, units: &[&Unit]) -> Self {
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

    /// Whether the work of two jobs was done at the same time, as far as that is known.
    fn overlaps(&self, other: &Self) -> bool {
        self.work.zip(other.work).is_none_or(|(one, two)| one.0 <= two.1 && two.0 <= one.1)
    }

    /// Whether the work was done at this time.
    fn works(&self, at: Option<DateTime<Utc>>) -> bool {
        at.zip(self.work).is_some_and(|(at, (start, end))| at >= start && at <= end)
    }

    fn includes(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return true };
        self.start.is_none_or(|start| at >= start) && self.end.is_none_or(|end| at <= end)
    }
}
