//! Selects the evidence of some jobs from an observation of several jobs. A unit is one part of a job; a
//! probe is a pattern of the spec for lines of output.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::job_period::{LATE, Period};
use super::naming::{JobNames, Naming};
use super::ownerless::{OwnerlessSpans, Ownership, SharedSpans, owner};
use super::{
    ConcurrentSpan, Deployment, Job, Log, LogLine, Observation, Origin, Row, Rows, Span, TableRows,
    Unit, contradictions, id, text,
};
use crate::matrix::Case;
use crate::spec::Spec;

impl Observation {
    /// Whether every line except startup lines has a timestamp, so that lines can be assigned to
    /// jobs.
    pub(crate) fn has_timestamps(&self, spec: &Spec) -> bool {
        let mut lines = self.lines().into_iter();
        lines.all(|line| line.at.is_some() || spec.probes.banner(line.text).is_some())
    }

    /// Returns the evidence of some jobs: these jobs, their units of work and spans, and the lines
    /// of the periods in which the jobs ran. A span that names neither a unit nor a job is included
    /// if it may belong to these jobs because of its start time.
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
        let all_units = all.units.all().iter().filter_map(|row| id(row, &spec.tables.units.id));
        let all_units: BTreeSet<String> = all_units.collect();
        let ownerless = OwnerlessSpans::new(spec, all, &ids, &all_units);
        let (mut other_spans, mut shared_rows, mut index) = (Vec::new(), Vec::new(), 0);
        let span_rows = all.spans.clone().filter(|row| {
            let span = Span::from_row(&spec.tables.spans, row);
            let is_owned = owner(spec, &all_units, row).is_among(&unit_ids, &ids);
            let ownership = ownerless.ownership(index);
            index += 1;
            let belongs = is_owned.unwrap_or_else(|| match ownership {
                Some(ownership) => ownership == Ownership::Selected,
                None => periods.include_span(span.start()),
            });
            if is_owned.is_none() && ownership == Some(Ownership::Shared) {
                shared_rows.push(row.clone());
            } else if !belongs {
                other_spans.push(span);
            }
            belongs
        });
        let span_rows = span_rows.without_orphans(spec);
        let route = selected.iter().find_map(|job| job.route.clone());
        let case = Case { route: route.unwrap_or_default(), ..self.case.clone() };
        let jobs = jobs.iter().map(|row| (*row).clone()).collect();
        let tables = TableRows { jobs, units: unit_rows, spans: span_rows };
        let origin = match &self.origin {
            Origin::Deployment(deployment) => {
                let names = periods.names(spec, all);
                let mut part =
                    deployment_within(spec, deployment, (&periods, &names), &other_spans);
                let (other_tables, unit) = (part.other_tables.iter(), &spec.tables.spans.unit);
                part.other_tables =
                    other_tables.filter_map(|table| table.of_units(&unit_ids, unit)).collect();
                part.shared_spans =
                    SharedSpans { rows: shared_rows, jobs: ownerless.sharing_jobs() };
                Origin::Deployment(Box::new(part))
            }
            trial @ Origin::Trial(_) => trial.clone(),
        };
        Self { case, tables, origin }
    }
}

impl Observation {
    /// Returns, for each of these jobs, the indexes of the jobs that ran at the same time, including its own
    /// index. A log line of that time may belong to any of these jobs.
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

    /// Returns the observation with a further reason why a missing log line proves nothing.
    pub(crate) fn with_doubt(&self, doubt: Option<String>) -> Self {
        let mut changed = self.clone();
        if let Origin::Deployment(deployment) = &mut changed.origin
            && let Some(log) = &mut deployment.log
        {
            log.facts.doubts.extend(doubt);
        }
        changed
    }
}

impl Rows {
    /// Removes each span that is linked to its unit only by its parent and whose parent is not among the
    /// rows: such a span belongs to another unit.
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

/// Returns a deployment with only the log lines that name the selected jobs, or name no job and were written in
/// the periods, and only the concurrent spans (spans of other jobs) that started in one of the periods.
/// `other_spans` are added to the concurrent spans.
fn deployment_within(
    spec: &Spec,
    deployment: &Deployment,
    (periods, names): (&Periods, &JobNames<'_>),
    other_spans: &[Span],
) -> Deployment {
    let mut part = deployment.clone();
    if let Some(Log { lines, facts, .. }) = &mut part.log {
        facts.doubts.extend(periods.unassigned_lines(spec, lines));
        lines.retain(|line: &LogLine| match spec.probes.banner(&line.text) {
            // A startup line from before the periods is kept, because it reports whether tracing was on.
            Some(_) => periods.do_not_end_before(line.at),
            None => match names.naming(&line.text, line.at) {
                Naming::Selected => true,
                Naming::Other => false,
                Naming::None if spec.probes.is_begin_line(&line.text) => {
                    periods.include_begun(line.at)
                }
                Naming::None => periods.include(line.at) || periods.include_late(line.at),
            },
        });
        facts.contradictions = contradictions(&spec.probes, lines);
    }
    part.concurrent_spans.extend(other_spans.iter().filter_map(ConcurrentSpan::from_span));
    part.concurrent_spans.retain(|span| periods.include_begun(Some(span.started)));
    part
}

/// The periods in which the selected jobs ran, and the periods of all other jobs.
struct Periods {
    /// The periods of the selected jobs.
    own: Vec<Period>,
    /// The periods of the other jobs.
    others: Vec<Period>,
    /// The ids of the selected jobs, and those of the others, in the order of their periods.
    ids: [Vec<String>; 2],
}

impl Periods {
    /// Reads the periods of all jobs in the rows. `ids` are the ids of the selected jobs.
    fn new(spec: &Spec, rows: &TableRows, ids: &BTreeSet<String>) -> Self {
        let units = Unit::from_rows(&spec.tables, rows.units.all());
        let mut units_by_job: BTreeMap<&str, Vec<&Unit>> = BTreeMap::new();
        for unit in &units {
            units_by_job.entry(unit.job.as_deref().unwrap_or_default()).or_default().push(unit);
        }
        let (mut own, mut others, mut job_ids) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
        for job in Job::from_rows(&spec.tables, rows.jobs.all()) {
            let id = job.id.clone().unwrap_or_default();
            let units = units_by_job.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            let is_own = ids.contains(&id);
            let part = if is_own { &mut own } else { &mut others };
            part.push(Period::new(spec, &job, units));
            job_ids[usize::from(!is_own)].push(id);
        }
        Self { own, others, ids: job_ids }
    }

    /// Collects the ids and names of the jobs and of their units.
    fn names<'a>(&'a self, spec: &Spec, rows: &TableRows) -> JobNames<'a> {
        let parts = [(true, &self.ids[0], &self.own), (false, &self.ids[1], &self.others)];
        let jobs = parts.into_iter().flat_map(|(is_own, ids, periods)| {
            ids.iter().zip(periods).map(move |(id, period)| (id.as_str(), is_own, period))
        });
        JobNames::new(spec, rows, jobs)
    }

