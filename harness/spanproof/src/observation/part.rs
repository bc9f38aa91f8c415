//! Selects the evidence of some jobs from an observation of several jobs. A unit is one part of a job; a
//! probe is a pattern of the spec for lines of output.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{
    ConcurrentSpan, Deployment, Job, Log, LogLine, Observation, Origin, Owner, Row, Rows, Span,
    TableRows, Unit, id, text,
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
    /// of the period in which the jobs ran. A span that names neither a unit nor a job is included
    /// if it started in this period.
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
        let window = window(spec, &selected, &units);
        let mut other_spans = Vec::new();
        let span_rows = all.spans.clone().filter(|row| {
            let span = Span::from_row(&spec.tables.spans, row);
            let named = Owner::from_row(&spec.tables, row).is_among(&unit_ids, &ids);
            let belongs = named.unwrap_or_else(|| includes(window, span.start()));
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
                let deployment = deployment_within(spec, deployment, window, &other_spans);
                Origin::Deployment(Box::new(deployment))
            }
            trial @ Origin::Trial(_) => trial.clone(),
        };
        Self { case, tables, origin }
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

/// Returns a deployment with only the log lines of a window of time, and only those concurrent spans
/// that started in the window. Concurrent spans are spans of other jobs; `other_spans` are added to them.
fn deployment_within(
    spec: &Spec,
    deployment: &Deployment,
    window: Window,
    other_spans: &[Span],
) -> Deployment {
    let mut part = deployment.clone();
    if let Some(Log { lines, .. }) = &mut part.log {
        lines.retain(|line: &LogLine| match spec.probes.banner(&line.text) {
            // A startup line from before the window is kept, because it reports whether tracing was on.
            Some(_) => line.at.is_none_or(|at| window.is_none_or(|(_, end)| at <= end)),
            None => includes(window, line.at),
        });
    }
    part.concurrent_spans.extend(other_spans.iter().filter_map(ConcurrentSpan::from_span));
    part.concurrent_spans.retain(|span| includes(window, Some(span.started)));
    part
}

/// The start and end of the period in which jobs ran; `None` if their rows have no times.
type Window = Option<(DateTime<Utc>, DateTime<Utc>)>;

/// Whether a time is in a window; `true` if the time or the window is unknown.
fn includes(window: Window, at: Option<DateTime<Utc>>) -> bool {
    match (window, at) {
        (Some((start, end)), Some(at)) => at >= start && at <= end,
        _ => true,
    }
}

/// Returns the period from the submission to the end of the last unit. It is extended by the spec's
/// `flush-ms`, the time in which the service may still write spans.
fn window(spec: &Spec, jobs: &[Job], units: &[Unit]) -> Window {
    let flush = i64::try_from(spec.service.flush_ms).unwrap_or(5_000);
    let created = jobs.iter().filter_map(|job| job.created);
    let started = units.iter().filter_map(|unit| unit.started);
    let ended = units.iter().filter_map(|unit| unit.ended);
    // One second of tolerance, because the clocks of two machines differ.
    let start = shifted(created.chain(started).min()?, chrono::Duration::seconds(-1));
    Some((start, shifted(ended.max()?, chrono::Duration::milliseconds(flush))))
}
