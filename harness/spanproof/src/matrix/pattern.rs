//! Patterns: conditions on the values of a case (flags, route, upstream, job and fault) that all cases with
//! the same failure meet, and no other case meets.

use std::collections::BTreeSet;
use std::fmt;

use super::Case;
use crate::spec::{Spec, Value};

/// The maximum number of names in a pattern; longer patterns explain nothing.
const MAX_TERMS: usize = 3;

/// The shortest conjunction that holds for all selected cases and for no other case that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Term>);

/// A condition of a pattern: the name (a flag, `route`, `upstream`, `job` or `fault`) has one of the values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    name: String,
    values: Vec<Value>,
    /// All values of the name in the cases that were run.
    all: Vec<Value>,
    /// Whether the name is the flag that switches tracing on, and `values` are exactly its values
    /// that do so. `false` if `values` has only one value.
    on: bool,
}

impl Pattern {
    /// Returns the pattern that holds for all `selected` cases and for no case of `others`; `None` if
    /// no conjunction of at most three names has this property. The pattern is empty if `others` is
    /// empty.
    pub(crate) fn find(spec: &Spec, selected: &[&Case], others: &[&Case]) -> Option<Self> {
        let names: Vec<String> = names(spec)
            .into_iter()
            .filter(|name| values(name, selected.iter().chain(others)).len() > 1)
            .collect();
        (0..=MAX_TERMS.min(names.len())).find_map(|size| {
            subsets(names.len(), size).into_iter().find_map(|subset| {
                let subset: Vec<&str> = subset.into_iter().map(|at| names[at].as_str()).collect();
                is_exact(&subset, selected, others)
                    .then(|| Self::new(spec, &subset, selected, others))
            })
        })
    }

    fn new(spec: &Spec, names: &[&str], selected: &[&Case], others: &[&Case]) -> Self {
        let term = |name: &&str| {
            let own = values(name, selected.iter());
            let all = values(name, selected.iter().chain(others));
            let flag = spec.tracing_flag().filter(|flag| flag.name == **name);
            let on = flag.is_some_and(|flag| {
                own.len() > 1 && all.iter().all(|value| flag.records(value) == own.contains(value))
            });
            let sorted = |values: BTreeSet<Value>| values.into_iter().collect();
            Term { name: (*name).to_owned(), values: sorted(own), all: sorted(all), on }
        };
        Self(names.iter().map(term).collect())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<_> = self.0.iter().map(Term::to_string).collect();
        f.write_str(&if terms.is_empty() { "always".to_owned() } else { terms.join(" and ") })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, values, all, on } = self;
        // A case without a fault does not unset anything.
        let word = |value: &&Value| match value {
            Value::Unset if name == "fault" => "none".to_owned(),
            value => value.to_string(),
        };
        let list = |values: &[&Value]| values.iter().map(word).collect::<Vec<_>>().join("|");
        let others: Vec<_> = all.iter().filter(|value| !values.contains(value)).collect();
        if *on {
            write!(f, "{name} is on")
        } else if name == "fault" && values[..] == [Value::Unset] {
            f.write_str("there is no fault")
        } else if name == "fault" && others[..] == [&Value::Unset] && values.len() > 1 {
            f.write_str("there is a fault")
        } else if others.len() < values.len() && others.len() == 1 {
            write!(f, "{name} is not {}", list(&others))
        } else {
            write!(f, "{name}={}", list(&values.iter().collect::<Vec<_>>()))
        }
    }
}

/// Returns the names that can differ between cases, in the order in which a pattern lists them.
fn names(spec: &Spec) -> Vec<String> {
    let parts = ["route", "upstream", "job", "fault"].map(str::to_owned);
    parts.into_iter().chain(spec.flags.iter().map(|flag| flag.name.clone())).collect()
}

/// Returns the value that a name has in a case.
fn value(name: &str, case: &Case) -> Value {
    case.facts().remove(name).unwrap_or(Value::Unset)
}

/// Returns all values that a name has in these cases.
fn values<'a>(name: &str, cases: impl Iterator<Item = &'a &'a Case>) -> BTreeSet<Value> {
    cases.map(|case| value(name, case)).collect()
}

/// Whether the conjunction of `names` with the values in the `selected` cases holds for no other
/// case. Each combination of these values must occur in a selected case.
fn is_exact(names: &[&str], selected: &[&Case], others: &[&Case]) -> bool {
    let project =
        |case: &&Case| -> Vec<Value> { names.iter().map(|name| value(name, case)).collect() };
    let own: BTreeSet<Vec<Value>> = selected.iter().map(project).collect();
    let product: usize = names.iter().map(|name| values(name, selected.iter()).len()).product();
    own.len() == product && !others.iter().map(project).any(|other| own.contains(&other))
}

