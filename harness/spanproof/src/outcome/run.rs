//! A run of many cases.

use spanproof_format as format;
use spanproof_format::{Run, SnapshotState, Summary};

use super::case::case;
use super::failure::failures;
use super::replay::incident;
use crate::incident::Adopted;
use crate::spec::Spec;
use crate::suite::{RunResult, Snapshot, State};
use crate::verdict::Verdict;

/// Returns the document of a run: what `check` and `report` print.
pub fn run(spec: &Spec, ran: &RunResult, snapshots: &[Snapshot], incidents: &[Adopted]) -> Run {
    let cases = ran.outcomes.iter().map(|result| case(spec, result)).collect();
    let mut run = Run::new(summary(ran, snapshots), cases);
    run.failures = failures(spec, ran);
    run.snapshots = snapshots.iter().map(snapshot).collect();
    run.incidents = incidents.iter().map(incident).collect();
    run.halted.clone_from(&ran.halted);
    run
}

fn summary(ran: &RunResult, snapshots: &[Snapshot]) -> Summary {
    let mut summary = Summary::default();
    summary.not_run = ran.not_run;
    summary.snapshots = snapshots.len();
    summary.snapshots_changed = snapshots.iter().filter(|s| s.state != State::Same).count();
    for result in &ran.outcomes {
        match &result.judgement.verdict {
            Verdict::Pass => summary.passed += 1,
            Verdict::Fail(_) => summary.failed += 1,
            Verdict::Broken(_) => summary.broken += 1,
            Verdict::Known(_) => summary.known += 1,
            Verdict::Skipped(_) => summary.not_run += 1,
        }
        summary.units += result.judgement.funnel.executed;
        summary.spans += result.judgement.spans;
        summary.assertions += result.judgement.assertions;
    }
    summary
}

fn snapshot(snapshot: &Snapshot) -> format::Snapshot {
    let (state, detail) = match &snapshot.state {
        State::Same => (SnapshotState::Same, ""),
        State::Changed(difference) => (SnapshotState::Changed, difference.as_str()),
        State::Missing(text) => (SnapshotState::Missing, text.as_str()),
        State::Unstable(difference) => (SnapshotState::Unstable, difference.as_str()),
    };
    let path = snapshot.path.display().to_string();
    let mut document = format::Snapshot::new(&snapshot.group, path, state);
    document.detail = detail.into();
    document
}
