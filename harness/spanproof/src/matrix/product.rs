//! The full product, with pinned values and excluded combinations; then what is run under faults.

use crate::chain::debug_as_chain;
use std::collections::BTreeMap;

use super::Case;
use crate::spec::{Condition, Fault, Spec, Value};

/// The spec's combinations can't be run as they are.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// More cases than the limit.
    #[error(
        "the matrix has {found} cases and the limit is {limit} ({factors}); \
         pin or exclude some, or raise `limit` in `[matrix]`"
    )]
    TooMany {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
        /// Where they come from.
        factors: String,
    },
    /// Nothing is left.
    #[error("every case of the matrix is excluded; loosen `exclude` or `pin` in `[matrix]`")]
    None,
    /// A rule that leaves out nothing.
    #[error("the rule `exclude` = {rule} leaves out no case; remove it or correct it")]
    Unused {
        /// The rule.
        rule: String,
    },
    /// A fault that nothing is run under.
    #[error(
        "the fault `{fault}` meets no case that records{rule}; correct its `when`, or the matrix"
    )]
    Unmet {
        /// The fault.
        fault: String,
        /// Its own condition.
        rule: String,
    },
    /// A known failure that no case can have.
    #[error(
        "the rule `[[expected]]` for {code} meets no case ({rule}); remove it or correct its `when`"
    )]
    Unexpected {
        /// The code that is expected.
        code: String,
        /// Where.
        rule: String,
    },
    /// Two cases with one id.
    #[error("cases `{first}` and `{second}` have the same id {id}; rename a route or a job")]
    Twins {
        /// The id.
        id: String,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
}

/// The error of this module, by its short name.
pub(crate) type Error = MatrixError;

debug_as_chain!(MatrixError);

/// All cases of a spec, in the order of its declarations: the first flag varies slowest.
///
/// # Errors
/// When there are none, too many, a rule is without effect or two cases have one id.
pub fn cases(spec: &Spec) -> Result<Vec<Case>, Error> {
    let axes = axes(spec);
    let total =
        axes.iter().try_fold(1_usize, |product, (_, values)| product.checked_mul(values.len()));
    // The limit is checked before anything is made, so that a huge product costs no memory; rules
    // can only be counted afterwards, within reason.
    let bound = spec.matrix.limit.saturating_mul(100);
    if total.is_none_or(|total| total > bound) {
        return Err(too_many(spec, &axes, total.unwrap_or(usize::MAX)));
    }
    let all = combinations(&axes).map(|values| case(spec, &axes, &values));
    let mut used = vec![false; spec.matrix.exclude.len()];
    let mut kept: Vec<Case> = all.filter(|case| keep(spec, case, &mut used)).collect();
    let disturbed = disturbed(spec, &kept)?;
    kept.extend(disturbed.into_iter().filter(|case| keep(spec, case, &mut used)));
    kept.retain(|case| case.meets(&spec.matrix.pin));
    if let Some(at) = used.iter().position(|used| !used) {
        return Err(Error::Unused { rule: format!("{{ {} }}", spec.matrix.exclude[at]) });
    }
    if let Some(rule) =
        spec.expected.iter().find(|rule| !kept.iter().any(|case| case.meets(&rule.when)))
    {
        return Err(Error::Unexpected { code: rule.code.to_string(), rule: rule.when.to_string() });
    }
    match kept.len() {
        0 => Err(Error::None),
        found if found > spec.matrix.limit => Err(too_many(spec, &axes, found)),
        _ => unique(spec, kept),
    }
}

/// Every name with its values, after pinning.
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
        .map(|(name, values)| (name, pinned(&spec.matrix.pin, name, values)))
        .collect()
}

fn pinned(pin: &Condition, name: &str, values: Vec<Value>) -> Vec<Value> {
    match pin.terms().find(|(term, _)| *term == name) {
        Some((_, allowed)) => values.into_iter().filter(|value| allowed.contains(value)).collect(),
        None => values,
    }
}

/// Counts through all combinations like an odometer.
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

