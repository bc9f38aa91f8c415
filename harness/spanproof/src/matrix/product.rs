//! Creates the cases of a spec: the product of all values of flags, routes (ways to submit a job),
//! upstreams and jobs, without excluded combinations. Adds cases in which a fault, such as a locked
//! table, is caused on purpose.

use crate::chain::debug_as_chain;
use std::collections::BTreeMap;

use super::Case;
use crate::spec::{Condition, Fault, Spec, Value};

/// The matrix of a spec is invalid.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// There are more cases than `limit` allows.
    #[error(
        "the matrix has {found} cases and the limit is {limit} ({factors}); \
         leave out values with `pin` or `exclude`, or raise `limit`, in `[matrix]`"
    )]
    TooMany {
        /// The number of cases.
        found: usize,
        /// The limit.
        limit: usize,
        /// The number of values of each name.
        factors: String,
    },
    /// `exclude` and `pin` leave no case.
    #[error("every case of the matrix is excluded; loosen `exclude` or `pin` in `[matrix]`")]
    Empty,
    /// A rule under `exclude` excludes no case.
    #[error("the rule {rule} in `exclude` excludes no case; correct or remove it")]
    UnusedExclude {
        /// The rule.
        rule: String,
    },
    /// A fault applies to no case.
    #[error(
        "the fault `{fault}` applies to no case that must record spans{rule}; give it a `when` that such a \
         case meets, or change the matrix"
    )]
    UnusedFault {
        /// The name of the fault.
        fault: String,
        /// The condition under `when`, as ` where CONDITION`; empty if the fault has no `when`.
        rule: String,
    },
    /// A known failure applies to no case.
    #[error(
        "the `[[expected]]` failure `{code}` applies to no case ({rule}); correct its `when`, or \
         remove it"
    )]
    UnusedExpected {
        /// The expected code.
        code: String,
        /// The condition under `when`.
        rule: String,
    },
    /// Two cases have the same id.
    #[error("cases `{first}` and `{second}` have the same id {id}; rename a route or a job")]
    DuplicateId {
        /// The id.
        id: String,
        /// The first case with this id.
        first: String,
        /// The second case with this id.
        second: String,
    },
}

/// Short name of [`MatrixError`] inside the crate.
pub(crate) type Error = MatrixError;

debug_as_chain!(MatrixError);

/// Returns all cases of a spec in the order of its declarations. The first flag varies slowest.
///
/// # Errors
/// If there are no cases or too many, if a rule has no effect, or if two cases have the same id.
pub fn cases(spec: &Spec) -> Result<Vec<Case>, Error> {
    let axes = axes(spec);
    let total =
        axes.iter().try_fold(1_usize, |product, (_, values)| product.checked_mul(values.len()));
    // The size is checked before the cases are created, so that a huge product takes no memory. The
    // product may be up to 100 times the limit, because `exclude` may remove many cases.
    let max_product = spec.matrix.limit.saturating_mul(100);
    if total.is_none_or(|total| total > max_product) {
        return Err(too_many(spec, &axes, total.unwrap_or(usize::MAX)));
    }
    let all = combinations(&axes).map(|values| case(spec, &axes, &values));
    let mut used = vec![false; spec.matrix.exclude.len()];
    let mut cases: Vec<Case> = all.filter(|case| is_included(spec, case, &mut used)).collect();
    // Checked first, because no fault and no known failure applies to an empty matrix.
    if cases.is_empty() {
        return Err(Error::Empty);
    }
    let with_faults = with_faults(spec, &cases)?;
    cases.extend(with_faults.into_iter().filter(|case| is_included(spec, case, &mut used)));
    cases.retain(|case| case.matches(&spec.matrix.pin));
    if let Some(at) = used.iter().position(|used| !used) {
        return Err(Error::UnusedExclude { rule: format!("{{ {} }}", spec.matrix.exclude[at]) });
    }
    if cases.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(rule) =
        spec.expected.iter().find(|rule| !cases.iter().any(|case| case.matches(&rule.when)))
    {
        return Err(Error::UnusedExpected {
            code: rule.code.to_string(),
            rule: rule.when.to_string(),
        });
    }
    match cases.len() {
        found if found > spec.matrix.limit => Err(too_many(spec, &axes, found)),
        _ => require_unique_ids(spec, cases),
    }
}

