//! The footprint of a case: everything that it leaves and that can be observed, without what varies
//! from run to run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use spanproof_format::Difference;

use crate::observation::{Job, Observation, Redactor, Span, SpanSource as _, TrialRecord, Unit};
use crate::process::Stream;
use crate::spec::Spec;
use crate::upstream::{Answer, Exchange};

/// Ids and numbers in the path of a request.
static IDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[0-9a-fA-F]{8}[0-9a-fA-F-]*|\d+").ok());

/// Texts, each with how often it occurs.
pub(super) type Counts = BTreeMap<String, usize>;

/// What a case leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Footprint {
    pub(super) spans: Counts,
    pub(super) statuses: Counts,
    pub(super) requests: Counts,
    pub(super) startup: Counts,
    /// The names of the stored spans.
    pub(super) span_names: BTreeSet<String>,
}

impl Footprint {
    /// Reads the footprint of a trial; `None` for an existing system.
    pub(super) fn new(spec: &Spec, observation: &Observation) -> Option<Self> {
        let trial = observation.trial()?;
        let spans = observation.span_source(spec).spans().unwrap_or_default();
        Some(Self {
            span_names: spans.iter().filter_map(|span| span.name.clone()).collect(),
            spans: count(spans.iter().map(|span| describe_span(span, &spans))),
            statuses: count(statuses(spec, observation, trial)),
            requests: count(trial.exchanges.iter().map(describe_request)),
            startup: count(startup_lines(spec, trial)),
        })
    }

    /// Returns in what this footprint differs from another one. `flag` is the flag in which the
    /// cases differ.
    pub(super) fn differences(&self, other: &Self, flag: &str) -> BTreeSet<Difference> {
        let mut found = BTreeSet::new();
        let parts = [
            (Difference::Spans, &self.spans, &other.spans),
            (Difference::Statuses, &self.statuses, &other.statuses),
            (Difference::Requests, &self.requests, &other.requests),
        ];
        for (difference, one, two) in parts {
            if one != two {
                found.insert(difference);
            }
        }
        for line in changed(&self.startup, &other.startup) {
            let echo = line.contains(flag);
            found.insert(if echo { Difference::Echo } else { Difference::Startup });
        }
        found
    }
}

fn count(texts: impl Iterator<Item = String>) -> Counts {
    let mut counts = Counts::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    counts
}

/// Returns the texts that do not occur equally often.
fn changed<'a>(one: &'a Counts, two: &'a Counts) -> impl Iterator<Item = &'a str> {
    let only = |this: &'a Counts, other: &'a Counts| {
        this.iter().filter(|(text, number)| other.get(*text) != Some(*number))
    };
    only(one, two).chain(only(two, one)).map(|(text, _)| text.as_str())
}

/// Returns the name of a span with the name of its parent and its status.
fn describe_span(span: &Span, all: &[Span]) -> String {
    let parent = all.iter().find(|other| span.parent.is_some() && other.id == span.parent);
    let name = |span: &Span| span.name.clone().unwrap_or_default();
    let parent = parent.map(name).unwrap_or_default();
    format!("{} < {parent} {:?}", name(span), span.status.code)
}

/// Returns the statuses of the answer, the jobs and the units.
fn statuses<'a>(
    spec: &'a Spec,
    observation: &'a Observation,
    trial: &'a TrialRecord,
) -> impl Iterator<Item = String> {
    let answer = trial.job_run.submission.iter().map(|answer| format!("answer {}", answer.status));
    let rows = &observation.tables;
    let jobs = rows.jobs.all().iter().map(|row| Job::from_row(&spec.tables, row));
    let jobs = jobs.map(|job| format!("job {:?}", job.status));
    let units = Unit::from_rows(&spec.tables, rows.units.all()).into_iter();
    let units = units.map(|unit| format!("unit {} {:?}", unit.key, unit.status));
    answer.chain(jobs).chain(units)
}

fn describe_request(exchange: &Exchange) -> String {
    let path = match IDS.as_ref() {
        Some(ids) => ids.replace_all(&exchange.path, "*").into_owned(),
        None => exchange.path.clone(),
    };
    let answer = match &exchange.answer {
        Answer::Status(status) => status.to_string(),
        Answer::Closed => "closed".to_owned(),
        Answer::Hanging => "hanging".to_owned(),
        Answer::Unmatched(_) => "unmatched".to_owned(),
    };
    format!("{} {path} {answer}", exchange.method)
}

fn startup_lines(spec: &Spec, trial: &TrialRecord) -> impl Iterator<Item = String> {
    let redactor = Redactor::new(trial, &spec.startup);
    let lines = [Stream::Stderr, Stream::Stdout]
        .into_iter()
        .flat_map(|stream| trial.run.startup_lines(stream));
    let lines: Vec<_> = lines.map(|line| redactor.line(&line.text)).collect();
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(startup: &[&str]) -> Footprint {
        let startup = count(startup.iter().map(|line| (*line).to_owned()));
        Footprint { startup, ..Footprint::default() }
    }

    #[test]
    fn a_line_that_names_the_flag_is_an_echo_only() {
        let off = footprint(&["config: FAST=unset", "ready"]);
        let on = footprint(&["config: FAST=1", "ready"]);
        assert_eq!(off.differences(&on, "FAST"), BTreeSet::from([Difference::Echo]));
        let more = footprint(&["config: FAST=1", "cache is on", "ready"]);
        let both = BTreeSet::from([Difference::Startup, Difference::Echo]);
        assert_eq!(off.differences(&more, "FAST"), both);
        assert_eq!(off.differences(&off, "FAST"), BTreeSet::new());
    }

    #[test]
    fn a_line_that_is_printed_more_often_is_a_difference() {
        let once = footprint(&["cache is on"]);
        let twice = footprint(&["cache is on", "cache is on"]);
        assert_eq!(once.differences(&twice, "FAST"), BTreeSet::from([Difference::Startup]));
    }
}
