//! Finds the job that each span belongs to, in a case that submits its job several times. Jobs are numbered
//! from 0. A unit is one part of a job.

use std::collections::{BTreeSet, HashMap};

use crate::observation::{self, Row, TableRows};
use crate::spec::{Spec, Tables};

/// Maximum number of ancestors of a span that are searched for one that ends with the process.
const MAX_ABOVE: usize = 100;

/// The job of each span.
pub(super) struct SpanJobs<'a> {
    mapping: &'a Tables,
    /// The job of each span, by the span's key.
    jobs: HashMap<String, usize>,
    /// The jobs of the spans below each span that belongs to no unit and ended only with the process, by its key.
    below: HashMap<String, BTreeSet<usize>>,
}

impl<'a> SpanJobs<'a> {
    /// Assigns each span to a job. `states` are the tables at the end of each job. The first of these rules
    /// that finds a job applies; a span may be stored after the end of its job, so the last rule is the
    /// least certain:
    ///
    /// 1. the job of its unit, or of its nearest ancestor with a unit;
    /// 2. the job of its descendants, if they all belong to one job;
    /// 3. the job of the other spans in its trace, if they all belong to one job;
    /// 4. the job during which the span was stored.
    pub(super) fn new(
        spec: &'a Spec,
        states: &[TableRows],
        job_of_unit: &HashMap<String, usize>,
    ) -> Self {
        let mapping = &spec.tables;
        let spans = states.last().map_or(&[][..], |state| state.spans.all());
        let key = |span: &Row| key(mapping, span);
        let by_id: HashMap<String, &Row> =
            spans.iter().filter_map(|span| Some((span_id(mapping, span)?, span))).collect();
        let own = |span: &Row| job_of_unit.get(&unit_id(spec, span)?).copied();
        let trace = |span: &Row| observation::text(span, &mapping.spans.trace);
        let mut all = Self { mapping, jobs: HashMap::new(), below: HashMap::new() };
        all.add(spans, |span| ancestors(mapping, &by_id, span).find_map(own));
        let below = all
            .only_jobs(spans, |span| ancestors(mapping, &by_id, span).skip(1).map(key).collect());
        all.add(spans, |span| below.get(&key(span)).copied());
        let traces = all.only_jobs(spans, |span| trace(span).into_iter().collect());
        all.add(spans, |span| traces.get(&trace(span)?).copied());
        let mut appeared: HashMap<String, usize> = HashMap::new();
        for (at, state) in states.iter().enumerate() {
            for span in state.spans.all() {
                appeared.entry(key(span)).or_insert(at);
            }
        }
        all.add(spans, |span| appeared.get(&key(span)).copied());
        all.find_spans_above(spec, states, &by_id);
        all
    }

    /// Finds the spans that belong to no unit, are above spans of several jobs, and had not ended at the end of an
    /// earlier job: a job must not continue below a span that had ended.
    fn find_spans_above(
        &mut self,
        spec: &Spec,
        states: &[TableRows],
        by_id: &HashMap<String, &Row>,
    ) {
        let Some((last, earlier)) = states.split_last() else { return };
        let spans = last.spans.all();
        for span in spans {
            let Some(job) = self.job(span) else { continue };
            for ancestor in ancestors(self.mapping, by_id, span).skip(1).take(MAX_ABOVE) {
                if unit_id(spec, ancestor).is_none() {
                    self.below.entry(key(self.mapping, ancestor)).or_default().insert(job);
                }
            }
        }
        self.below.retain(|_, jobs| jobs.len() > 1);
        let had_ended = |span: &Row| earlier.iter().any(|state| state.spans.all().contains(span));
        for span in spans {
            let key = key(self.mapping, span);
            if self.below.contains_key(&key) && had_ended(span) {
                self.below.remove(&key);
            }
        }
    }

    /// Whether a span belongs to a job, or to no unit and is above spans of the job.
    pub(super) fn belongs_to(&self, span: &Row, job: usize) -> bool {
        let is_above =
            || self.below.get(&key(self.mapping, span)).is_some_and(|jobs| jobs.contains(&job));
        self.job(span) == Some(job) || is_above()
    }

    /// Returns the number of the job that a span belongs to.
    fn job(&self, span: &Row) -> Option<usize> {
        self.jobs.get(&key(self.mapping, span)).copied()
    }

    /// Adds the jobs of spans that have none yet.
    fn add<'r>(&mut self, spans: &'r [Row], job: impl Fn(&'r Row) -> Option<usize>) {
        for span in spans {
            if let (None, Some(job)) = (self.job(span), job(span)) {
                self.jobs.insert(key(self.mapping, span), job);
            }
        }
    }

    /// Returns the job of each group of spans whose spans with a known job all belong to one job. A span
    /// may be in several groups.
    fn only_jobs<'r>(
        &self,
        spans: &'r [Row],
        groups: impl Fn(&'r Row) -> Vec<String>,
    ) -> HashMap<String, usize> {
        let mut jobs: HashMap<String, BTreeSet<usize>> = HashMap::new();
        for span in spans {
            for group in groups(span) {
                jobs.entry(group).or_default().extend(self.job(span));
            }
        }
        let only = |(group, jobs): (String, BTreeSet<usize>)| {
            (jobs.len() == 1).then(|| Some((group, jobs.first().copied()?)))?
        };
        jobs.into_iter().filter_map(only).collect()
    }
}

/// Returns a span and its ancestors. Wrong parents may form a cycle, so the number of steps is limited.
fn ancestors<'r>(
    mapping: &Tables,
    by_id: &HashMap<String, &'r Row>,
    span: &'r Row,
) -> impl Iterator<Item = &'r Row> {
    let parent =
        |span: &&'r Row| by_id.get(&span_key(mapping, span, &mapping.spans.parent)?).copied();
    std::iter::successors(Some(span), parent).take(by_id.len() + 1)
}

/// Returns a string that identifies a span: its id and trace id, or the whole row if it has no id.
fn key(mapping: &Tables, span: &Row) -> String {
    span_id(mapping, span).unwrap_or_else(|| format!("{span:?}"))
}

/// Returns the id of the unit that a span names; `None` if it names none, or if spans of this name belong to no
/// unit: the column may contain the id of something else then.
pub(super) fn unit_id(spec: &Spec, span: &Row) -> Option<String> {
    let name = observation::text(span, &spec.tables.spans.name).unwrap_or_default();
    observation::id_to_compare(span, &spec.tables.spans.unit)
        .filter(|_| !spec.is_outside_units(&name))
}

/// Returns the ids of a span and of its trace: an id may be unique only within a trace.
pub(super) fn span_id(tables: &Tables, span: &Row) -> Option<String> {
    span_key(tables, span, &tables.spans.id)
}

/// Returns the id of the span that a column names, with that of its trace; `None` if it names none.
pub(super) fn span_key(tables: &Tables, span: &Row, column: &str) -> Option<String> {
    let id = observation::text(span, column)?;
    let trace = observation::text(span, &tables.spans.trace).unwrap_or_default();
    Some(format!("{trace} {id}"))
}