/// The cases that are run once more under each fault.
fn disturbed(spec: &Spec, kept: &[Case]) -> Result<Vec<Case>, Error> {
    let mut all = Vec::new();
    for fault in &spec.faults {
        let met = kept.iter().filter(|case| case.records(spec) && meets(spec, fault, case));
        let before = all.len();
        all.extend(met.map(|case| case.clone().under(spec, Some(fault.name()))));
        if all.len() == before {
            let rule = fault.when.as_ref().map(|rule| format!(" where {rule}"));
            let fault = fault.name().to_owned();
            return Err(Error::Unmet { fault, rule: rule.unwrap_or_default() });
        }
    }
    Ok(all)
}

/// Whether a fault is combined with a case; without a rule of its own with the plainest ones.
fn meets(spec: &Spec, fault: &Fault, case: &Case) -> bool {
    if let Some(rule) = &fault.when {
        return case.meets(rule);
    }
    let plain = spec.flags.iter().all(|flag| {
        let value = case.flag(&flag.name);
        if flag.tracing {
            flag.values.iter().find(|value| flag.records(value)) == Some(&value)
        } else {
            flag.default_value() == value
        }
    });
    let first = spec.upstreams.first().is_some_and(|first| first.name == case.upstream);
    plain && first
}

fn keep(spec: &Spec, case: &Case, used: &mut [bool]) -> bool {
    let mut kept = true;
    for (rule, used) in spec.matrix.exclude.iter().zip(used) {
        if case.meets(rule) {
            *used = true;
            kept = false;
        }
    }
    kept
}

fn unique(spec: &Spec, cases: Vec<Case>) -> Result<Vec<Case>, Error> {
    let mut seen: BTreeMap<&str, &Case> = BTreeMap::new();
    let name = |case: &Case| {
        format!("{} {} {} {}", case.settings(spec), case.route, case.upstream, case.job)
    };
    for case in &cases {
        if let Some(twin) = seen.insert(&case.id, case) {
            return Err(Error::Twins {
                id: case.id.clone(),
                first: name(twin),
                second: name(case),
            });
        }
    }
    Ok(cases)
}

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

    fn under(spec: &Spec, fault: &str) -> Vec<String> {
        let all = cases(spec).unwrap().into_iter();
        let met = all.filter(|case| case.fault.as_deref() == Some(fault));
        met.map(|case| format!("{} {}", case.route, case.upstream)).collect()
    }

    #[test]
    fn a_fault_meets_the_plainest_recording_cases_or_those_it_names() {
        let spec = spec(&[
            "{ kind = 'discarded' }",
            "{ kind = 'locked', name = 'slow', when = { upstream = 'slow', route = 'queued' } }",
        ]);
        assert_eq!(under(&spec, "discarded"), ["queued healthy", "cross-region healthy"]);
        assert_eq!(under(&spec, "slow"), ["queued slow"]);
    }

    #[test]
    fn a_fault_renames_no_other_case_and_is_another_case_itself() {
        let before: Vec<_> = cases(&spec(&[])).unwrap().into_iter().map(|case| case.id).collect();
        let after = cases(&spec(&["{ kind = 'locked' }"])).unwrap();
        let ids: Vec<_> = after.iter().map(|case| case.id.clone()).collect();
        assert_eq!(ids[..before.len()], before);
        assert!(ids[before.len()..].iter().all(|id| !before.contains(id)));
    }

    #[test]
    fn a_known_failure_that_no_case_can_have_is_refused() {
        let text = "[{ code = 'unlinked', reason = 'r', until = 2026-12-31, \
                    when = { HYBRID_ROUTER_DISABLE = 'true', upstream = 'slow' } }]";
        let error = cases(&spec_with(&[], text)).unwrap_err().to_string();
        assert!(error.contains("for unlinked meets no case"), "{error}");
    }

    #[test]
    fn a_fault_that_nothing_is_run_under_is_refused() {
        let text = "{ kind = 'locked', when = { ENABLE_DB_TRACING = 'TRUE' } }";
        let error = cases(&spec(&[text])).unwrap_err().to_string();
        assert!(
            error.starts_with("the fault `locked` meets no case that records where"),
            "{error}"
        );
    }
}
