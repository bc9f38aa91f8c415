//! The behaviour of one case, as a list of traits: everything observable, except what differs from run
//! to run by design, such as ids and times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::printed_value::without_value;
use crate::observation::{
    Job, Line, Location, Observation, Redactor, SpanSource, TrialRecord, Unit,
};
use crate::spec::{Flag, Spec, Value, rows_hash};
use crate::upstream::Exchange;

/// What a trait is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A line before the service is ready. Depends only on flags, unless the service reads its job at its
    /// start.
    Startup,
    /// A line after the service is ready.
    Log,
    /// The lines that print the value of the flag whose values are compared.
    Printed,
    /// Spans with one name and parent.
    Span,
    /// The status or result of a job or unit, or new rows.
    Outcome,
    /// Requests to the upstream.
    Request,
    /// Whether the service became ready, and how it exited.
    Exit,
}

/// The kind and the name of a trait.
pub(super) type Key = (Kind, String);

/// The traits of one case, each with its value as text. An absent trait counts as the value "".
pub(super) type Behaviour = BTreeMap<Key, String>;

/// The name of the trait that tells whether the job ended.
const END_OF_JOB: &str = "end of the job";
/// Headers whose values differ from run to run, or follow from the rest of the request.
const VARYING_HEADERS: [&str; 8] =
    ["host", "content-length", "date", "connection", "traceparent", "tracestate", "baggage", "b3"];
/// Matches ids, hashes and times, which differ from run to run.
static VARYING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let uuid = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}";
    let time = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?";
    let hash = r"\b(?:0x)?[0-9a-f]{12,}\b";
    Regex::new(&format!("{uuid}|{time}|{hash}")).ok()
});
/// Matches what differs between similar lines: words with digits.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\w*\d[\w.]*").ok());

/// Replaces ids, hashes and times in a text.
fn mask_ids(text: &str) -> String {
    match VARYING.as_ref() {
        Some(pattern) => pattern.replace_all(text, "[ID]").into_owned(),
        None => text.to_owned(),
    }
}

/// Returns a line with `#` in place of its numbers; the result is the same for lines that differ only in
/// numbers.
pub(super) fn without_numbers(line: &str) -> String {
    match NUMBER.as_ref() {
        Some(pattern) => pattern.replace_all(line, "#").into_owned(),
        None => line.to_owned(),
    }
}

/// What was observed in one case, without what differs from run to run by design.
#[derive(Debug)]
pub(super) struct Observed {
    /// The lines, each with its kind. They become traits only when it is known which flag's value they may
    /// print.
    lines: Vec<(Kind, String)>,
    /// The traits that do not come from lines.
    rest: Behaviour,
    /// Whether output was dropped because it was too long.
    pub(super) is_incomplete: bool,
}

impl Observed {
    /// Reads the evidence of each case; `None` for a case with a fault, and for an existing system.
    pub(super) fn read_all(spec: &Spec, observations: &[&Observation]) -> Vec<Option<Self>> {
        let read = |one: &&Observation| match one.case.fault {
            None => Self::read(spec, one),
            Some(_) => None,
        };
        observations.iter().map(read).collect()
    }

    /// Reads the evidence of a case; `None` for an existing system.
    fn read(spec: &Spec, observation: &Observation) -> Option<Self> {
        let trial = observation.trial()?;
        let redactor = Redactor::new(trial, &spec.startup);
        let line = |line: Line<'_>| {
            let is_startup = match line.location {
                Location::Stdout(number) => number <= trial.run.startup.stdout as u64,
                Location::Stderr(number) => number <= trial.run.startup.stderr as u64,
                Location::Log(_) => false,
            };
            let kind = if is_startup { Kind::Startup } else { Kind::Log };
            (kind, mask_ids(&redactor.line(line.text)))
        };
        let mut traits = Traits(BTreeMap::new());
        add_spans(spec, observation, &mut traits);
        add_outcome(spec, observation, trial, &mut traits);
        for exchange in &trial.exchanges {
            add_request(spec, exchange, &mut traits);
        }
        let exit = &trial.run.exit;
        let killed = if exit.killed { ", killed" } else { "" };
        traits.set(Kind::Exit, "exit", format!("{}{killed}", exit.ending));
        let ready = if trial.run.ready.is_reached() { "yes" } else { "no" };
        traits.set(Kind::Exit, "readiness", ready.to_owned());
        Some(Self {
            lines: observation.lines().into_iter().map(line).collect(),
            rest: traits.0,
            is_incomplete: observation.dropped_bytes() > 0,
        })
    }

    /// Returns the behaviour for a comparison of the values of one flag, which has this value in the case.
    pub(super) fn behaviour(&self, flag: &str, value: &Value) -> Behaviour {
        let mut traits = Traits(self.rest.clone());
        for (kind, text) in &self.lines {
            match without_value(text, flag, value) {
                Some(rest) => {
                    traits.count(*kind, &rest);
                    traits.add(Kind::Printed, rest, text);
                }
                None => traits.count(*kind, text),
            }
        }
        traits.0
    }

    /// Whether the job ended; otherwise the rest of the behaviour is incomplete.
    pub(super) fn job_ended(&self) -> bool {
        let key = (Kind::Outcome, END_OF_JOB.to_owned());
        self.rest.get(&key).is_some_and(|ended| ended == "yes")
    }
}

