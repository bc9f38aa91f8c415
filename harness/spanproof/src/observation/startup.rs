//! The startup snapshot of a case: the exact output of the service until it is ready, with placeholders
//! for values that differ from run to run. A case is one combination of flag values, route, upstream, job and
//! fault.

use std::fmt::Write as _;

use super::masking::masked_flag;
use super::redaction::Redactor;
use super::{Observation, TrialRecord};
use crate::matrix::Case;
use crate::process::Stream;
use crate::spec::Spec;

impl Observation {
    /// Returns the name of the case's startup snapshot. Cases with the same flag values share a snapshot.
    pub fn snapshot_name(&self, spec: &Spec) -> String {
        snapshot_name(spec, &self.case)
    }

    /// Returns the text of the case's startup snapshot: what the service printed until it was
    /// ready, with placeholders. `None` for an existing system.
    pub fn startup_text(&self, spec: &Spec) -> Option<String> {
        let trial = self.trial()?;
        Some(startup_snapshot(trial, &Redactor::new(trial, &spec.startup)))
    }
}

/// Returns the startup output of both streams, with placeholders for values that differ from run to
/// run.
pub(crate) fn startup_snapshot(trial: &TrialRecord, redactor: &Redactor<'_>) -> String {
    let mut text = String::new();
    for stream in [Stream::Stderr, Stream::Stdout] {
        let _infallible = writeln!(text, "{stream}:");
        for line in trial.run.startup_lines(stream) {
            text.push_str("  ");
            text.push_str(&redactor.line(&line.text));
            text.push('\n');
        }
    }
    text
}

/// Returns the name of a case's startup snapshot. Cases with the same flag values share a snapshot.
///
/// The name is a valid file name, and different flag values give different names. A case has the
/// same name before and after its secrets are masked, so the name never contains a secret.
pub(crate) fn snapshot_name(spec: &Spec, case: &Case) -> String {
    let words = case.flags.iter().filter_map(|(name, value)| {
        let default = spec.flags.iter().find(|flag| &flag.name == name)?.default_value();
        let masked = |value| masked_flag(spec, name, value, None);
        let (value, default) = (masked(value), masked(&default));
        (value != default).then(|| format!("{name}-{}", file_name_part(value.text())))
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() { "defaults".into() } else { words.join("--") }
}

/// Encodes a value for a file name: every character except letters, digits and `.` becomes `_` and
/// its hexadecimal code.
fn file_name_part(value: Option<&str>) -> String {
    let Some(text) = value else { return "_unset".into() };
    if text.is_empty() {
        return "_empty".into();
    }
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c.to_string()
            } else {
                format!("_{:x}", u32::from(c))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_values_have_different_file_names() {
        let values = [None, Some(""), Some("true"), Some("TRUE"), Some("true "), Some("\"true\"")];
        let parts: Vec<_> = values.into_iter().map(file_name_part).collect();
        assert_eq!(parts, ["_unset", "_empty", "true", "TRUE", "true_20", "_22true_22"]);
    }
}
