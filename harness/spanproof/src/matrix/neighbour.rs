//! The neighbours of a case: cases that differ from it in one flag, in the route (the way to submit a
//! job), in the upstream or in the fault.

use std::fmt;

use super::Case;
use crate::spec::{Flag, Intent, Spec, Value};

/// Common spellings of "on", to try if a case may fail because of the spelling of a flag's value.
pub(crate) const SPELLINGS_OF_ON: &[&str] = &["true", "1", "on", "yes"];

/// The one difference between a case and its neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The name of a flag, or `route`, `upstream` or `fault`.
    pub name: String,
    /// The value in the neighbour.
    pub value: Value,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), &self.value) {
            ("fault", Value::Unset) => f.write_str("removing the fault"),
            (name, Value::Unset) => write!(f, "unsetting {name}"),
            (name, value) => write!(f, "setting {name}={value}"),
        }
    }
}

/// Returns the neighbours of a case, the most informative ones first. Leaves out neighbours that need not
/// record spans or that the spec excludes.
///
/// The tracing flag is the flag that switches the recording of spans on. `spellings` are values of
/// this flag to try besides the values in the spec. If `spellings` is not empty, the result also has
/// neighbours in which a person would read the value of the tracing flag as on, although the spec does not
/// require spans for this value.
pub(crate) fn neighbours(spec: &Spec, case: &Case, spellings: &[&str]) -> Vec<(Change, Case)> {
    changes(spec, spellings)
        .into_iter()
        .filter_map(|change| Some((apply(spec, case, &change)?, change)))
        .filter(|(other, change)| {
            let is_spelling = !spellings.is_empty() && is_tracing_on(spec, change);
            other.id != case.id && (other.records(spec) || is_spelling)
        })
        .filter(|(other, _)| !spec.matrix.exclude.iter().any(|rule| other.matches(rule)))
        .map(|(other, change)| (change, other))
        .collect()
}

/// Returns every change that leads to a neighbour, the most informative change first.
fn changes(spec: &Spec, spellings: &[&str]) -> Vec<Change> {
    let change = |name: &str, value: Value| Change { name: name.to_owned(), value };
    let set = |text: &str| Value::Set(text.to_owned());
    let flag_changes = |flag: &Flag| -> Vec<Change> {
        flag.values.iter().map(|value| change(&flag.name, value.clone())).collect()
    };
    let mut changes = vec![change("fault", Value::Unset)];
    if let Some(flag) = spec.tracing_flag() {
        changes.extend(flag_changes(flag));
        let more = spellings.iter().map(|text| set(text));
        let more = more.filter(|value| !flag.values.contains(value));
        changes.extend(more.map(|value| change(&flag.name, value)));
    }
    changes.extend(spec.routes.iter().map(|route| change("route", set(&route.name))));
    let others = spec.flags.iter().filter(|flag| !flag.tracing);
    changes.extend(others.flat_map(flag_changes));
    changes.extend(spec.upstreams.iter().map(|upstream| change("upstream", set(&upstream.name))));
    changes
}

/// Whether the change gives the tracing flag a value that a person would read as on.
fn is_tracing_on(spec: &Spec, change: &Change) -> bool {
    let is_tracing = spec.tracing_flag().is_some_and(|flag| flag.name == change.name);
    is_tracing && change.value.intent() == Intent::On
}

/// Returns the case with the change; `None` if the change does not apply to the case.
fn apply(spec: &Spec, case: &Case, change: &Change) -> Option<Case> {
    let mut other = case.clone();
    match (change.name.as_str(), change.value.text()) {
        ("fault", text) => other.fault = text.map(str::to_owned),
        ("route", text) => text?.clone_into(&mut other.route),
        ("upstream", text) => text?.clone_into(&mut other.upstream),
        (name, _) => {
            other.flags.iter_mut().find(|(flag, _)| flag == name)?.1 = change.value.clone();
        }
    }
    let fault = other.fault.clone();
    Some(other.with_fault(spec, fault.as_deref()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::matrix::cases;

    /// Returns the changes that lead to the neighbours of the first case that meets `condition`.
    fn changes_from(condition: impl Fn(&Case) -> bool, spellings: &[&str]) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let all = cases(&spec).unwrap();
        let case = all.iter().find(|case| condition(case)).unwrap();
        let found = neighbours(&spec, case, spellings);
        found.into_iter().map(|(change, _)| change.to_string()).collect()
    }

    #[test]
    fn a_neighbour_records_spans_and_differs_in_one_value() {
        let recording = |case: &Case| case.flag("ENABLE_DB_TRACING").text() == Some("true");
        let expected = [
            "setting route=cross-region",
            "setting HYBRID_ROUTER_DISABLE=true",
            "setting upstream=no-providers",
            "setting upstream=no-providers-503",
            "setting upstream=slow",
        ];
        assert_eq!(changes_from(recording, &[]), expected);
    }

    #[test]
    fn an_excluded_combination_is_not_a_neighbour() {
        let disabled = |case: &Case| {
            case.flag("ENABLE_DB_TRACING").text() == Some("true")
                && case.flag("HYBRID_ROUTER_DISABLE").text() == Some("true")
        };
        let expected = ["setting route=cross-region", "unsetting HYBRID_ROUTER_DISABLE"];
        assert_eq!(changes_from(disabled, &[]), expected);
    }

    #[test]
    fn the_first_neighbour_has_no_fault() {
        let found = changes_from(|case| case.fault.is_some(), &[]);
        assert_eq!(found[0], "removing the fault");
    }

    #[test]
    fn the_spellings_of_the_caller_are_tried() {
        let upper = |case: &Case| case.flag("ENABLE_DB_TRACING").text() == Some("TRUE");
        let found = changes_from(upper, SPELLINGS_OF_ON);
        assert!(found.contains(&"setting ENABLE_DB_TRACING=true".to_owned()), "{found:?}");
        assert!(found.contains(&"setting ENABLE_DB_TRACING=on".to_owned()), "{found:?}");
    }
}
