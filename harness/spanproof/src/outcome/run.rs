//! Converts the results of a run into a [`Run`] document.

use spanproof_format as format;
use spanproof_format::{AdoptedIncident, Run, SnapshotState, Summary};

use super::case::case;
use super::failure::{failures, notices};
use super::flag::flag_effects;
use super::untried::{not_tried, startup_lines_only};
use crate::spec::Spec;
use crate::suite::{RunResult, Snapshot};
use crate::verdict::{Verdict, repeated_ids};

impl RunResult {
    /// Returns the document that `check` and `report` print.
    pub fn document(
        &self,
        spec: &Spec,
        snapshots: &[Snapshot],
        incidents: Vec<AdoptedIncident>,
    ) -> Run {
        let mut cases: Vec<_> = self.cases.iter().map(|result| case(spec, result)).collect();
        let observations = self.cases.iter().map(|result| result.observation.as_ref());
        if let Some((index, remark)) = repeated_ids(spec, observations) {
            cases[index].warnings.push(remark);
        }
        let mut run = Run::new(summary(self, snapshots), cases);
        run.failures = failures(spec, self);
        run.notices = notices(spec, self);
        run.not_tried = not_tried(spec, self);
        if spec.flags.iter().any(|flag| !flag.tracing) {
            let effects = self.effects(spec);
            run.not_tried.extend(startup_lines_only(spec, &effects));
            run.flags = flag_effects(spec, &effects);
        }
        run.snapshots = snapshots.iter().map(snapshot).collect();
        run.incidents = incidents;
        run.halted.clone_from(&self.halted);
        run.unwritten.clone_from(&self.unwritten);
        run
    }
}

/// Counts the cases by verdict, and adds up their units, spans and assertions.
fn summary(run: &RunResult, snapshots: &[Snapshot]) -> Summary {
    let mut summary = Summary::default();
    summary.not_run = run.not_run;
    summary.snapshots = snapshots.len();
    summary.snapshots_changed =
        snapshots.iter().filter(|one| one.state != SnapshotState::Same).count();
    for result in &run.cases {
        match &result.judgement.verdict {
            Verdict::Pass => summary.passed += 1,
            Verdict::Fail(_) => summary.failed += 1,
            Verdict::Broken(_) => summary.broken += 1,
            Verdict::Known(_) => summary.known += 1,
            Verdict::Notice(_) => summary.notices += 1,
            Verdict::Skipped(_) => summary.not_run += 1,
        }
        summary.units += result.judgement.funnel.executed;
        summary.spans += result.judgement.spans;
        summary.assertions += result.judgement.assertions;
    }
    summary
}

fn snapshot(snapshot: &Snapshot) -> format::Snapshot {
    let path = snapshot.path.display().to_string();
    let mut document = format::Snapshot::new(&snapshot.group, path, snapshot.state);
    document.detail.clone_from(&snapshot.detail);
    document
}
