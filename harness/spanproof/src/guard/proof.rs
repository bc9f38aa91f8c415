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

impl Evidence<'_> {
    /// Whether two cases have the same route, upstream, job and flags, except for one flag.
    fn differs_only_in(&self, other: &Self, flag: &str) -> bool {
        let (this, that) = (self.case, other.case);
        (&this.route, &this.upstream, &this.job) == (&that.route, &that.upstream, &that.job)
            && others(this, flag) == others(that, flag)
    }
}

/// The passing cases of a run.
struct Cases<'a> {
    evidence: Vec<Evidence<'a>>,
    /// What differs from case to case by itself.
    unstable: BTreeSet<Difference>,
}

impl<'a> Cases<'a> {
    fn new(spec: &Spec, evidence: Vec<Evidence<'a>>) -> Self {
        let unstable = unstable(spec, &evidence);
        Self { evidence, unstable }
    }
}

/// Returns what differs between cases that should be equal: the startup lines of cases with the same
/// flags, and everything else of cases that differ only in the spelling of the tracing flag.
fn unstable(spec: &Spec, evidence: &[Evidence<'_>]) -> BTreeSet<Difference> {
    let mut found = BTreeSet::new();
    let tracing = spec.tracing_flag();
    for (index, one) in evidence.iter().enumerate() {
        for other in &evidence[index + 1..] {
            let mut differences = one.footprint.differences(&other.footprint, "");
            if one.case.flags == other.case.flags {
                // With an empty name, every line names the flag.
                if differences.contains(&Difference::Echo) {
                    found.extend([Difference::Startup, Difference::Echo]);
                }
            } else if tracing.is_some_and(|flag| {
                one.differs_only_in(other, &flag.name)
                    && one.case.records(spec) == other.case.records(spec)
            }) {
                differences.remove(&Difference::Echo);
                found.extend(differences);
            }
        }
    }
    found
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
        let cases = Cases::new(spec, evidence);
        let flags = spec.flags.iter().map(|flag| proved_flag(spec, flag, &cases)).collect();
        Ok(FlagProof::new(inputs, flags, combinations(&cases.evidence)))
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

fn proved_flag(spec: &Spec, flag: &Flag, cases: &Cases<'_>) -> ProvedFlag {
    let evidence = &cases.evidence;
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
                add_comparison(effect, one, (&flag.name, &baseline), cases);
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
    all: &Cases<'_>,
) {
    let same_place = |other: &&Evidence<'_>| {
        one.differs_only_in(other, flag) && other.case.flag(flag) == *baseline
    };
    let Some(other) = all.evidence.iter().find(same_place) else { return };
    let differences = one.footprint.differences(&other.footprint, flag);
    let varies = differences.iter().any(|found| all.unstable.contains(found));
    let mut found: BTreeSet<Difference> = effect.differences.iter().copied().collect();
    found.extend(differences.difference(&all.unstable));
    let does_something = found.iter().any(|difference| *difference != Difference::Echo);
    effect.effect = match effect.effect {
        _ if does_something => Effect::Changes,
        // What varies by itself shows neither an effect nor that there is none.
        _ if varies => Effect::NotKnown,
        Effect::NotKnown if !effect.cases.is_empty() => Effect::NotKnown,
        _ => Effect::ChangesNothing,
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Overlay, Spec};

    /// The spec of this repository with two more flags.
    fn spec() -> Spec {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let flags = "[{ name = 'TRACING', tracing = true, values = ['true', 'false', '0'] }, \
                      { name = 'CACHE', values = [{ unset = true }, 'on'] }, \
                      { name = 'WARM', values = [{ unset = true }, 'on'] }]";
        let overlays = [
            Overlay::new("flag", flags),
            Overlay::new("span", "[{ name = 'execute_question' }]"),
            Overlay::new("matrix.exclude", "[]"),
        ];
        Spec::read_with(&path, &overlays).unwrap()
    }

    /// Returns the effects of `WARM=on`, as text. `requests` returns the requests of a case.
    fn effects(requests: impl Fn(&Case) -> usize) -> Vec<String> {
        let spec = spec();
        let cases = crate::matrix::cases(&spec).unwrap();
        let cases: Vec<_> = cases
            .into_iter()
            .filter(|case| case.fault.is_none() && case.route == "queued")
            .filter(|case| case.upstream == "healthy")
            .collect();
        let evidence = cases.iter().map(|case| {
            let requests = [("GET /".to_owned(), requests(case))].into();
            Evidence { case, footprint: Footprint { requests, ..Footprint::default() } }
        });
        let all = Cases::new(&spec, evidence.collect());
        let proved = proved_flag(&spec, &spec.flags[2], &all);
        let on = proved.values.into_iter().find(|value| value.value.as_deref() == Some("on"));
        let text = |effect: ProvedEffect| {
            let with = effect
                .with
                .iter()
                .filter_map(|(name, value)| Some(format!(" {name}={}", value.as_ref()?)));
            format!("{:?}{}", effect.effect, with.collect::<String>())
        };
        on.unwrap().effects.into_iter().map(text).collect()
    }

    fn is_on(case: &Case, flag: &str) -> bool {
        case.flag(flag).text() == Some("on")
    }

    #[test]
    fn a_flag_that_changes_nothing_is_told_from_one_that_does() {
        assert_eq!(effects(|_| 4), ["ChangesNothing"]);
        assert_eq!(effects(|case| if is_on(case, "WARM") { 5 } else { 4 }), ["Changes"]);
    }

    #[test]
    fn a_flag_that_needs_another_one_has_an_effect_for_each_combination() {
        let found = effects(|case| if is_on(case, "WARM") && is_on(case, "CACHE") { 5 } else { 4 });
        let with_cache = |text: &&String| text.contains("CACHE=on");
        let (with, without): (Vec<_>, Vec<_>) = found.iter().partition(with_cache);
        assert_eq!((with.len(), without.len()), (3, 3), "{found:?}");
        assert!(with.iter().all(|text| text.starts_with("Changes TRACING=")), "{found:?}");
        assert!(without.iter().all(|text| text.starts_with("ChangesNothing ")), "{found:?}");
    }

    #[test]
    fn what_varies_by_itself_is_no_effect_and_no_proof_of_none() {
        // `false` and `0` are both off, so the difference between them is chance.
        let found = effects(|case| {
            let chance = usize::from(case.flag("TRACING").text() == Some("0"));
            chance + usize::from(is_on(case, "WARM"))
        });
        assert_eq!(found, ["NotKnown"]);
    }
}
