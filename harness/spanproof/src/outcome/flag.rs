//! Converts the effects of flags into [`format::FlagEffects`] documents.

use std::collections::BTreeMap;

use spanproof_format as format;
use spanproof_format::{FlagEffect, FlagValue};

use crate::effect::{Change, Effect, FlagEffects, ValueEffect};
use crate::observation::masked_flag;
use crate::spec::{Flag, Spec, Value};
use crate::suite::RunResult;

/// Maximum number of changes of one kind that a document describes.
const MAX_CHANGES: usize = 2;

impl RunResult {
    /// Returns what the values of each flag do in the cases of this run.
    pub fn flag_effects(&self, spec: &Spec) -> Vec<format::FlagEffects> {
        flag_effects(spec, &self.effects(spec))
    }
}

/// Returns the document of each flag.
pub(super) fn flag_effects(spec: &Spec, effects: &[FlagEffects]) -> Vec<format::FlagEffects> {
    effects.iter().map(|effects| document(spec, effects)).collect()
}

/// Returns the document of a flag. A setting under which the flag has no effect is left out if the spec
/// already declares that the flag needs a different setting.
fn document(spec: &Spec, effects: &FlagEffects) -> format::FlagEffects {
    let flag = spec.flags.iter().find(|flag| flag.name == effects.name);
    let is_declared = |(name, value): &(String, Value)| {
        let mut needs = flag.into_iter().flat_map(|flag| flag.needs.terms());
        needs.any(|(needed, values)| needed == name && !values.contains(value))
    };
    let mask = |name: &str, value: &mut Value| *value = masked_flag(spec, name, value, None);
    let values = effects.values.iter().map(|effect| {
        let mut effect = effect.clone();
        effect.inert_under.retain(|setting| !is_declared(setting));
        mask(&effects.name, &mut effect.value);
        mask(&effects.name, &mut effect.compared_with);
        effect.inert_under.iter_mut().for_each(|(name, value)| mask(name, value));
        value(&effect)
    });
    let mut document = format::FlagEffects::new(&effects.name, values.collect());
    document.contract = flag.is_some_and(Flag::has_contract);
    document
}

fn value(found: &ValueEffect) -> FlagValue {
    let ValueEffect { value, compared_with, pairs, effect, inert_under, repeat: _ } = found;
    let (kind, changes, cases, reason) = match effect {
        Effect::Effective(changes) => {
            (FlagEffect::Effective, first_changes(changes), changes.first(), "")
        }
        Effect::Printed(changes) => {
            (FlagEffect::Printed, first_changes(changes), changes.first(), "")
        }
        Effect::Nothing(_) => (FlagEffect::Nothing, Vec::new(), None, ""),
        Effect::Unknown(why) => (FlagEffect::Unknown, Vec::new(), None, why.as_str()),
    };
    let mut document = FlagValue::new(value.text().map(str::to_owned), value.to_string(), kind);
    document.compared_with = compared_with.to_string();
    document.pairs = *pairs;
    document.changes = changes;
    document.cases = match (effect, cases) {
        (Effect::Nothing(pair), _) => pair.to_vec(),
        (_, Some(change)) => change.cases.to_vec(),
        _ => Vec::new(),
    };
    reason.clone_into(&mut document.reason);
    let setting = |(name, value): &(String, Value)| format!("{name}={value}");
    document.inert_under = inert_under.iter().map(setting).collect();
    document
}

/// Returns the first changes of each kind, and the number of further ones.
fn first_changes(changes: &[Change]) -> Vec<String> {
    let mut kinds: BTreeMap<_, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        kinds.entry(change.kind).or_default().push(change);
    }
    let texts = kinds.into_values().flat_map(|changes| {
        let more = changes.len().saturating_sub(MAX_CHANGES);
        let shown = changes.into_iter().take(MAX_CHANGES).map(|change| change.text.clone());
        shown.chain((more > 0).then(|| format!("{more} more like this"))).collect::<Vec<_>>()
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::example;

    #[test]
    fn the_value_of_a_secret_is_masked() {
        let flag = "\n[[flag]]\nname = 'API_TOKEN'\nvalues = ['swordfish', 'hunter2']\n";
        let spec = example(|text| text + flag);
        let set = |text: &str| Value::Set(text.to_owned());
        let effects = FlagEffects {
            name: "API_TOKEN".into(),
            values: vec![ValueEffect {
                value: set("swordfish"),
                compared_with: set("hunter2"),
                pairs: 1,
                effect: Effect::Nothing(["a".into(), "b".into()]),
                inert_under: vec![("API_TOKEN".into(), set("hunter2"))],
                repeat: None,
            }],
        };
        let json = serde_json::to_string(&document(&spec, &effects)).unwrap();
        assert!(!json.contains("swordfish") && !json.contains("hunter2"), "{json}");
    }
}
