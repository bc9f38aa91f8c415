//! What must hold whatever the flags are: the process stops cleanly, the upstream knows each
//! request; and what the job came to, to be compared between cases.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, some};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use crate::observation::{Job, Unit};
use crate::process::{Ending, Exit};
use serde_json::Value as Json;
use spanproof_format::Code;

/// The process stopped when asked and left nothing behind.
pub(super) fn process(facts: &Facts<'_>, checks: &mut Checks) {
    let Some(exit) = facts.run().map(|run| &run.exit) else { return };
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
    let number = signal as i32;
    let stopped = match ending {
        // A shell and most runtimes report a signal as 128 and its number.
        Ending::Code(code) => *code == 128 + number || stop.is_clean(*code),
        Ending::Signal(by) => *by == number,
    };
    checks.expect(!stop_requested || *killed || stopped, || {
        let message = format!("{name} was asked to stop, and ended with {ending}");
        let evidence = [vec![exit()], Evidence::last_lines(facts, 3)].concat();
        Finding::new(Code::ProcessCrashed, message, evidence)
    });
    checks.expect(strays.is_empty(), || {
        let message =
            format!("{} processes outlived the service and held its output open", strays.len());
        let left = some(strays.iter().cloned().map(Evidence::Process));
        Finding::new(Code::ProcessesLeft, message, left)
    });
}

/// The upstream was asked nothing that its behaviour does not know.
pub(super) fn upstream(facts: &Facts<'_>, checks: &mut Checks) {
    let lines: Vec<_> = facts.exchanges().iter().filter_map(Evidence::unmatched).collect();
    checks.expect(lines.is_empty(), || {
        let message =
            format!("{} requests to the upstream matched no reply of its behaviour", lines.len());
        Finding::new(Code::UnexpectedRequest, message, some(lines.clone()))
    });
}

/// What a job came to: each job's status, each unit's status with the names of what it gave, and what
/// it gave.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    jobs: Vec<Option<String>>,
    units: BTreeMap<String, (Option<String>, Vec<String>)>,
    values: BTreeMap<String, Json>,
}

impl Outcome {
    pub(super) fn new(jobs: &[Job], all: &[Unit]) -> Self {
        let outcome = |unit: &Unit| {
            let given = unit.outcome.as_ref().and_then(|value| value.as_object());
            given.map(|object| object.keys().cloned().collect()).unwrap_or_default()
        };
        let units = all.iter().map(|unit| (unit.key.clone(), (unit.status.clone(), outcome(unit))));
        let values = all.iter().filter_map(|unit| Some((unit.key.clone(), unit.outcome.clone()?)));
        Self {
            jobs: jobs.iter().map(|job| job.status.clone()).collect(),
            units: units.collect(),
            values: values.collect(),
        }
    }

    /// Whether statuses and names are the same; values may differ.
    pub(super) fn ends_like(&self, other: &Self) -> bool {
        self.jobs == other.jobs && self.units == other.units
    }

    /// The keys of the units that gave other values.
    pub(super) fn different_values(&self, other: &Self) -> BTreeSet<String> {
        let keys = self.values.keys().chain(other.values.keys());
        keys.filter(|key| self.values.get(*key) != other.values.get(*key)).cloned().collect()
    }

    /// `us-east m q: {"response":"x"}`
    pub(super) fn value_text(&self, key: &str) -> String {
        let value = self.values.get(key).map_or("null".to_owned(), ToString::to_string);
        format!("{key}: {value}")
    }

    /// The keys of the units that end differently.
    pub(super) fn different_units(&self, other: &Self) -> BTreeSet<String> {
        let keys = self.units.keys().chain(other.units.keys());
        keys.filter(|key| self.units.get(*key) != other.units.get(*key)).cloned().collect()
    }

    /// `job failed; us-east m q: failed {error, failure}; …`
    pub(super) fn to_text(&self) -> String {
        let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".into());
        let jobs: Vec<_> = self.jobs.iter().map(or_null).collect();
        let units: Vec<_> = self
            .units
            .iter()
            .map(|(key, (status, keys))| {
                format!("{key}: {} {{{}}}", or_null(status), keys.join(", "))
            })
            .collect();
        format!("job {}; {}", jobs.join(", "), units.join("; "))
    }
}
