//! Startup snapshots: one file per combination of flags, in insta's format, so that `cargo test`
//! and `check` can share them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use spanproof_format::SnapshotState;

use super::result::CaseResult;
use crate::observation::{self, Redactor};
use crate::spec::Spec;

/// A startup snapshot, and how it differs from the output of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The name of the group of cases, which is the file name without its extension.
    pub group: String,
    /// The file.
    pub path: PathBuf,
    /// Number of cases in the group whose service became ready.
    pub cases: usize,
    /// The startup output of the group's first case.
    pub text: String,
    /// The result of the comparison.
    pub state: SnapshotState,
    /// The difference, or the output if there is no file yet; empty if nothing changed.
    pub detail: String,
}

/// Compares the startup output of each group of cases with the snapshot of the group. Returns an
/// empty list if the spec declares no snapshots.
pub fn compare_snapshots(spec: &Spec, results: &[CaseResult]) -> Vec<Snapshot> {
    let Some(folder) = &spec.startup.snapshots else { return Vec::new() };
    let mut groups: BTreeMap<String, Vec<(String, Redactor<'_>)>> = BTreeMap::new();
    for result in results {
        let trial = result.observation.as_ref().and_then(|observation| observation.trial());
        if let Some(trial) = trial.filter(|trial| trial.run.ready.is_reached()) {
            let redactor = Redactor::new(trial, &spec.startup);
            let text = observation::startup_snapshot(trial, &redactor);
            let name = observation::snapshot_name(spec, &result.case);
            groups.entry(name).or_default().push((text, redactor));
        }
    }
    groups
        .into_iter()
        .map(|(group, texts)| {
            let path = spec.path(folder).join(format!("{group}.snap"));
            let (text, redactor) = &texts[0];
            let (state, detail) = match texts.iter().find(|(other, _)| other != text) {
                Some((other, _)) => (SnapshotState::Unstable, difference(text, other)),
                None => compare(&path, text, |stored| redactor.update_snapshot(stored)),
            };
            let text = text.clone();
            Snapshot { group, path, cases: texts.len(), text, state, detail }
        })
        .collect()
}

/// Compares an output with the stored snapshot. Returns the result and the difference. The snapshot may be
/// stored by a version that replaced fewer values with placeholders, so `redact` replaces values in its
/// lines.
fn compare(path: &Path, text: &str, redact: impl Fn(&str) -> String) -> (SnapshotState, String) {
    // git may have changed the line endings.
    let stored = std::fs::read_to_string(path).ok().map(|text| text.replace("\r\n", "\n"));
    let Some(stored) = stored.as_deref().map(content) else {
        return (SnapshotState::Missing, text.to_owned());
    };
    if stored.trim_end() == text.trim_end() {
        return (SnapshotState::Same, String::new());
    }
    let stored = redact(stored);
    if stored.trim_end() == text.trim_end() {
        return (SnapshotState::Same, String::new());
    }
    (SnapshotState::Changed, difference(&stored, text))
}

/// Returns the content of a snapshot file without insta's header. The crate insta has no public
/// function for this.
fn content(file: &str) -> &str {
    let body = file.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    body.map_or(file, |(_, content)| content)
}

/// Returns a unified diff with one line of context.
fn difference(old: &str, new: &str) -> String {
    let (old, new) = (old.trim_end(), new.trim_end());
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff().context_radius(1).to_string()
}

/// Writes every snapshot that is missing or changed, and returns the number of written files.
///
/// # Errors
/// If a file can't be written.
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
    fn line_endings_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("on.snap");
        std::fs::write(&path, "---\r\nsource: x\r\n---\r\none\r\ntwo\r\n").unwrap();
        assert_eq!(compare(&path, "one\ntwo\n", str::to_owned).0, SnapshotState::Same);
        assert_eq!(compare(&path, "one\n", str::to_owned).0, SnapshotState::Changed);
    }

    #[test]
    fn a_difference_is_a_diff_of_lines() {
        let diff = difference("a\nb\n", "a\nc\n");
        assert!(diff.contains("-b\n") && diff.contains("+c"), "{diff}");
    }
}
