//! A flag with a contract must have an effect in the cases of a run. A contract is what the spec says about
//! the effects of a flag.

use super::evidence::Evidence;
use super::finding::Finding;
use super::judgement::Judgement;
use crate::effect::{Effect, FlagEffects, ValueEffect, flag_effects};
use crate::observation::{Observation, masked_flag};
use crate::spec::Spec;
use spanproof_format::{Code, count_phrase};

/// If no value of a flag with a contract has an effect, adds a finding to one of the compared cases. The
/// tracing flag is skipped: the verdicts already cover its effect.
pub(super) fn check_inert_flags(spec: &Spec, all: &[&Observation], judgements: &mut [Judgement]) {
    let has_contract = |name: &str| {
        let flag = spec.flags.iter().find(|flag| flag.name == name);
        flag.is_some_and(|flag| flag.has_contract() && !flag.tracing)
    };
    if !spec.flags.iter().any(|flag| has_contract(&flag.name)) {
        return;
    }
    for effects in flag_effects(spec, all).iter().filter(|effects| has_contract(&effects.name)) {
        let Some((value, [other, case])) = without_effect(effects) else { continue };
        let at = all.iter().position(|observation| observation.case.id == *case);
        let Some(judgement) = at.and_then(|at| judgements.get_mut(at)) else { continue };
        judgement.assertions += 1;
        let mut value = value.clone();
        for unmasked in [&mut value.value, &mut value.compared_with] {
            *unmasked = masked_flag(spec, &effects.name, unmasked, None);
        }
        judgement.add(finding(&effects.name, &value, [other, case]));
    }
}

/// Returns the last value of a flag, with a pair of cases that do not differ. `None` if any value has an
/// effect, or may have one.
fn without_effect(effects: &FlagEffects) -> Option<(&ValueEffect, &[String; 2])> {
    let has_no_effect = |value: &'_ ValueEffect| matches!(value.effect, Effect::Nothing(_));
    if !effects.values.iter().all(has_no_effect) {
        return None;
    }
    let last = effects.values.last()?;
    match &last.effect {
        Effect::Nothing(pair) => Some((last, pair)),
        _ => None,
    }
}

fn finding(name: &str, value: &ValueEffect, [other, case]: [&String; 2]) -> Finding {
    let ValueEffect { value, compared_with, pairs, .. } = value;
    let pairs = count_phrase(*pairs, "pair", "pairs");
    let message = format!(
        "no value of {name} has an effect: in {pairs} of cases, {value} does the same as \
         {compared_with}"
    );
    let compared = |case: &String, value: &crate::spec::Value, is_other| Evidence::Compared {
        word: format!("{name}={value}"),
        case: case.clone(),
        outcome: "the same spans, results, requests, output and exit".to_owned(),
        other: is_other,
    };
    let evidence = vec![compared(case, value, false), compared(other, compared_with, true)];
    Finding::new(Code::FlagIgnored, message, evidence)
}