/// Returns the axes of the matrix: each flag, the route, the upstream and the job, with the values
/// that `pin` allows.
fn axes(spec: &Spec) -> Vec<(&str, Vec<Value>)> {
    let named = |names: Vec<&String>| names.into_iter().cloned().map(Value::Set).collect();
    let flags = spec.flags.iter().map(|flag| (flag.name.as_str(), flag.values.clone()));
    let parts = [
        ("route", named(spec.routes.iter().map(|route| &route.name).collect())),
        ("upstream", named(spec.upstreams.iter().map(|upstream| &upstream.name).collect())),
        ("job", named(spec.jobs.iter().map(|job| &job.name).collect())),
    ];
    flags
        .chain(parts)
        .map(|(name, values)| (name, allowed_values(&spec.matrix.pin, name, values)))
        .collect()
}

/// Returns the values of a name that `pin` allows.
fn allowed_values(pin: &Condition, name: &str, values: Vec<Value>) -> Vec<Value> {
    match pin.terms().find(|(term, _)| *term == name) {
        Some((_, allowed)) => values.into_iter().filter(|value| allowed.contains(value)).collect(),
        None => values,
    }
}

/// Returns all combinations; the last axis varies fastest.
fn combinations<'a>(axes: &'a [(&str, Vec<Value>)]) -> impl Iterator<Item = Vec<&'a Value>> {
    let total: usize = axes.iter().map(|(_, values)| values.len()).product();
    (0..total).map(|number| {
        let mut rest = number;
        let mut values: Vec<&Value> = axes
            .iter()
            .rev()
            .map(|(_, values)| {
                let value = &values[rest % values.len()];
                rest /= values.len();
                value
            })
            .collect();
        values.reverse();
        values
    })
}

/// Creates the case with one value of each axis.
fn case(spec: &Spec, axes: &[(&str, Vec<Value>)], values: &[&Value]) -> Case {
    let named: BTreeMap<&str, &Value> =
        axes.iter().map(|(name, _)| *name).zip(values.iter().copied()).collect();
    let part = |name: &str| named.get(name).and_then(|value| value.text()).unwrap_or_default();
    let flags = spec.flags.iter().map(|flag| {
        let value = named.get(flag.name.as_str()).copied().cloned().unwrap_or(Value::Unset);
        (flag.name.clone(), value)
    });
    Case::new(spec, flags.collect(), [part("route"), part("upstream"), part("job")])
}

/// Returns the cases with a fault: for each fault, a copy of every case that it applies to.
fn with_faults(spec: &Spec, cases: &[Case]) -> Result<Vec<Case>, Error> {
    let mut all = Vec::new();
    for fault in &spec.faults {
        let affected = cases.iter().filter(|case| case.records(spec) && applies(spec, fault, case));
        let before = all.len();
        all.extend(affected.map(|case| case.clone().with_fault(spec, Some(fault.name()))));
        if all.len() == before {
            let rule = fault.when.as_ref().map(|rule| format!(" where {rule}"));
            let fault = fault.name().to_owned();
            return Err(Error::UnusedFault { fault, rule: rule.unwrap_or_default() });
        }
    }
    Ok(all)
}

/// Whether a fault applies to a case. A fault with `when` applies to the cases that meet this
/// condition.
fn applies(spec: &Spec, fault: &Fault, case: &Case) -> bool {
    // After the fault is removed, a second job is submitted. A route with `at_start` can't submit one,
    // because the service reads its job when it starts.
    if spec.routes.iter().any(|route| route.name == case.route && route.at_start) {
        return false;
    }
    if let Some(rule) = &fault.when {
        return case.matches(rule);
    }
    case.is_default_for_faults(spec)
}

/// Whether no rule of `exclude` matches the case. Marks each matching rule as used.
fn is_included(spec: &Spec, case: &Case, used: &mut [bool]) -> bool {
    let mut included = true;
    for (rule, used) in spec.matrix.exclude.iter().zip(used) {
        if case.matches(rule) {
            *used = true;
            included = false;
        }
    }
    included
}

/// Returns the cases if all ids differ.
fn require_unique_ids(spec: &Spec, cases: Vec<Case>) -> Result<Vec<Case>, Error> {
    let mut by_id: BTreeMap<&str, &Case> = BTreeMap::new();
    let name = |case: &Case| {
        format!("{} {} {} {}", case.settings(spec), case.route, case.upstream, case.job)
    };
    for case in &cases {
        if let Some(other) = by_id.insert(&case.id, case) {
            return Err(Error::DuplicateId {
                id: case.id.clone(),
                first: name(other),
                second: name(case),
            });
        }
    }
    Ok(cases)
}

