//! Cases that differ from one case in one thing.

use std::fmt;

use super::Case;
use crate::spec::{Spec, Value};

/// Spellings of on that services read.
const SPELLINGS: [&str; 4] = ["true", "1", "on", "yes"];

/// The one thing in which a neighbour differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// A flag, `route`, `upstream` or `fault`.
    pub name: String,
    /// What it is in the neighbour.
    pub value: Value,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), &self.value) {
            ("fault", Value::Unset) => f.write_str("a world without the fault"),
            (name, Value::Unset) => write!(f, "unsetting {name}"),
            (name, value) => write!(f, "setting {name}={value}"),
        }
    }
}

/// Every recording case that differs from this one in one flag, in its route, its upstream or by
/// having no fault; with `spellings` also in values of the tracing flag that mean on and that the
/// spec does not have. None that the spec excludes. Those that are likely to tell something come
/// first.
pub(crate) fn neighbours(spec: &Spec, case: &Case, spellings: bool) -> Vec<(Change, Case)> {
    let change = |name: &str, value: Value| Change { name: name.to_owned(), value };
    let set = |name: &String| Value::Set(name.clone());
    let tracing = spec.tracing_flag();
    let mut changes = vec![change("fault", Value::Unset)];
    let of_flag = |flag: &crate::spec::Flag| {
        let name = flag.name.clone();
        flag.values.clone().into_iter().map(move |value| Change { name: name.clone(), value })
    };
    changes.extend(tracing.into_iter().flat_map(of_flag));
    if let Some(flag) = tracing.filter(|_| spellings) {
        let more = SPELLINGS.map(|text| Value::Set(text.to_owned())).into_iter();
        let more = more.filter(|value| !flag.values.contains(value));
        changes.extend(more.map(|value| change(&flag.name, value)));
    }
    changes.extend(spec.routes.iter().map(|route| change("route", set(&route.name))));
    let flags = spec.flags.iter().filter(|flag| !flag.tracing);
    changes.extend(flags.flat_map(of_flag));
    changes.extend(spec.upstreams.iter().map(|upstream| change("upstream", set(&upstream.name))));
    changes
        .into_iter()
        .filter_map(|change| Some((made(spec, case, &change)?, change)))
        .filter(|(other, change)| {
            let spelled = spellings && tracing.is_some_and(|flag| flag.name == change.name);
            other.id != case.id && (other.records(spec) || spelled && means_on(change))
        })
        .filter(|(other, _)| !spec.matrix.exclude.iter().any(|rule| other.meets(rule)))
        .map(|(other, change)| (change, other))
        .collect()
}

fn means_on(change: &Change) -> bool {
    change.value.intent() == crate::spec::Intent::On
}

/// The case with the change; nothing where the change has no place in it.
fn made(spec: &Spec, case: &Case, change: &Change) -> Option<Case> {
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
    Some(other.under(spec, fault.as_deref()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::matrix::cases;

    fn told(of: impl Fn(&Case) -> bool, spellings: bool) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let spec = Spec::read(&path).unwrap();
        let all = cases(&spec).unwrap();
        let case = all.iter().find(|case| of(case)).unwrap();
        let found = neighbours(&spec, case, spellings);
        found.into_iter().map(|(change, _)| change.to_string()).collect()
    }

    #[test]
    fn a_neighbour_differs_in_one_thing_and_records() {
        let recording = |case: &Case| case.flag("ENABLE_DB_TRACING").text() == Some("true");
        let found = told(recording, false);
        let expected = [
            "setting route=cross-region",
            "setting HYBRID_ROUTER_DISABLE=true",
            "setting upstream=no-providers",
            "setting upstream=no-providers-503",
            "setting upstream=slow",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn excluded_combinations_are_no_neighbours() {
        let disabled = |case: &Case| {
            case.flag("ENABLE_DB_TRACING").text() == Some("true")
                && case.flag("HYBRID_ROUTER_DISABLE").text() == Some("true")
        };
        let expected = ["setting route=cross-region", "unsetting HYBRID_ROUTER_DISABLE"];
        assert_eq!(told(disabled, false), expected);
    }

    #[test]
    fn a_world_without_the_fault_is_the_first() {
        assert_eq!(told(|case| case.fault.is_some(), false)[0], "a world without the fault");
    }

    #[test]
    fn more_spellings_are_tried_where_the_spelling_is_in_doubt() {
        let upper = |case: &Case| case.flag("ENABLE_DB_TRACING").text() == Some("TRUE");
        let found = told(upper, true);
        assert!(found.contains(&"setting ENABLE_DB_TRACING=true".to_owned()), "{found:?}");
        assert!(found.contains(&"setting ENABLE_DB_TRACING=on".to_owned()), "{found:?}");
    }
}
