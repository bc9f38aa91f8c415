//! What must hold whatever the flags are: the process stops cleanly, the upstream knows each
//! request; and what the job came to, to be compared between cases.

use std::collections::BTreeMap;

use super::code::Code;
use super::finding::{Bench, Finding, shown};
use super::reading::Reading;
use crate::evidence::{Evidence, text};
use crate::process::Ending;
use crate::spec::Spec;
use crate::upstream::{Answer, Exchange};

/// SIGTERM's number, and the exit code by which shells and runtimes report it.
const SIGTERM: i32 = 15;
const TERMINATED: i32 = 128 + SIGTERM;

/// The process stopped when asked and left nothing behind.
pub(super) fn process(reading: &Reading<'_>, bench: &mut Bench) {
    let exit = &reading.evidence.exit;
    bench.check(!exit.killed, || {
        let message =
            format!("the service did not stop on SIGTERM and was killed after {} ms", exit.stop_ms);
        Finding::new(Code::NotStopped, message, vec![format!("exit: {}", exit.ending)])
    });
    let stopped = matches!(exit.ending, Ending::Code(0 | TERMINATED) | Ending::Signal(SIGTERM));
    bench.check(!exit.asked || exit.killed || stopped, || {
        let message = format!("the service was asked to stop, and ended with {}", exit.ending);
        let lines: Vec<_> = reading.evidence.numbered_lines().collect();
        let last = lines[lines.len().saturating_sub(3)..].iter();
        let last = last.map(|(place, line)| format!("{place}  {}", line.text));
        let evidence = std::iter::once(format!("exit: {}", exit.ending)).chain(last);
        Finding::new(Code::ProcessCrashed, message, evidence.collect())
    });
    bench.check(exit.strays.is_empty(), || {
        let message = format!(
            "{} processes outlived the service and held its output open",
            exit.strays.len()
        );
        Finding::new(Code::LeftProcesses, message, shown(exit.strays.iter().cloned()))
    });
}

/// The upstream was asked nothing that its behaviour does not know.
pub(super) fn upstream(reading: &Reading<'_>, bench: &mut Bench) {
    let unmatched = |exchange: &Exchange| match &exchange.answer {
        Answer::Unmatched(nearest) => Some(format!(
            "upstream: {} {} (nearest reply: {nearest})",
            exchange.method, exchange.path
        )),
        _ => None,
    };
    let lines: Vec<_> = reading.evidence.exchanges.iter().filter_map(unmatched).collect();
    bench.check(lines.is_empty(), || {
        let message =
            format!("{} requests to the upstream matched no reply of its behaviour", lines.len());
        Finding::new(Code::UnexpectedRequest, message, shown(lines.clone()))
    });
}

/// What a job came to: each job's status, and each unit's status with the names of what it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    jobs: Vec<Option<String>>,
    units: BTreeMap<String, (Option<String>, Vec<String>)>,
}

impl Outcome {
    pub(super) fn of(spec: &Spec, evidence: &Evidence) -> Self {
        let reading = Reading::of(spec, evidence);
        let jobs =
            evidence.jobs.all().iter().map(|row| text(row, &spec.tables.jobs.status)).collect();
        let outcome = |row: &crate::evidence::Row| {
            let given = row.get(&spec.tables.units.outcome).and_then(|value| value.as_object());
            given.map(|object| object.keys().cloned().collect()).unwrap_or_default()
        };
        let units = reading
            .units
            .iter()
            .map(|unit| (unit.key(), (unit.status(), outcome(unit.row))))
            .collect();
        Self { jobs, units }
    }

    /// `job failed; us-east m q: failed {error, failure}; …`
    pub(super) fn shown(&self) -> String {
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
