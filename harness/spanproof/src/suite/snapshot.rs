//! The startup snapshots: one file per combination of flags, in the format of insta, so that
//! `cargo test` and `check` share them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use spanproof_format::SnapshotState;

use super::result::CaseResult;
use crate::observation;
use crate::spec::Spec;

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The group's name, which is the file's name without its ending.
    pub group: String,
    /// The file.
    pub path: PathBuf,
    /// How many cases printed it.
    pub cases: usize,
    /// What was printed.
    pub text: String,
    /// How it compares.
    pub state: SnapshotState,
    /// The difference, or what was printed if there is no file; empty if nothing changed.
    pub detail: String,
}

/// Compares the startup output of every group of cases with its snapshot. Nothing where the spec
/// declares no snapshots.
pub fn compare_snapshots(spec: &Spec, outcomes: &[CaseResult]) -> Vec<Snapshot> {
    let Some(folder) = &spec.startup.snapshots else { return Vec::new() };
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for outcome in outcomes {
        let trial = outcome.observation.as_ref().and_then(|observation| observation.trial());
        if let Some(trial) = trial.filter(|trial| trial.run.ready.yes()) {
            let text = observation::redacted(trial, &spec.startup);
            groups.entry(observation::group(spec, &outcome.case)).or_default().push(text);
        }
    }
    groups
        .into_iter()
        .map(|(group, texts)| {
            let path = spec.path(folder).join(format!("{group}.snap"));
            let text = texts[0].clone();
            let (state, detail) = match texts.iter().find(|other| **other != text) {
                Some(other) => (SnapshotState::Unstable, difference(&text, other)),
                None => state(&path, &text),
            };
            Snapshot { group, path, cases: texts.len(), text, state, detail }
        })
        .collect()
}

fn state(path: &Path, text: &str) -> (SnapshotState, String) {
    match std::fs::read_to_string(path).ok().as_deref().map(content) {
        None => (SnapshotState::Missing, text.to_owned()),
        Some(stored) if stored.trim_end() == text.trim_end() => {
            (SnapshotState::Same, String::new())
        }
        Some(stored) => (SnapshotState::Changed, difference(stored, text)),
    }
}

/// What stands after insta's header. insta's own reader is not public, and this is three lines.
fn content(file: &str) -> &str {
    let body = file.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    body.map_or(file, |(_, content)| content)
}

fn difference(old: &str, new: &str) -> String {
    let (old, new) = (old.trim_end(), new.trim_end());
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff().context_radius(1).to_string()
}

/// Writes every snapshot that is missing or changed; gives how many.
///
/// # Errors
/// When a file can't be written.
pub fn update_snapshots(snapshots: &[Snapshot]) -> std::io::Result<usize> {
    let mut written = 0;
    for snapshot in snapshots {
        if !matches!(snapshot.state, SnapshotState::Changed | SnapshotState::Missing) {
            continue;
        }
        if let Some(folder) = snapshot.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&snapshot.path, format!("---\nsource: spanproof\n---\n{}", snapshot.text))?;
        written += 1;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_snapshot_is_not_compared() {
        assert_eq!(content("---\nsource: x\nexpression: y\n---\nline\n---\n"), "line\n---\n");
        assert_eq!(content("no header"), "no header");
    }

    #[test]
    fn a_change_is_shown_as_lines() {
        let shown = difference("a\nb\n", "a\nc\n");
        assert!(shown.contains("-b\n") && shown.contains("+c"), "{shown}");
    }
}
