//! Decides to which jobs the spans belong that name neither a unit (a part of a job) nor a job of the database.
//! Only a job whose units lack spans of this name can own such a span. If several jobs can own it, the span
//! belongs to them only if there are enough such spans for all of them: otherwise some of these jobs lost
//! their spans, and nothing shows which.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::job_period::Period;
use super::{Job, Owner, Row, Span, TableRows, Unit};
use crate::spec::{Spec, UnitLink};

/// Maximum number of jobs among which spans are divided. If more jobs can own the same spans, directly or by
/// way of other jobs, nothing is decided between them.
const MAX_JOBS: usize = 64;

/// Spans without an owner that may belong to selected jobs, or to other jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SharedSpans {
    /// The rows of these spans.
    pub(crate) rows: Vec<Row>,
    /// The ids of all jobs to which the spans may belong.
    pub(crate) jobs: Vec<String>,
}

/// To which jobs a span belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// To a selected job.
    Selected,
    /// To a selected job or to another one.
    Shared,
    /// To no selected job.
    Other,
}

/// A job that can own spans without an owner.
struct Candidate {
    id: String,
    is_selected: bool,
    period: Period,
    /// For each name, the starts of the units that lack spans of this name: one start for each missing span.
    missing: BTreeMap<String, Vec<Option<DateTime<Utc>>>>,
}

/// The spans without an owner, and the jobs that can own them.
pub(super) struct OwnerlessSpans {
    jobs: Vec<Candidate>,
    /// For each name, the start and the index of each span, in the order of the starts.
    spans: BTreeMap<String, Vec<(DateTime<Utc>, usize)>>,
    /// The decision for each span without an owner that should name its unit according to the spec, by the
    /// index of its row.
    ownership: BTreeMap<usize, Ownership>,
    /// The indexes of jobs that share spans with a selected job.
    sharing: BTreeSet<usize>,
}

/// Returns the owner of a span. A unit id that no unit has is ignored.
pub(super) fn owner(spec: &Spec, units: &BTreeSet<String>, row: &Row) -> Owner {
    match Owner::from_row(&spec.tables, row) {
        Owner::Unit(unit) if !units.contains(&unit) => Owner::of_job(&spec.tables, row),
        owner => owner,
    }
}

impl OwnerlessSpans {
    /// Decides about all spans without an owner. `selected` are the ids of the selected jobs, `units` those of
    /// all units.
    pub(super) fn new(
        spec: &Spec,
        rows: &TableRows,
        selected: &BTreeSet<String>,
        units: &BTreeSet<String>,
    ) -> Self {
        let mut all = Self {
            jobs: Vec::new(),
            spans: BTreeMap::new(),
            ownership: BTreeMap::new(),
            sharing: BTreeSet::new(),
        };
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (index, row) in rows.spans.all().iter().enumerate() {
            let span = Span::from_row(&spec.tables.spans, row);
            let name = span.name.clone().filter(|name| names_unit(spec, name));
            match (owner(spec, units, row), name, span.start()) {
                (Owner::Unknown, Some(name), Some(start)) => {
                    all.spans.entry(name).or_default().push((start, index));
                    all.ownership.insert(index, Ownership::Other);
                }
                (Owner::Unit(unit), Some(name), _) => {
                    *counts.entry((unit, name)).or_default() += 1;
                }
                _ => {}
            }
        }
        if all.spans.is_empty() {
            return all;
        }
        all.spans.values_mut().for_each(|spans| spans.sort_unstable());
        all.add_jobs(spec, rows, selected, &counts);
        let names: Vec<String> = all.spans.keys().cloned().collect();
        for job in (0..all.jobs.len()).filter(|job| all.jobs[*job].is_selected).collect::<Vec<_>>()
        {
            for name in &names {
                all.decide(name, job);
            }
        }
        all
    }

    /// Returns to which jobs the span with this row index belongs; `None` if other rules decide, because the
    /// span has an owner or no start, or the spec does not require that it names its unit.
    pub(super) fn ownership(&self, index: usize) -> Option<Ownership> {
        self.ownership.get(&index).copied()
    }

    /// Returns the ids of the jobs to which shared spans may belong.
    pub(super) fn sharing_jobs(&self) -> Vec<String> {
        self.sharing.iter().map(|index| self.jobs[*index].id.clone()).collect()
    }

