//! The effect of each value of each flag in the cases of a run.

use super::behaviour::{Kind, Observed};
use super::comparison::{Cases, Comparison, Difference};
use crate::observation::Observation;
use crate::spec::{Spec, Value};

/// What the values of one flag do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlagEffects {
    /// The name of the flag.
    pub name: String,
    /// Each value that the flag has in a case, in the order of the spec. Values that the spec does not list
    /// come last.
    pub values: Vec<ValueEffect>,
}

impl FlagEffects {
    /// Whether at least one value changes lines at startup, and no value changes anything else.
    pub(crate) fn changes_only_startup(&self) -> bool {
        let is_startup_only = |effect: &Effect| match effect {
            Effect::Effective(changes) => {
                changes.iter().all(|change| change.kind == ChangeKind::Startup)
            }
            _ => false,
        };
        let changes_nothing =
            |effect: &Effect| matches!(effect, Effect::Printed(_) | Effect::Nothing(_));
        let effects = || self.values.iter().map(|value| &value.effect);
        effects().any(is_startup_only)
            && effects().all(|one| is_startup_only(one) || changes_nothing(one))
    }
}

/// What one value of a flag does, compared with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValueEffect {
    /// The value.
    pub value: Value,
    /// The value that it was compared with: the baseline of the flag, if two cases with these values differ
    /// only in the flag; or else another value.
    pub compared_with: Value,
    /// The number of pairs of cases that were compared.
    pub pairs: usize,
    /// The effect.
    pub effect: Effect,
    /// Inputs with a value under which the flag has no effect, although it has one in the same cases
    /// with a different value of that input: names of flags, `route`, `upstream` or `job`.
    pub inert_under: Vec<(String, Value)>,
    /// The indexes of two observations whose cases must run again to find out the effect; `None` if that
    /// would not help.
    pub repeat: Option<[usize; 2]>,
}

/// The effect of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The service behaves differently. Contains at least one change.
    Effective(Vec<Change>),
    /// The service prints the value, and does nothing else with it.
    Printed(Vec<Change>),
    /// Nothing observable differs. Contains the ids of one pair of cases.
    Nothing([String; 2]),
    /// The cases of the run do not show whether the value has an effect. Contains the reason.
    Unknown(String),
}

/// A change that a value makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What changes.
    pub kind: ChangeKind,
    /// The change as a phrase, such as `span "load" is missing`.
    pub text: String,
    /// The ids of two cases that prove it: with the other value, and with this one.
    pub cases: [String; 2],
}

/// What a flag changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    /// Spans.
    Spans,
    /// Statuses and results of jobs and units, and rows.
    Outcome,
    /// Requests to the upstream.
    Requests,
    /// Readiness or exit of the service.
    Exit,
    /// A line after the service was ready.
    Log,
    /// A line before the service was ready.
    Startup,
    /// The printed value of the flag.
    Printed,
}

/// Returns the effects of each flag, from cases that differ only in that flag. Several observations of the
/// same case show what differs from run to run by chance. Cases with a fault are not compared.
pub(crate) fn flag_effects(spec: &Spec, observations: &[&Observation]) -> Vec<FlagEffects> {
    let observed = Observed::read_all(spec, observations);
    let effects = spec.flags.iter().map(|flag| {
        let cases = Cases::new(spec, flag, observations, &observed);
        let values = cases.values();
        let baseline = flag.baseline();
        let base = values.iter().find(|value| **value == baseline).or(values.first()).cloned();
        let base = base.unwrap_or(baseline);
        let mut all: Vec<ValueEffect> = values
            .iter()
            .filter(|value| **value != base)
            .map(|value| value_effect(&cases, &values, &base, value, observations))
            .collect();
        if let Some(index) = values.iter().position(|value| *value == base) {
            // The baseline is compared with the value with the clearest effect.
            let best = all.iter().min_by_key(|other| rank(&other.effect));
            let other = best.map_or(&base, |other| &other.value).clone();
            all.insert(index, value_effect(&cases, &[], &other, &base, observations));
        }
        FlagEffects { name: flag.name.clone(), values: all }
    });
    effects.collect()
}