struct Traits(Behaviour);

impl Traits {
    fn set(&mut self, kind: Kind, name: &str, value: String) {
        self.0.insert((kind, name.to_owned()), value);
    }

    /// Adds 1 to the count of a trait.
    fn count(&mut self, kind: Kind, name: &str) {
        let count = self.0.entry((kind, name.to_owned())).or_default();
        *count = (count.parse::<usize>().unwrap_or(0) + 1).to_string();
    }

    /// Adds a value to the distinct values of a trait.
    fn add(&mut self, kind: Kind, name: String, value: &str) {
        let values = self.0.entry((kind, name)).or_default();
        let mut all: BTreeSet<&str> = values.lines().collect();
        all.insert(value);
        *values = all.into_iter().collect::<Vec<_>>().join("\n");
    }
}

/// Counts spans by name, name of the parent, and status.
fn add_spans(spec: &Spec, observation: &Observation, traits: &mut Traits) {
    let Ok(spans) = observation.span_source(spec).spans() else {
        return traits.set(Kind::Span, "spans", "unreadable".to_owned());
    };
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for span in &spans {
        let name = span.name.clone().unwrap_or_default();
        let parent = spans.iter().find(|other| span.parent.is_some() && other.id == span.parent);
        let parent = parent.and_then(|parent| parent.name.as_ref());
        let below = parent.map_or(String::new(), |parent| format!(" below `{parent}`"));
        let status = span.status.text.clone().unwrap_or_default();
        *counts.entry((format!("span `{name}`{below}"), status)).or_default() += 1;
    }
    for ((name, status), count) in counts {
        traits.add(Kind::Span, name, format!("{count} {status}").trim());
    }
}

/// Adds the statuses and results of jobs and units (parts of a job), and the numbers of new rows that,
/// according to the spec, a value of a flag adds.
fn add_outcome(spec: &Spec, observation: &Observation, trial: &TrialRecord, traits: &mut Traits) {
    let tables = &observation.tables;
    for (number, job) in (1..).zip(Job::from_rows(&spec.tables, tables.jobs.all())) {
        let status = job.status.unwrap_or_default();
        traits.set(Kind::Outcome, &format!("status of job {number}"), status);
    }
    for unit in Unit::from_rows(&spec.tables, tables.units.all()) {
        let status = unit.status.unwrap_or_default();
        traits.add(Kind::Outcome, format!("status of unit `{}`", unit.key), &status);
        if let Some(outcome) = unit.outcome {
            let result = mask_ids(&outcome.to_string());
            traits.add(Kind::Outcome, format!("result of unit `{}`", unit.key), &result);
        }
    }
    if let Some(submission) = &trial.job_run.submission {
        traits.set(Kind::Outcome, "answer to the job", submission.status.to_string());
    }
    let ended = trial.job_run.has_ended();
    traits.set(Kind::Outcome, END_OF_JOB, if ended { "yes" } else { "no" }.to_owned());
    let effects = spec.flags.iter().flat_map(Flag::effects);
    for text in effects.filter_map(|(_, effects)| effects.rows.as_deref()) {
        let hash = rows_hash(text);
        let gain = trial.row_gains.iter().find(|gain| gain.query == hash);
        if let Some(added) = gain.and_then(|gain| gain.added().ok()) {
            traits.set(Kind::Outcome, &format!("new rows of `{text}`"), added.to_string());
        }
    }
}

/// Adds a request: its method and path, its headers and its body.
fn add_request(spec: &Spec, exchange: &Exchange, traits: &mut Traits) {
    let name = format!("{} {}", exchange.method, mask_ids(&exchange.path));
    let name = format!("request {name}");
    traits.count(Kind::Request, &name);
    let own = spec.tables.spans.header.as_ref().map(|own| own.to_lowercase());
    for (header, value) in &exchange.headers {
        let varies = VARYING_HEADERS.contains(&header.as_str())
            || Some(header) == own.as_ref()
            || header.ends_with("-id")
            || header.starts_with("x-b3-");
        if ["host", "content-length", "date", "connection"].contains(&header.as_str()) {
            continue;
        }
        let value = if varies { "present".to_owned() } else { mask_ids(value) };
        traits.add(Kind::Request, format!("{name}, header `{header}`"), &value);
    }
    traits.add(
        Kind::Request,
        format!("{name}, body"),
        &mask_ids(&exchange.body).replace('\n', " "),
    );
}
