//! Looks up what a value of a flag does, together with the values of the other flags, in a proof: the file
//! with what passing cases showed about each value of each flag.

use spanproof_format::{Difference, Effect, FlagProof, ProvedEffect};

use super::deployed::DeployedFlag;
use crate::spec::Value;

/// What a proof shows about a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EffectLookup {
    /// The effect, the differences that show it, and the cases that prove it.
    Effect {
        effect: Effect,
        differences: Vec<Difference>,
        cases: Vec<String>,
        /// The values that other flags need for this value to take effect; empty if it takes effect already,
        /// or if no such values are known.
        depends_on: String,
        /// Whether cases tried the value of every other flag.
        others_tried: bool,
    },
    /// The proof does not show what the value does.
    Untried {
        /// The reason for a message.
        why: String,
        missing: Missing,
    },
    /// The effect depends on the value of another flag, which is not known. Contains the reason for a
    /// message.
    Depends(String),
}

/// What a proof lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The flag.
    Flag,
    /// A case with the value.
    Value,
    /// A case with the value and the values of the other flags.
    Combination,
}

/// Looks up the effect of a value of the flag `name`. `flags` are all flags of the process.
pub(super) fn look_up_effect(
    proof: &FlagProof,
    name: &str,
    value: &Value,
    flags: &[DeployedFlag],
) -> EffectLookup {
    let Some(flag) = proof.flag(name) else {
        let why = format!("the proof lacks the flag `{name}`");
        return EffectLookup::Untried { why, missing: Missing::Flag };
    };
    let tried = |other: &Option<String>| other.as_deref() == value.text();
    let Some(found) = flag.values.iter().find(|tried_value| tried(&tried_value.value)) else {
        let all: Vec<_> = flag.values.iter().map(|value| display(value.value.as_ref())).collect();
        let why = format!("no case tried it; cases tried {}", all.join(", "));
        return EffectLookup::Untried { why, missing: Missing::Value };
    };
    if let Some(together) = untried_together(proof, name, flags) {
        let why = format!("no case tried it together with {together}");
        return EffectLookup::Untried { why, missing: Missing::Combination };
    }
    let fits = |effect: &&ProvedEffect| {
        effect.with.iter().all(|(other, value)| match setting(flags, other) {
            Some(found) => found.text() == value.as_deref(),
            None => true,
        })
    };
    let mut fitting = found.effects.iter().filter(fits);
    let Some(first) = fitting.next() else {
        let others = others(name, flags);
        let why = format!(
            "what it does depends on other flags, and no case tried it together with {others}"
        );
        return EffectLookup::Untried { why, missing: Missing::Combination };
    };
    if fitting.any(|other| other.effect != first.effect) {
        let unknown: Vec<_> = flags
            .iter()
            .filter(|flag| flag.name != name && flag.setting.value().is_none())
            .map(|flag| format!("`{}`", flag.name))
            .collect();
        return EffectLookup::Depends(format!(
            "what it does depends on {}, whose value is not known",
            unknown.join(", ")
        ));
    }
    EffectLookup::Effect {
        effect: first.effect,
        differences: first.differences.clone(),
        cases: first.cases.clone(),
        depends_on: depends_on(&found.effects, first),
        others_tried: all_tried(proof, flags),
    }
}

/// Returns the smallest change of other flags with which a value that has no effect here takes effect; empty
/// if there is none.
fn depends_on(effects: &[ProvedEffect], here: &ProvedEffect) -> String {
    let differs = |other: &ProvedEffect| -> Vec<String> {
        let changed = other.with.iter().filter(|pair| !here.with.contains(pair));
        changed.map(|(name, value)| format!("{name}={}", display(value.as_ref()))).collect()
    };
    let works = effects.iter().filter(|other| {
        matches!(other.effect, Effect::Changes | Effect::Records) && other.effect != here.effect
    });
    let nearest = works.map(differs).min_by_key(Vec::len);
    nearest.unwrap_or_default().join(" and ")
}

/// Returns the value of a flag; `None` if it is not known.
fn setting<'a>(flags: &'a [DeployedFlag], name: &str) -> Option<&'a Value> {
    flags.iter().find(|flag| flag.name == name)?.setting.value()
}

/// Returns the other flags with their values if each value of the process was tried, but not all of them
/// together. `None` if this combination was tried, or if one of the values is not known or was not tried at
/// all.
fn untried_together(proof: &FlagProof, name: &str, flags: &[DeployedFlag]) -> Option<String> {
    let same = |pairs: &[(String, Option<String>)]| {
        pairs.iter().all(|(name, value)| {
            setting(flags, name).is_some_and(|found| found.text() == value.as_deref())
        })
    };
    if !all_tried(proof, flags)
        || proof.combinations.iter().any(|combination| same(&combination.flags))
    {
        return None;
    }
    Some(others(name, flags))
}

/// Whether cases tried the value of each flag, together or in different cases.
fn all_tried(proof: &FlagProof, flags: &[DeployedFlag]) -> bool {
    flags.iter().all(|deployed| {
        let Some(value) = deployed.setting.value() else { return false };
        let tried = proof.flag(&deployed.name).into_iter().flat_map(|flag| &flag.values);
        tried.into_iter().any(|tried| tried.value.as_deref() == value.text())
    })
}

/// Returns the other flags with their values.
fn others(name: &str, flags: &[DeployedFlag]) -> String {
    let others = flags.iter().filter(|flag| flag.name != name);
    let texts: Vec<_> = others
        .map(|flag| match flag.setting.value() {
            Some(value) => format!("{}={value}", flag.name),
            None => format!("{}=unknown", flag.name),
        })
        .collect();
    texts.join(" and ")
}

/// Formats a value of a proof for a message.
pub(super) fn display(value: Option<&String>) -> String {
    value.map_or(Value::Unset, |text| Value::Set(text.clone())).to_string()
}
