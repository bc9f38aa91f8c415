//! Derives what each value of each flag was proved to do, from the passing cases of a run. A flag is
//! an environment variable of the service.

use std::collections::{BTreeMap, BTreeSet};

use spanproof_format::{
    Combination, Difference, Effect, FlagProof, ProofInputs, ProvedEffect, ProvedFlag, ProvedValue,
};

use super::fingerprint;
use super::footprint::Footprint;
use crate::matrix::Case;
use crate::observation::masked_flag;
use crate::spec::{Flag, Intent, Spec, Value};
use crate::suite::{CaseResult, RunResult};
use crate::verdict::Verdict;

/// The flags of a case, each with its value.
type Flags = Vec<(String, Value)>;

/// A passing case without a fault.
struct Evidence<'a> {
    case: &'a Case,
    footprint: Footprint,
}

impl RunResult {
    /// Returns what the run proves about the flags of a spec. Only passing cases without a fault
    /// count.
    ///
    /// # Errors
    /// If the migrations can't be read.
    pub fn flag_proof(&self, spec: &Spec) -> Result<FlagProof, spanproof_postgres::Error> {
        let evidence: Vec<_> =
            self.cases.iter().filter_map(|result| evidence(spec, result)).collect();
        let mut trials = self.cases.iter().filter_map(|case| case.observation.as_ref()?.trial());
        let program = trials.find_map(|trial| trial.service.program.clone());
        let migrations = fingerprint::migrations(spec)?;
        let inputs = ProofInputs::new(fingerprint::spec(spec), migrations, program);
        let flags = spec.flags.iter().map(|flag| proved_flag(spec, flag, &evidence)).collect();
        Ok(FlagProof::new(inputs, flags, combinations(&evidence)))
    }
}

fn evidence<'a>(spec: &Spec, result: &'a CaseResult) -> Option<Evidence<'a>> {
    let passed = result.judgement.verdict == Verdict::Pass && result.case.fault.is_none();
    let footprint = Footprint::new(spec, result.observation.as_ref().filter(|_| passed)?)?;
    Some(Evidence { case: &result.case, footprint })
}