    fn add_jobs(
        &mut self,
        spec: &Spec,
        rows: &TableRows,
        selected: &BTreeSet<String>,
        counts: &BTreeMap<(String, String), usize>,
    ) {
        let mut units_by_job: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
        for unit in Unit::from_rows(&spec.tables, rows.units.all()) {
            units_by_job.entry(unit.job.clone().unwrap_or_default()).or_default().push(unit);
        }
        for job in Job::from_rows(&spec.tables, rows.jobs.all()) {
            let id = job.id.clone().unwrap_or_default();
            let units: Vec<&Unit> = units_by_job.get(&id).into_iter().flatten().collect();
            let lacking = |name: &String| {
                let lacking_of_unit = |unit: &&Unit| {
                    let key = (unit.id.clone().unwrap_or_default(), name.clone());
                    let count = counts.get(&key).copied().unwrap_or_default();
                    vec![unit.started; required(spec, name).saturating_sub(count)]
                };
                (name.clone(), units.iter().flat_map(lacking_of_unit).collect())
            };
            self.jobs.push(Candidate {
                is_selected: selected.contains(&id),
                period: Period::new(spec, &job, &units),
                missing: self.spans.keys().map(lacking).collect(),
                id,
            });
        }
    }

    /// Decides about the spans that a selected job can own.
    fn decide(&mut self, name: &str, job: usize) {
        let (jobs, claims) = self.jobs_that_share(name, job);
        let missing = |job: &usize| {
            self.jobs[*job].missing[name].iter().map(|start| (*start, *job)).collect::<Vec<_>>()
        };
        let mut missing: Vec<_> = jobs.iter().flat_map(missing).collect();
        missing.sort_unstable();
        // If there is a span for every missing one, the units own the spans in the order in which both started.
        let is_enough = claims.len() >= missing.len() && jobs.len() <= MAX_JOBS;
        let mut sharing = BTreeSet::new();
        let mut decided = Vec::new();
        for (position, (index, claimants)) in claims.into_iter().enumerate() {
            let is_selected = |job: &usize| self.jobs[*job].is_selected;
            let has_one_owner = claimants.len() == 1 && claimants.iter().all(is_selected);
            let ownership = if has_one_owner {
                Ownership::Selected
            } else if is_enough {
                let owner = missing.get(position).or(missing.last());
                let is_own = owner.is_some_and(|(_, job)| is_selected(job));
                if is_own { Ownership::Selected } else { Ownership::Other }
            } else if claimants.iter().any(is_selected) {
                sharing.extend(claimants);
                Ownership::Shared
            } else {
                Ownership::Other
            };
            decided.push((index, ownership));
        }
        self.sharing.extend(sharing);
        for (index, ownership) in decided {
            if ownership != Ownership::Other {
                self.ownership.insert(index, ownership);
            }
        }
    }

    /// Returns the jobs that can own spans of this name. A job that is still running does not own a span if
    /// another job ran at this time and has ended.
    fn claimants(&self, name: &str, at: DateTime<Utc>) -> BTreeSet<usize> {
        let includes = |job: &Candidate| job.period.includes(Some(at));
        let is_of_ended = self.jobs.iter().any(|job| job.period.has_ended() && includes(job));
        let owns = |job: &Candidate| {
            !job.missing[name].is_empty()
                && includes(job)
                && (job.period.has_ended() || !is_of_ended)
        };
        let owners = self.jobs.iter().enumerate().filter(|(_, job)| owns(job));
        owners.map(|(job, _)| job).collect()
    }

    /// Returns all jobs that can own the same spans as this job, directly or by way of other jobs, and each of
    /// these spans with its possible owners, in the order of the starts.
    fn jobs_that_share(
        &self,
        name: &str,
        first: usize,
    ) -> (BTreeSet<usize>, Vec<(usize, BTreeSet<usize>)>) {
        let spans = &self.spans[name];
        let mut claims: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let (mut jobs, mut left) = (BTreeSet::from([first]), vec![first]);
        while let Some(job) = left.pop().filter(|_| jobs.len() <= MAX_JOBS) {
            let period = &self.jobs[job].period;
            let from = spans.partition_point(|(at, _)| period.starts_after(*at));
            for (place, (at, _)) in spans.iter().enumerate().skip(from) {
                if !period.includes(Some(*at)) {
                    break;
                }
                if claims.contains_key(&place) {
                    continue;
                }
                let claimants = self.claimants(name, *at);
                if claimants.contains(&job) {
                    left.extend(claimants.difference(&jobs));
                    jobs.extend(&claimants);
                    claims.insert(place, claimants);
                }
            }
        }
        let by_row = claims.into_iter().map(|(place, claimants)| (spans[place].1, claimants));
        (jobs, by_row.collect())
    }
}

/// Whether the spec says that spans of this name contain the id of their unit.
fn names_unit(spec: &Spec, name: &str) -> bool {
    let mut rules = spec.spans.iter().filter(|rule| rule.matches(name)).peekable();
    rules.peek().is_some() && rules.all(|rule| rule.unit == UnitLink::Column)
}

/// Returns how many spans of this name a unit must have; 1 if that depends on flags.
fn required(spec: &Spec, name: &str) -> usize {
    let rules = spec.spans.iter().filter(|rule| rule.matches(name));
    rules.filter(|rule| rule.is_always_required_by_column()).count().max(1)
}
