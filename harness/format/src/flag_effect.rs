//! What the values of flags do, found by comparing cases that differ only in one flag.

use serde::{Deserialize, Serialize};

/// What the values of one flag do in the cases of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagEffects {
    /// The name of the flag.
    pub name: String,
    /// Whether the spec declares effects of the flag. A missing effect is then a failure, not a notice.
    pub contract: bool,
    /// Whether the flag has an effect.
    pub effect: FlagEffect,
    /// The values, in the order of the spec.
    pub values: Vec<FlagValue>,
}

/// What one value of a flag does, compared with another value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagValue {
    /// The value; `None` if the flag is unset.
    pub value: Option<String>,
    /// The value as text, as a report prints it.
    pub text: String,
    /// The other value with which this value is compared, as text.
    pub compared_with: String,
    /// The number of compared pairs of cases that differ only in this flag.
    pub pairs: usize,
    /// Whether the value has an effect.
    pub effect: FlagEffect,
    /// What the value changes, as phrases: the first changes of each kind.
    pub changes: Vec<String>,
    /// The ids of two cases that prove the effect, or its absence; empty if it is unknown.
    pub cases: Vec<String>,
    /// Why the effect is not known; empty if it is known.
    pub reason: String,
    /// Settings under which the flag has no effect, as `NAME=value`.
    pub inert_under: Vec<String>,
}

/// Whether a flag, or one of its values, has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FlagEffect {
    /// The service behaves differently.
    Effective,
    /// The cases do not show whether there is an effect.
    Unknown,
    /// The service prints the value, but does nothing else with it.
    Printed,
    /// Nothing observable differs.
    Nothing,
}

impl FlagEffects {
    /// Creates the effects of a flag from those of its values. A flag has an effect if any of its values
    /// has one.
    pub fn new(name: impl Into<String>, values: Vec<FlagValue>) -> Self {
        let effect = values.iter().map(|value| value.effect).min();
        Self {
            name: name.into(),
            contract: false,
            effect: effect.unwrap_or(FlagEffect::Unknown),
            values,
        }
    }

    /// Returns a value with the effect of the flag, preferably one that is set; `None` if no values were
    /// compared.
    pub fn example(&self) -> Option<&FlagValue> {
        let examples = self.values.iter().filter(|one| one.effect == self.effect && one.pairs > 0);
        examples.min_by_key(|example| example.value.is_none())
    }
}

impl FlagValue {
    /// Creates the effect of a value, without changes. `text` is the value as a report prints it.
    pub fn new(value: Option<String>, text: impl Into<String>, effect: FlagEffect) -> Self {
        Self {
            value,
            text: text.into(),
            compared_with: String::new(),
            pairs: 0,
            effect,
            changes: Vec::new(),
            cases: Vec::new(),
            reason: String::new(),
            inert_under: Vec::new(),
        }
    }
}