/// Compares a value with the base value, or if no pair of cases allows it, with another value.
fn value_effect(
    cases: &Cases<'_>,
    values: &[Value],
    base: &Value,
    value: &Value,
    observations: &[&Observation],
) -> ValueEffect {
    let others = values.iter().filter(|other| *other != value && *other != base);
    let mut candidates = std::iter::once(base).chain(others);
    let found = candidates.find_map(|other| {
        let comparison = cases.compare(other, value);
        (comparison.pairs > 0).then(|| (other.clone(), comparison))
    });
    let Some((compared_with, comparison)) = found else {
        let why =
            "no two cases differ only in this flag, with a job that ended in at least one of them";
        let why = why.to_owned();
        let (value, compared_with) = (value.clone(), base.clone());
        let effect = Effect::Unknown(why);
        return ValueEffect {
            value,
            compared_with,
            pairs: 0,
            effect,
            inert_under: Vec::new(),
            repeat: None,
        };
    };
    let (effect, repeat) = effect(&comparison, observations);
    let Comparison { pairs, inert_under, .. } = comparison;
    ValueEffect { value: value.clone(), compared_with, pairs, effect, inert_under, repeat }
}

/// Concludes the effect from a comparison. Also returns the observations to repeat, if that would help.
fn effect(comparison: &Comparison, observations: &[&Observation]) -> (Effect, Option<[usize; 2]>) {
    let ids = |pair: [usize; 2]| pair.map(|index| observations[index].case.id.clone());
    let changes = |all: &[Difference]| {
        let change = |one: &Difference| Change {
            kind: change_kind(one.key.0),
            text: text(one),
            cases: ids(one.pair),
        };
        let causes = all.iter().filter(|one| !is_consequence(one, all));
        let mut all: Vec<_> = causes.map(change).collect();
        all.sort_by_key(|change| change.kind);
        all
    };
    let Comparison { proven, unproven, printed, .. } = comparison;
    if !proven.is_empty() {
        return (Effect::Effective(changes(proven)), None);
    }
    if let Some(first) = unproven.first() {
        let count = unproven.len();
        let more = if count == 1 { String::new() } else { format!(" and {} more", count - 1) };
        let why = format!(
            "too few trials to decide whether the flag or chance is the reason: {}{more} (cases {})",
            text(first),
            ids(first.pair).join(" and ")
        );
        return (Effect::Unknown(why), Some(first.pair));
    }
    if !printed.is_empty() {
        return (Effect::Printed(changes(printed)), None);
    }
    match comparison.example {
        Some(_) if comparison.is_incomplete => {
            let why = "a part of the output was too long to keep, and may have shown a difference";
            (Effect::Unknown(why.to_owned()), None)
        }
        Some(pair) => (Effect::Nothing(ids(pair)), None),
        None => (Effect::Unknown("no two cases differ only in this flag".to_owned()), None),
    }
}

/// Returns a number that is lower for clearer effects.
fn rank(effect: &Effect) -> u8 {
    match effect {
        Effect::Effective(_) => 0,
        Effect::Unknown(_) => 1,
        Effect::Printed(_) => 2,
        Effect::Nothing(_) => 3,
    }
}

/// Whether a difference follows from another one: it is in the body or a header of a request that is missing
/// on one side.
fn is_consequence(one: &Difference, all: &[Difference]) -> bool {
    let Some((request, _)) = one.key.1.split_once(", ") else { return false };
    let is_missing = |other: &Difference| other.from.is_empty() || other.to.is_empty();
    let is_cause = |other: &Difference| other.key.1 == request && is_missing(other);
    one.key.0 == Kind::Request && all.iter().any(is_cause)
}

pub(super) fn change_kind(kind: Kind) -> ChangeKind {
    match kind {
        Kind::Startup => ChangeKind::Startup,
        Kind::Log => ChangeKind::Log,
        Kind::Printed => ChangeKind::Printed,
        Kind::Span => ChangeKind::Spans,
        Kind::Outcome => ChangeKind::Outcome,
        Kind::Request => ChangeKind::Requests,
        Kind::Exit => ChangeKind::Exit,
    }
}

/// Returns a difference as a phrase.
fn text(difference: &Difference) -> String {
    let Difference { key: (kind, name), from, to, .. } = difference;
    let name = match kind {
        Kind::Startup => format!("startup line `{name}`"),
        Kind::Log => format!("line `{name}`"),
        Kind::Printed => return format!("line `{}`", to.lines().next().unwrap_or_default()),
        _ => name.clone(),
    };
    let is_long = from.len() + to.len() > 60 || from.contains('\n') || to.contains('\n');
    match (from.as_str(), to.as_str()) {
        ("", _) => format!("{name} appears"),
        (_, "") => format!("{name} is missing"),
        _ if is_long => format!("{name} differs"),
        _ => format!("{name}: {to} instead of {from}"),
    }
}