/// Returns the combinations of values in the order of the cases.
fn combinations(evidence: &[Evidence<'_>]) -> Vec<Combination> {
    let mut found: Vec<Combination> = Vec::new();
    for one in evidence {
        let flags = texts(&one.case.flags);
        let index = found.iter().position(|known| known.flags == flags);
        let index = index.unwrap_or_else(|| {
            let mut combination = Combination::default();
            combination.flags = flags;
            found.push(combination);
            found.len() - 1
        });
        found[index].cases.push(one.case.id.clone());
    }
    found
}

fn proved_flag(spec: &Spec, flag: &Flag, evidence: &[Evidence<'_>]) -> ProvedFlag {
    let masked = |value: &Value| masked_flag(spec, &flag.name, value, None);
    let baseline = masked(&baseline(flag));
    let mut proved = ProvedFlag::default();
    proved.name.clone_from(&flag.name);
    proved.tracing = flag.tracing;
    if flag.tracing {
        proved.spans = spans(flag, evidence);
    }
    for value in values(flag, evidence, masked) {
        let mut by_others: BTreeMap<Flags, ProvedEffect> = BTreeMap::new();
        for one in evidence.iter().filter(|one| one.case.flag(&flag.name) == value) {
            let effect = by_others.entry(others(one.case, &flag.name)).or_default();
            if flag.tracing {
                add_recording(effect, one);
            } else if value == baseline {
                effect.effect = Effect::Baseline;
            } else {
                add_comparison(effect, one, (&flag.name, &baseline), evidence);
            }
            effect.cases.push(one.case.id.clone());
        }
        if !by_others.is_empty() {
            let mut proved_value = ProvedValue::default();
            proved_value.value = value.text().map(str::to_owned);
            proved_value.effects = merged(by_others);
            proved.values.push(proved_value);
        }
    }
    proved
}

/// Returns the values that the spec lists, and those that the case of an environment has.
fn values(flag: &Flag, evidence: &[Evidence<'_>], masked: impl Fn(&Value) -> Value) -> Vec<Value> {
    let mut values: Vec<_> = flag.values.iter().map(masked).collect();
    for value in evidence.iter().map(|one| one.case.flag(&flag.name)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Returns the value with which the other values of a flag are compared: unset, or a value that means
/// off, or the default.
pub(super) fn baseline(flag: &Flag) -> Value {
    let off = |value: &&Value| value.intent() == Intent::Off;
    let unset = flag.values.iter().find(|value| **value == Value::Unset);
    let found = unset.or_else(|| flag.values.iter().find(off)).cloned();
    found.unwrap_or_else(|| flag.default_value())
}

/// Returns the names of the spans that occur only while a case records.
fn spans(flag: &Flag, evidence: &[Evidence<'_>]) -> Vec<String> {
    let names = |records: bool| -> BTreeSet<&String> {
        let cases =
            evidence.iter().filter(|one| flag.records(&one.case.flag(&flag.name)) == records);
        cases.flat_map(|one| &one.footprint.span_names).collect()
    };
    names(true).difference(&names(false)).map(|name| (*name).clone()).collect()
}

/// Adds a case of the tracing flag. One case with spans is enough.
fn add_recording(effect: &mut ProvedEffect, one: &Evidence<'_>) {
    if !one.footprint.span_names.is_empty() {
        effect.effect = Effect::Records;
    } else if effect.effect == Effect::NotKnown {
        effect.effect = Effect::RecordsNothing;
    }
}

/// Compares a case with the case that differs only in the flag, which has the baseline there.
fn add_comparison(
    effect: &mut ProvedEffect,
    one: &Evidence<'_>,
    (flag, baseline): (&str, &Value),
    evidence: &[Evidence<'_>],
) {
    let same_place = |other: &&Evidence<'_>| {
        let (this, that) = (one.case, other.case);
        (&this.route, &this.upstream, &this.job) == (&that.route, &that.upstream, &that.job)
            && that.flag(flag) == *baseline
            && others(this, flag) == others(that, flag)
    };
    let Some(other) = evidence.iter().find(same_place) else { return };
    let mut found: BTreeSet<Difference> = effect.differences.iter().copied().collect();
    found.extend(one.footprint.differences(&other.footprint, flag));
    let does_something = found.iter().any(|difference| *difference != Difference::Echo);
    effect.effect = if does_something { Effect::Changes } else { Effect::ChangesNothing };
    effect.differences = found.into_iter().collect();
}

/// Returns one effect if it is the same with all other flags, and otherwise one for each combination
/// of the other flags.
fn merged(by_others: BTreeMap<Flags, ProvedEffect>) -> Vec<ProvedEffect> {
    let kinds = by_others.values().map(|effect| effect.effect);
    let mut all: Vec<Effect> = Vec::new();
    for kind in kinds {
        if !all.contains(&kind) {
            all.push(kind);
        }
    }
    if all.len() > 1 {
        let effects = by_others.into_iter().map(|(others, mut effect)| {
            effect.with = texts(&others);
            effect
        });
        return effects.collect();
    }
    let mut one = ProvedEffect::default();
    let mut differences = BTreeSet::new();
    for effect in by_others.into_values() {
        one.effect = effect.effect;
        differences.extend(effect.differences);
        one.cases.extend(effect.cases);
    }
    one.differences = differences.into_iter().collect();
    vec![one]
}

fn others(case: &Case, flag: &str) -> Flags {
    case.flags.iter().filter(|(name, _)| name != flag).cloned().collect()
}

fn texts(flags: &[(String, Value)]) -> Vec<(String, Option<String>)> {
    let text = |(name, value): &(String, Value)| (name.clone(), value.text().map(str::to_owned));
    flags.iter().map(text).collect()
}
