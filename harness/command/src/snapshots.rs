//! The startup snapshots of a run: files with the expected startup output of the service.

use super::{Failure, output};
use spanproof::{CaseResult, Snapshot, Spec};
use spanproof_format::SnapshotState;
use spanproof_format::count;

/// Compares the startup output with its snapshots. With `update`, first writes the missing and
/// changed snapshots, and prints how many were written, or why none was written.
pub(super) fn compare(
    spec: &Spec,
    results: &[CaseResult],
    update: bool,
) -> Result<Vec<Snapshot>, Failure> {
    let snapshots = spanproof::compare_snapshots(spec, results);
    if !update {
        return Ok(snapshots);
    }
    let written = spanproof::update_snapshots(&snapshots).map_err(Failure::world)?;
    let states: Vec<_> = snapshots.iter().map(|snapshot| snapshot.state).collect();
    output::note(&match (written, spec.has_snapshots()) {
        (0, false) => "no snapshot written: the spec names no folder for them; set `snapshots` in \
                       `[startup]`"
            .to_owned(),
        (0, true) => format!("no snapshot written: {}", why_nothing_was_written(&states)),
        (written, _) => format!("{} written", count(written, "snapshot")),
    });
    Ok(spanproof::compare_snapshots(spec, results))
}

/// Returns why no snapshot was written, from the states of all snapshots.
fn why_nothing_was_written(states: &[SnapshotState]) -> String {
    let number = |state| states.iter().filter(|other| **other == state).count();
    let (same, unstable) = (number(SnapshotState::Same), number(SnapshotState::Unstable));
    let verb = if same == 1 { "is" } else { "are" };
    let same_text = format!("{} {verb} already up to date", count(same, "snapshot"));
    let unstable_text =
        format!("the cases of {} print different startup output", count(unstable, "snapshot"));
    match (same, unstable) {
        (0, 0) => "no case became ready".to_owned(),
        (_, 0) => same_text,
        (0, _) => unstable_text,
        _ => format!("{same_text}, and {unstable_text}"),
    }
}