/// Creates the error for a matrix with more cases than its limit allows.
fn too_many(spec: &Spec, axes: &[(&str, Vec<Value>)], found: usize) -> Error {
    let factors: Vec<_> =
        axes.iter().map(|(name, values)| format!("{name}: {}", values.len())).collect();
    Error::TooMany { found, limit: spec.matrix.limit, factors: factors.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::spec::Overlay;

    fn spec(faults: &[&str]) -> Spec {
        spec_with(faults, "[]")
    }

    fn spec_with(faults: &[&str], expected: &str) -> Spec {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let faults = Overlay::new("fault", format!("[{}]", faults.join(", ")));
        Spec::read_with(&path, &[faults, Overlay::new("expected", expected)]).unwrap()
    }

    fn cases_with(spec: &Spec, fault: &str) -> Vec<String> {
        let all = cases(spec).unwrap().into_iter();
        let affected = all.filter(|case| case.fault.as_deref() == Some(fault));
        affected.map(|case| format!("{} {}", case.route, case.upstream)).collect()
    }

    #[test]
    fn a_fault_applies_to_cases_that_meet_its_when_and_without_when_to_default_cases() {
        let spec = spec(&[
            "{ kind = 'discarded' }",
            "{ kind = 'locked', name = 'slow', when = { upstream = 'slow', route = 'queued' } }",
        ]);
        assert_eq!(cases_with(&spec, "discarded"), ["queued healthy", "cross-region healthy"]);
        assert_eq!(cases_with(&spec, "slow"), ["queued slow"]);
    }

    #[test]
    fn a_fault_adds_cases_and_changes_no_other_id() {
        let before: Vec<_> = cases(&spec(&[])).unwrap().into_iter().map(|case| case.id).collect();
        let after = cases(&spec(&["{ kind = 'locked' }"])).unwrap();
        let ids: Vec<_> = after.iter().map(|case| case.id.clone()).collect();
        assert_eq!(ids[..before.len()], before);
        assert!(ids[before.len()..].iter().all(|id| !before.contains(id)));
    }

    #[test]
    fn rejects_a_known_failure_that_applies_to_no_case() {
        let text = "[{ code = 'unlinked', reason = 'r', until = 2026-12-31, \
                    when = { HYBRID_ROUTER_DISABLE = 'true', upstream = 'slow' } }]";
        let error = cases(&spec_with(&[], text)).unwrap_err().to_string();
        assert!(error.contains("failure `unlinked` applies to no case"), "{error}");
    }

    #[test]
    fn an_empty_matrix_is_reported_before_rules_that_apply_to_no_case() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let exclude = Overlay::new("matrix.exclude", "[{ job = 'four-units' }]");
        let expected = "[{ code = 'unlinked', reason = 'r', until = 2026-12-31 }]";
        for faults in ["[]", "[{ kind = 'locked' }]"] {
            let overlays = [
                exclude.clone(),
                Overlay::new("fault", faults),
                Overlay::new("expected", expected),
            ];
            let spec = Spec::read_with(&path, &overlays).unwrap();
            assert_eq!(cases(&spec), Err(Error::Empty), "{faults}");
        }
    }

    #[test]
    fn advice_about_a_fault_without_when_is_to_give_it_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let exclude = "[{ upstream = ['healthy', 'no-providers', 'no-providers-503'] }]";
        let overlays = [
            Overlay::new("matrix.exclude", exclude),
            Overlay::new("fault", "[{ kind = 'locked' }]"),
            Overlay::new("expected", "[]"),
        ];
        let error = cases(&Spec::read_with(&path, &overlays).unwrap()).unwrap_err().to_string();
        assert!(error.contains("; give it a `when` that such a case meets"), "{error}");
    }

    #[test]
    fn rejects_a_fault_that_applies_to_no_case() {
        let text = "{ kind = 'locked', when = { ENABLE_DB_TRACING = 'TRUE' } }";
        let error = cases(&spec(&[text])).unwrap_err().to_string();
        assert!(
            error.starts_with("the fault `locked` applies to no case that must record spans where"),
            "{error}"
        );
    }
}
