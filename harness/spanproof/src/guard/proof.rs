//! Derives what each value of each flag was proved to do, from the passing cases of a run. A flag is
//! an environment variable of the service.

use std::collections::{BTreeMap, BTreeSet};

use spanproof_format::{
    Combination, Difference, Effect, FlagProof, ProofInputs, ProvedEffect, ProvedFlag, ProvedValue,
};

use super::fingerprint;
use crate::effect::{CaseEffect, ChangeKind, case_effects};
use crate::matrix::Case;
use crate::observation::{Observation, SpanSource as _, masked_flag};
use crate::spec::{Flag, Spec, Value};
use crate::suite::{CaseResult, RunResult};
use crate::verdict::Verdict;

/// The flags of a case, each with its value.
type Flags = Vec<(String, Value)>;

/// A passing case without a fault.
struct Evidence<'a> {
    case: &'a Case,
    observation: &'a Observation,
    /// The names of the stored spans.
    span_names: BTreeSet<String>,
}

impl RunResult {
    /// Returns what the run proves about the flags of a spec. Only passing cases without a fault
    /// are used.
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
        let passed = |again: &&Observation| evidence.iter().any(|one| one.case.id == again.case.id);
        let repetitions = self.repetitions.iter().filter(passed);
        let observations = evidence.iter().map(|one| one.observation).chain(repetitions);
        let effects = case_effects(spec, &observations.collect::<Vec<_>>());
        let flags = spec.flags.iter().zip(&effects);
        let flags = flags.map(|(flag, effects)| proved_flag(spec, flag, &evidence, effects));
        Ok(FlagProof::new(inputs, flags.collect(), combinations(&evidence)))
    }
}

fn evidence<'a>(spec: &Spec, result: &'a CaseResult) -> Option<Evidence<'a>> {
    let passed = result.judgement.verdict == Verdict::Pass && result.case.fault.is_none();
    let observation = result.observation.as_ref().filter(|_| passed)?;
    observation.trial()?;
    let spans = observation.span_source(spec).spans().unwrap_or_default();
    let span_names = spans.into_iter().filter_map(|span| span.name).collect();
    Some(Evidence { case: &result.case, observation, span_names })
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

/// Returns what the cases prove about a flag. `effects` contains the effect of the flag's value in each case.
fn proved_flag(
    spec: &Spec,
    flag: &Flag,
    evidence: &[Evidence<'_>],
    effects: &[CaseEffect],
) -> ProvedFlag {
    let masked = |value: &Value| masked_flag(spec, &flag.name, value, None);
    let mut proved = ProvedFlag::default();
    proved.name.clone_from(&flag.name);
    proved.tracing = flag.tracing;
    if flag.tracing {
        proved.spans = spans(flag, evidence);
    }
    for value in values(flag, evidence, masked) {
        let mut by_others: BTreeMap<Flags, ProvedEffect> = BTreeMap::new();
        let tried = evidence.iter().zip(effects);
        for (one, seen) in tried.filter(|(one, _)| one.case.flag(&flag.name) == value) {
            let effect = by_others.entry(others(one.case, &flag.name)).or_default();
            if flag.tracing {
                add_recording(effect, one);
            } else {
                (effect.effect, effect.differences) = proved_effect(seen);
            }
            effect.cases.push(one.case.id.clone());
        }
        if !by_others.is_empty() {
            let mut proved_value = ProvedValue::default();
            proved_value.value = value.text().map(str::to_owned);
            proved_value.effects = merge_effects(by_others);
            proved.values.push(proved_value);
        }
    }
    proved
}

fn proved_effect(effect: &CaseEffect) -> (Effect, Vec<Difference>) {
    match effect {
        CaseEffect::Baseline => (Effect::Baseline, Vec::new()),
        CaseEffect::Changes(kinds) => {
            let differences: BTreeSet<_> = kinds.iter().copied().map(difference).collect();
            (Effect::Changes, differences.into_iter().collect())
        }
        CaseEffect::Nothing { printed: true } => (Effect::ChangesNothing, vec![Difference::Echo]),
        CaseEffect::Nothing { printed: false } => (Effect::ChangesNothing, Vec::new()),
        CaseEffect::Unknown => (Effect::NotKnown, Vec::new()),
    }
}

fn difference(kind: ChangeKind) -> Difference {
    match kind {
        ChangeKind::Spans => Difference::Spans,
        ChangeKind::Outcome => Difference::Statuses,
        ChangeKind::Requests => Difference::Requests,
        ChangeKind::Exit => Difference::Exit,
        ChangeKind::Log => Difference::Log,
        ChangeKind::Startup => Difference::Startup,
        ChangeKind::Printed => Difference::Echo,
    }
}

/// Returns the values that the spec lists, then those that only cases have, such as the case of an
/// environment.
fn values(flag: &Flag, evidence: &[Evidence<'_>], masked: impl Fn(&Value) -> Value) -> Vec<Value> {
    let mut values: Vec<_> = flag.values.iter().map(masked).collect();
    for value in evidence.iter().map(|one| one.case.flag(&flag.name)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Returns the names of the spans that occur only in cases whose value of the flag enables recording.
fn spans(flag: &Flag, evidence: &[Evidence<'_>]) -> Vec<String> {
    let names = |records: bool| -> BTreeSet<&String> {
        let cases =
            evidence.iter().filter(|one| flag.records(&one.case.flag(&flag.name)) == records);
        cases.flat_map(|one| &one.span_names).collect()
    };
    names(true).difference(&names(false)).map(|name| (*name).clone()).collect()
}

/// Adds a case to the effect of a value of the tracing flag. One case with spans proves that the value
/// enables recording.
fn add_recording(effect: &mut ProvedEffect, one: &Evidence<'_>) {
    if !one.span_names.is_empty() {
        effect.effect = Effect::Records;
    } else if effect.effect == Effect::NotKnown {
        effect.effect = Effect::RecordsNothing;
    }
}

/// Returns one effect if a value has the same effect with all values of the other flags, and otherwise one
/// effect for each combination of their values.
fn merge_effects(by_others: BTreeMap<Flags, ProvedEffect>) -> Vec<ProvedEffect> {
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
