//! The part of an observation of several jobs that is about some of them.

use chrono::{DateTime, Utc};

use super::{
    Deployment, Job, Log, LogLine, Neighbour, Observation, Origin, Owner, Row, Rows, Span, Tables,
    Unit,
};
use crate::matrix::Case;
use crate::spec::Spec;

impl Observation {
    /// Whether every line about spans has a time, so that lines can be told apart by job.
    pub(crate) fn has_dated_lines(&self, spec: &Spec) -> bool {
        let mut lines = self.lines().into_iter();
        lines.all(|line| line.at.is_some() || spec.probes.banner(line.text).is_some())
    }

    /// The part of this observation that is about some of its jobs: their units and spans, and the
    /// lines of the time they were there. Spans that name neither unit nor job belong to it if they
    /// began in that time.
    #[must_use]
    pub(crate) fn of_jobs(&self, spec: &Spec, jobs: &[&Row]) -> Self {
        let all = &self.tables;
        let chosen: Vec<_> = jobs.iter().map(|row| Job::from_row(&spec.tables, row)).collect();
        let ids: Vec<_> = chosen.iter().filter_map(|job| job.id.clone()).collect();
        let is_own =
            |row: &Row| Unit::from_row(&spec.tables, row).job.is_some_and(|job| ids.contains(&job));
        let own_units = all.units.clone().filtered(is_own);
        let units = Unit::from_rows(&spec.tables, own_units.all());
        let unit_ids: Vec<_> = units.iter().filter_map(|unit| unit.id.clone()).collect();
        let window = window(spec, &chosen, &units);
        let mut others = Vec::new();
        let own_spans = all.spans.clone().filtered(|row| {
            let span = Span::from_row(&spec.tables.spans, row);
            let named = Owner::from_row(&spec.tables, row).is_among(&unit_ids, &ids);
            let own = named.unwrap_or_else(|| includes(window, span.start()));
            if !own {
                others.push(span);
            }
            own
        });
        let route = chosen.iter().find_map(|job| job.route.clone());
        let case = Case { route: route.unwrap_or_default(), ..self.case.clone() };
        let jobs = Rows::Found(jobs.iter().map(|row| (*row).clone()).collect());
        let tables = Tables { jobs, units: own_units, spans: own_spans };
        let origin = match &self.origin {
            Origin::Deployment(deployment) => {
                Origin::Deployment(Box::new(part_of(spec, deployment, window, &others)))
            }
            trial @ Origin::Trial(_) => trial.clone(),
        };
        Self { case, tables, origin }
    }
}

/// The part of a deployment that is of a window of time. `others` are spans of other jobs.
fn part_of(spec: &Spec, deployment: &Deployment, window: Window, others: &[Span]) -> Deployment {
    let mut part = deployment.clone();
    if let Some(Log { lines, .. }) = &mut part.log {
        lines.retain(|line: &LogLine| match spec.probes.banner(&line.text) {
            // The last start before the end of the work is the one that counts.
            Some(_) => line.at.is_none_or(|at| window.is_none_or(|(_, end)| at <= end)),
            None => includes(window, line.at),
        });
    }
    part.neighbours.extend(others.iter().filter_map(Neighbour::from_span));
    part.neighbours.retain(|other| includes(window, Some(other.started)));
    part
}

/// Begin and end; `None` if the jobs do not tell them.
type Window = Option<(DateTime<Utc>, DateTime<Utc>)>;

fn includes(window: Window, at: Option<DateTime<Utc>>) -> bool {
    match (window, at) {
        (Some((begin, end)), Some(at)) => at >= begin && at <= end,
        _ => true,
    }
}

/// From the submission to the end of the last unit, and as long after it as a span may take.
fn window(spec: &Spec, jobs: &[Job], units: &[Unit]) -> Window {
    let flush = i64::try_from(spec.service.flush_ms).unwrap_or(5_000);
    let begun = jobs.iter().filter_map(|job| job.created);
    let started = units.iter().filter_map(|unit| unit.started);
    let ended = units.iter().filter_map(|unit| unit.ended);
    // Clocks of two machines are not one: a second of grace.
    let begin = begun.chain(started).min()? - chrono::Duration::seconds(1);
    Some((begin, ended.max()? + chrono::Duration::milliseconds(flush)))
}
