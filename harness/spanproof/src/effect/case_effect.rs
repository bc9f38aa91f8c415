//! The effect of a flag's value in each case. It may differ from case to case, because of the other flags.

use std::collections::{BTreeMap, BTreeSet};

use super::behaviour::{Kind, Observed};
use super::comparison::{Cases, Comparison, Difference, Pair};
use super::flag_effect::{ChangeKind, change_kind};
use crate::observation::Observation;
use crate::spec::{Flag, Spec, Value};

/// What the value of a flag does in a case, compared with the baseline of the flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaseEffect {
    /// The value is the baseline.
    Baseline,
    /// The service behaves differently. Contains what changes; at least one change is more than the printed
    /// value.
    Changes(BTreeSet<ChangeKind>),
    /// Nothing differs, except perhaps for a line that prints the value.
    Nothing {
        /// Whether the value is printed.
        printed: bool,
    },
    /// The cases do not show what the value does.
    Unknown,
}

/// The effect of a value together with one combination of the other flags.
#[derive(Default)]
struct ObservedChanges {
    /// Whether two cases that differ only in the flag were compared, with a job that ended in at least one.
    compared: bool,
    changes: BTreeSet<ChangeKind>,
    /// Whether there is a difference that may be random, or output was dropped.
    is_unclear: bool,
}

/// Returns the effect of each flag in each case, in the order of the spec and of the observations. Cases with
/// the same values of all flags have the same effect, whatever their route, upstream and job.
pub(crate) fn case_effects(spec: &Spec, observations: &[&Observation]) -> Vec<Vec<CaseEffect>> {
    let observed = Observed::read_all(spec, observations);
    let effects = |flag: &Flag| {
        let cases = Cases::new(spec, flag, observations, &observed);
        effects(&cases, &flag.baseline(), observations.len())
    };
    spec.flags.iter().map(effects).collect()
}

fn effects(cases: &Cases<'_>, baseline: &Value, number: usize) -> Vec<CaseEffect> {
    let mut effects = vec![CaseEffect::Unknown; number];
    for value in cases.values() {
        let observed = if value == *baseline {
            BTreeMap::new()
        } else {
            observed_changes(cases, baseline, &value)
        };
        for trial in cases.trials.iter().filter(|trial| trial.value == value) {
            effects[trial.index] = match observed.get(cases.other_flags(&trial.context)) {
                _ if value == *baseline => CaseEffect::Baseline,
                Some(changes) => changes.effect(),
                None => CaseEffect::Unknown,
            };
        }
    }
    effects
}

/// Compares two values of the flag under each combination of the other flags.
fn observed_changes(
    cases: &Cases<'_>,
    from: &Value,
    to: &Value,
) -> BTreeMap<Vec<Value>, ObservedChanges> {
    let comparison = cases.compare(from, to);
    let mut all: BTreeMap<Vec<Value>, ObservedChanges> = BTreeMap::new();
    for kind in [Kind::Startup, Kind::Log] {
        for pair in cases.pairs(kind, [from, to]) {
            let changes = all.entry(cases.other_flags(&pair.context).to_vec()).or_default();
            changes.compared |= kind == Kind::Log;
            changes.add(&pair, &comparison, kind == Kind::Startup);
        }
    }
    all
}

impl ObservedChanges {
    /// Adds the differences of a pair: those at startup, or all others if `startup` is false.
    fn add(&mut self, pair: &Pair<'_>, comparison: &Comparison, startup: bool) {
        let differs = |one: &&Difference| {
            (one.key.0 == Kind::Startup) == startup
                && pair.value(0, &one.key) != pair.value(1, &one.key)
        };
        let Comparison { proven, unproven, printed, .. } = comparison;
        let changes = proven.iter().chain(printed).filter(differs);
        self.changes.extend(changes.map(|one| change_kind(one.key.0)));
        self.is_unclear |= unproven.iter().any(|one| differs(&one)) || pair.is_incomplete();
    }

    fn effect(&self) -> CaseEffect {
        if self.changes.iter().any(|kind| *kind != ChangeKind::Printed) {
            CaseEffect::Changes(self.changes.clone())
        } else if self.is_unclear || !self.compared {
            CaseEffect::Unknown
        } else {
            CaseEffect::Nothing { printed: !self.changes.is_empty() }
        }
    }
}