    /// Whether a selected job ran at this time; `true` if the time is not known.
    fn include(&self, at: Option<DateTime<Utc>>) -> bool {
        self.own.iter().any(|period| period.includes(at))
    }

    /// Whether a line about the start of a span may belong to a selected job: the job ran at this time, and
    /// its units were then being executed, or no unit of another job was.
    fn include_begun(&self, at: Option<DateTime<Utc>>) -> bool {
        let is_work = |periods: &[Period]| periods.iter().any(|period| period.is_work_at(at));
        self.include(at) && (is_work(&self.own) || !is_work(&self.others))
    }

    /// Whether a line after the periods may be about spans that a selected job wrote late: no job ran at this
    /// time, and of all jobs that ended shortly before, a selected job ended last.
    fn include_late(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return false };
        let latest = |periods: &[Period]| {
            let ended = periods.iter().filter_map(|period| period.end);
            ended.filter(|end| (at - LATE..at).contains(end)).max()
        };
        let is_of_none = !self.others.iter().any(|other| other.includes(Some(at)));
        is_of_none && latest(&self.own).is_some_and(|own| latest(&self.others) <= Some(own))
    }

    /// Whether a span that names neither a unit nor a job may belong to a selected job. A job without units
    /// has no spans. If another job ran at this time and has ended, the span does not belong to a selected
    /// job that is still running.
    fn include_span(&self, at: Option<DateTime<Utc>>) -> bool {
        let is_of_ended =
            || self.others.iter().any(|other| other.end.is_some() && other.includes(at));
        let includes = |own: &Period| {
            own.has_units && own.includes(at) && (own.end.is_some() || !is_of_ended())
        };
        self.own.iter().any(includes)
    }

    /// Describes the lines about the start of spans that were written while no job ran; `None` if there are
    /// none.
    fn unassigned_lines(&self, spec: &Spec, lines: &[LogLine]) -> Option<String> {
        let all = || self.own.iter().chain(&self.others);
        let is_of_none = |line: &&LogLine| {
            spec.probes.is_begin_line(&line.text) && !all().any(|period| period.includes(line.at))
        };
        let mut unassigned = lines.iter().filter(is_of_none);
        let first = unassigned.next()?;
        let (count, number) = (1 + unassigned.count(), first.number);
        let (lines, owners) = match count {
            1 => (
                format!("1 line about the start of a span, log:{number}, was"),
                "it may belong to another job",
            ),
            _ => (
                format!("{count} lines about the start of spans, the first at log:{number}, were"),
                "they may belong to other jobs",
            ),
        };
        Some(format!(
            "{lines} written while none of these jobs ran: {owners}, or the clocks of the log and the database \
             differ"
        ))
    }

    /// Whether a selected job may have run at this time or later; `true` if the time is not known.
    fn do_not_end_before(&self, at: Option<DateTime<Utc>>) -> bool {
        let Some(at) = at else { return true };
        self.own.iter().any(|period| period.end.is_none_or(|end| at <= end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_while_no_job_ran_is_described_in_the_singular() {
        let spec = crate::spec::example(|text| text);
        let periods = Periods { own: Vec::new(), others: Vec::new(), ids: Default::default() };
        let text = "StartSpan called: operation=a, enabled=true".to_owned();
        let line = |number| LogLine { number, at: None, text: text.clone(), process: None };
        let one = periods.unassigned_lines(&spec, &[line(7)]).unwrap();
        assert!(one.starts_with("1 line about the start of a span, log:7, was written"), "{one}");
        let two = periods.unassigned_lines(&spec, &[line(7), line(9)]).unwrap();
        assert!(
            two.starts_with("2 lines about the start of spans, the first at log:7, were"),
            "{two}"
        );
    }
}
