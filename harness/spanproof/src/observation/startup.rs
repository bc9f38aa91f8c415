//! The startup output as a snapshot: exact, but for what must vary.

use std::fmt::Write as _;

use super::masking::masked_flag;
use super::{Observation, TrialRecord};
use crate::matrix::Case;
use crate::process::Stream;
use crate::spec::{Spec, Startup};

impl Observation {
    /// The name of its startup snapshot: one for each combination of flags.
    pub fn snapshot_name(&self, spec: &Spec) -> String {
        group(spec, &self.case)
    }

    /// What the service printed until it was ready, as its snapshot has it: what varies is replaced.
    /// `None` for an existing system.
    pub fn startup_text(&self, spec: &Spec) -> Option<String> {
        Some(redacted(self.trial()?, &spec.startup))
    }
}

/// The startup output of both streams, with placeholders for what varies.
pub(crate) fn redacted(trial: &TrialRecord, startup: &Startup) -> String {
    let mut text = String::new();
    for stream in [Stream::Stderr, Stream::Stdout] {
        let _infallible = writeln!(text, "{stream}:");
        for line in trial.run.startup_lines(stream) {
            text.push_str("  ");
            text.push_str(&redact(&line.text, &trial.service.names, startup));
            text.push('\n');
        }
    }
    text
}

fn redact(line: &str, names: &[(String, String)], startup: &Startup) -> String {
    let mut line = line.to_owned();
    for (name, value) in names {
        line = line.replace(value, &format!("[{name}]"));
    }
    for rule in &startup.redact {
        line = rule.pattern.replace_all(&line, format!("[{}]", rule.name)).into_owned();
    }
    line
}

/// The name of the group of cases that share one startup output: those with the same flags.
/// The same whether the case is masked or not: a secret never names a file.
/// Letters, digits and `-` only, so that it can be a file's name; unlike values never share one.
pub(crate) fn group(spec: &Spec, case: &Case) -> String {
    let words = case.flags.iter().filter_map(|(name, value)| {
        let default = spec.flags.iter().find(|flag| &flag.name == name)?.default_value();
        let shown = |value| masked_flag(spec, name, value, None);
        let (value, default) = (shown(value), shown(&default));
        (value != default).then(|| format!("{name}-{}", spelled(value.text())))
    });
    let words: Vec<_> = words.collect();
    if words.is_empty() { "defaults".into() } else { words.join("--") }
}

/// A value with everything but letters, digits and `.` spelled as `_` and its hexadecimal code.
fn spelled(value: Option<&str>) -> String {
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
    fn no_two_values_are_spelled_alike() {
        let values = [None, Some(""), Some("true"), Some("TRUE"), Some("true "), Some("\"true\"")];
        let spelled: Vec<_> = values.into_iter().map(spelled).collect();
        assert_eq!(spelled, ["_unset", "_empty", "true", "TRUE", "true_20", "_22true_22"]);
    }
}