/// Returns all subsets of `size` indices below `count`, in order.
fn subsets(count: usize, size: usize) -> Vec<Vec<usize>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    (0..count)
        .flat_map(|last| {
            subsets(last, size - 1).into_iter().map(move |mut rest| {
                rest.push(last);
                rest
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use rstest::rstest;

    use super::*;
    use crate::matrix::cases;
    use crate::spec::{Condition, Overlay, example};

    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml")
    }

    fn spec() -> Spec {
        Spec::read_with(&path(), &[Overlay::new("fault", "[]")]).unwrap()
    }

    /// Returns the pattern of all cases that meet a condition. `;` separates alternative
    /// conditions.
    fn pattern(conditions: &str) -> Option<String> {
        let spec = spec();
        let all = cases(&spec).unwrap();
        let rules: Vec<Condition> =
            conditions.split(';').map(|rule| toml::from_str(rule).unwrap()).collect();
        let (selected, others): (Vec<&Case>, Vec<&Case>) =
            all.iter().partition(|case| rules.iter().any(|rule| case.matches(rule)));
        assert!(!selected.is_empty());
        Pattern::find(&spec, &selected, &others).map(|pattern| pattern.to_string())
    }

    #[rstest]
    #[case("", "always")]
    #[case("route = 'queued'", "route=queued")]
    #[case(
        "route = 'cross-region'\nENABLE_DB_TRACING = 'true'",
        "route=cross-region and ENABLE_DB_TRACING=true"
    )]
    #[case("upstream = ['no-providers', 'no-providers-503', 'slow']", "upstream is not healthy")]
    #[case(
        "route = 'queued'\nupstream = ['slow', 'no-providers']\nENABLE_DB_TRACING = ['true', '1']",
        "route=queued and upstream=no-providers|slow and ENABLE_DB_TRACING=1|true"
    )]
    fn a_pattern_has_the_fewest_names(#[case] rule: &str, #[case] expected: &str) {
        assert_eq!(pattern(rule).as_deref(), Some(expected));
    }

    #[test]
    fn a_condition_on_the_fault_is_printed_in_words() {
        let unset = || Value::Unset;
        let fault = |name: &str| Value::Set(name.to_owned());
        let term = |values: Vec<Value>, others: Vec<Value>| {
            let all = [values.clone(), others].concat();
            Term { name: "fault".into(), values, all, on: false }.to_string()
        };
        assert_eq!(term(vec![unset()], vec![fault("a")]), "there is no fault");
        assert_eq!(term(vec![fault("a"), fault("b")], vec![unset()]), "there is a fault");
        assert_eq!(term(vec![fault("a")], vec![unset()]), "fault=a");
        assert_eq!(term(vec![unset(), fault("a")], vec![fault("b"), fault("c")]), "fault=none|a");
    }

    #[test]
    fn all_recording_values_together_are_printed_as_on() {
        let spec = example(|text| {
            let text = text.replace("enables = [\"true\"]\n", "");
            let fault = regex::Regex::new(r"(?m)^\[\[fault\]\]\n(?:[^\[\n].*\n|\n)*").unwrap();
            fault.replace_all(&text, "").into_owned()
        });
        assert!(spec.flags[0].enables.is_none() && spec.faults.is_empty());
        let all = cases(&spec).unwrap();
        let (selected, others): (Vec<&Case>, Vec<&Case>) =
            all.iter().partition(|case| case.records(&spec) && case.route == "queued");
        let pattern = Pattern::find(&spec, &selected, &others).unwrap().to_string();
        assert_eq!(pattern, "route=queued and ENABLE_DB_TRACING is on");
    }

    #[test]
    fn cases_that_only_a_disjunction_describes_have_no_pattern() {
        let either = "route = 'queued'\nENABLE_DB_TRACING = 'true';\
                      route = 'cross-region'\nENABLE_DB_TRACING = '1'";
        assert_eq!(pattern(either), None);
    }

    #[rstest]
    fn the_pattern_of_a_conjunction_is_the_same_conjunction(
        #[values("queued", "cross-region")] route: &str,
        #[values("healthy", "slow")] upstream: &str,
        #[values("true", "1", "")] flag: &str,
    ) {
        let rule =
            format!("route = '{route}'\nupstream = '{upstream}'\nENABLE_DB_TRACING = '{flag}'");
        let flag = Value::Set(flag.to_owned());
        let expected =
            format!("route={route} and upstream={upstream} and ENABLE_DB_TRACING={flag}");
        assert_eq!(pattern(&rule), Some(expected));
    }
}
