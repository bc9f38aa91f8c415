//! Checks that do not depend on flags: the service stops cleanly, and sends only requests that the fake
//! upstream has a reply for. Also the outcome of a job, which other files compare between cases. A
//! unit is one part of a job; its value is the result in the unit's row.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use crate::observation::{Job, Unit};
use crate::process::{Ending, Exit};
use serde_json::Value as Json;
use spanproof_format::{Code, count_phrase};

/// The service must exit when it is asked to stop, with an exit code that means success, and leave no
/// process running.
pub(super) fn check_exit(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(exit) = facts.process_run().map(|run| &run.exit) else { return };
    let Exit { ending, stop_requested, killed, stop_ms, strays, process, .. } = exit;
    let spec = facts.spec;
    let rule = spec.processes.iter().find(|rule| Some(&rule.name) == process.as_ref());
    let stop = rule.map_or(&spec.service.stop, |rule| &rule.stop);
    let (name, signal) = (exit.name(), stop.signal());
    let exit = || Evidence::Exit { ending: *ending, at_ms: None, remark: None };
    checks.expect(!killed, || {
        let message = format!("{name} did not stop on {signal} and was killed after {stop_ms} ms");
        Finding::new(Code::NotStopped, message, vec![exit()])
    });
    let signal_number = signal as i32;
    let is_clean = match ending {
        // A shell and most runtimes turn a signal into the exit code 128 plus its number.
        Ending::Code(code) => *code == 128 + signal_number || stop.is_clean(*code),
        Ending::Signal(received) => *received == signal_number,
    };
    // Other findings report a service that exited by itself or was killed.
    checks.expect(!stop_requested || *killed || is_clean, || {
        let message = format!("{name} ended with {ending} after {signal}");
        let evidence = [vec![exit()], Evidence::last_lines(facts)].concat();
        Finding::new(Code::ProcessCrashed, message, evidence)
    });
    checks.expect(strays.is_empty(), || {
        let processes = count_phrase(strays.len(), "process", "processes");
        let message = format!("{processes} kept running after the service stopped");
        let left = limit(strays.iter().cloned().map(Evidence::Process));
        Finding::new(Code::ProcessesLeft, message, left)
    });
}

/// Every request to the fake upstream must match one of its configured replies.
pub(super) fn check_requests(facts: &Facts<'_>, checks: &mut Checks) {
    let requests = facts.trial().map_or(&[][..], |trial| &trial.exchanges);
    let lines: Vec<_> = requests.iter().filter_map(Evidence::unmatched).collect();
    checks.expect(lines.is_empty(), || {
        let requests = count_phrase(lines.len(), "request", "requests");
        let message = format!("{requests} to the upstream matched none of its configured replies");
        Finding::new(Code::UnexpectedRequest, message, limit(lines.clone()))
    });
}

/// The outcome of a submitted job. Units are identified by the values of their key columns.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// The status of each job.
    jobs: Vec<Option<String>>,
    units: BTreeMap<String, UnitOutcome>,
    /// The value of each unit that has one.
    values: BTreeMap<String, Json>,
    /// Number of requests to the upstream that matched a reply.
    pub(super) requests: usize,
}

/// The outcome of one unit, without the content of its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct UnitOutcome {
    status: Option<String>,
    has_value: bool,
    /// The keys of the value, if the value is a JSON object.
    value_keys: Vec<String>,
}

impl Outcome {
    pub(super) fn new(jobs: &[Job], units: &[Unit], requests: usize) -> Self {
        let values =
            units.iter().filter_map(|unit| Some((unit.key.clone(), unit.outcome.clone()?)));
        Self {
            jobs: jobs.iter().map(|job| job.status.clone()).collect(),
            units: units.iter().map(|unit| (unit.key.clone(), UnitOutcome::new(unit))).collect(),
            values: values.collect(),
            requests,
        }
    }

    /// Whether jobs and units have the same statuses, the same units have values, and these values have
    /// the same keys. The content of the values may differ.
    pub(super) fn ends_like(&self, other: &Self) -> bool {
        self.jobs == other.jobs && self.units == other.units
    }

    /// Whether the same unit outcomes occur equally often, but for different units.
    pub(super) fn is_permutation_of(&self, other: &Self) -> bool {
        let sorted = |outcome: &Self| {
            let mut units: Vec<_> = outcome.units.values().cloned().collect();
            units.sort();
            units
        };
        self.jobs == other.jobs && self.units != other.units && sorted(self) == sorted(other)
    }

    /// The keys of the units whose values differ.
    pub(super) fn different_values(&self, other: &Self) -> BTreeSet<String> {
        let keys = self.values.keys().chain(other.values.keys());
        keys.filter(|key| self.values.get(*key) != other.values.get(*key)).cloned().collect()
    }

    /// Returns the value of one unit as text, such as `us-east m q: {"response":"x"}`.
    pub(super) fn value_text(&self, key: &str) -> String {
        let value = self.values.get(key).map_or("null".to_owned(), ToString::to_string);
        format!("{key}: {value}")
    }

    /// The keys of the units that differ in their status, in whether they have a value, or in the keys of the
    /// value.
    pub(super) fn different_units(&self, other: &Self) -> BTreeSet<String> {
        let keys = self.units.keys().chain(other.units.keys());
        keys.filter(|key| self.units.get(*key) != other.units.get(*key)).cloned().collect()
    }

    /// Returns the outcome as text, such as `job failed; us-east m q: failed {error, failure}; …`.
    pub(super) fn to_text(&self) -> String {
        let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".into());
        let jobs: Vec<_> = self.jobs.iter().map(or_null).collect();
        let unit_text = |(key, unit): (&String, &UnitOutcome)| {
            let value = if unit.has_value {
                format!("{{{}}}", unit.value_keys.join(", "))
            } else {
                "without a value".to_owned()
            };
            format!("{key}: {} {value}", or_null(&unit.status))
        };
        let units: Vec<_> = self.units.iter().map(unit_text).collect();
        format!("job {}; {}", jobs.join(", "), units.join("; "))
    }
}

impl UnitOutcome {
    fn new(unit: &Unit) -> Self {
        let object = unit.outcome.as_ref().and_then(|value| value.as_object());
        let value_keys = object.map(|object| object.keys().cloned().collect()).unwrap_or_default();
        Self { status: unit.status.clone(), has_value: unit.outcome.is_some(), value_keys }
    }
}
