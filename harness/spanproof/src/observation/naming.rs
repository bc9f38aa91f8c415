//! Ids and names of jobs and of units (parts of a job) in the text of log lines.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::job_period::Period;
use super::{Job, TableRows, Unit};
use crate::spec::Spec;

/// Minimum length of an id that identifies a unit or job in a line. A shorter number may have any meaning.
const MIN_LENGTH: usize = 4;

/// Returns the words of a line that may be an id: each word of letters, digits, `-` and `_`, and the parts of
/// this word between `-` and `_`.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let whole = line.split(move |c| !is_part(c));
    let identifies = |word: &&str| word.len() >= MIN_LENGTH;
    whole
        .flat_map(|word| {
            let word = word.trim_matches(['-', '_']);
            let parts = word.split(['-', '_']).filter(move |part| part.len() < word.len());
            std::iter::once(word).chain(parts)
        })
        .filter(identifies)
}

/// Whether a line contains one of these ids.
pub(crate) fn has_id(line: &str, ids: &BTreeSet<String>) -> bool {
    words(line).any(|word| ids.contains(word))
}

/// The ids and names of the jobs of an observation and of their units, each with the periods of these jobs.
pub(super) struct JobNames<'a>(BTreeMap<String, Vec<NamedJob<'a>>>);

/// A job that a line names.
#[derive(Clone, Copy)]
struct NamedJob<'a> {
    is_selected: bool,
    period: &'a Period,
}

/// Which jobs a line names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// A selected job that ran at the time of the line or shortly before.
    Selected,
    /// Only other jobs, one of which ran at the time of the line or shortly before.
    Other,
    /// No job that ran at the time of the line or shortly before.
    None,
}

impl<'a> JobNames<'a> {
    /// Collects the names. Each job comes with its period, and with whether it is selected.
    pub(super) fn new(
        spec: &Spec,
        rows: &TableRows,
        jobs: impl Iterator<Item = (&'a str, bool, &'a Period)>,
    ) -> Self {
        let by_id: BTreeMap<&str, NamedJob<'a>> =
            jobs.map(|(id, is_selected, period)| (id, NamedJob { is_selected, period })).collect();
        let mut names: BTreeMap<String, Vec<NamedJob<'a>>> = BTreeMap::new();
        let mut add = |name: Option<String>, job: Option<&str>| {
            let job = job.and_then(|job| by_id.get(job));
            if let (Some(name), Some(job)) = (name.filter(|name| name.len() >= MIN_LENGTH), job) {
                names.entry(name).or_default().push(*job);
            }
        };
        for job in Job::from_rows(&spec.tables, rows.jobs.all()) {
            add(job.id.clone(), job.id.as_deref());
            add(job.name, job.id.as_deref());
        }
        for unit in Unit::from_rows(&spec.tables, rows.units.all()) {
            add(unit.id, unit.job.as_deref());
        }
        Self(names)
    }

    /// Returns which jobs a line of this time names.
    pub(super) fn naming(&self, line: &str, at: Option<DateTime<Utc>>) -> Naming {
        let named = words(line).filter_map(|word| self.0.get(word)).flatten();
        let near = named.filter(|job| job.period.includes_with_delay(at));
        match near.map(|job| job.is_selected).max() {
            Some(true) => Naming::Selected,
            Some(false) => Naming::Other,
            None => Naming::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_whole_word_or_a_part_of_one() {
        let found = |line| words(line).collect::<Vec<_>>();
        assert_eq!(found("parcel 70020: no"), ["parcel", "70020"]);
        assert_eq!(found("unit=unit-70020, 12"), ["unit", "unit-70020", "unit", "70020"]);
        assert!(!found("took 170020ms").contains(&"70020"));
    }
}
