//! `[[flag]]`: an environment variable that changes the service, with its *contract*: whether the service
//! reads a value as on or off, and which effects (lines, spans, requests, rows) must follow.

use std::fmt;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::{Condition, Facts, Intent, Value};

/// The placeholder for the value of the flag in a pattern.
pub(super) const VALUE: &str = "{value}";

/// `[[flag]]`: an environment variable that changes the service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The name of the variable.
    pub(crate) name: String,
    /// The values that cases use.
    pub(crate) values: Vec<Value>,
    /// The default value. Without this key, it is `{ unset = true }` if that is one of `values`, and
    /// otherwise the first value. A flag with its default value does not change the id of a case.
    pub(crate) default: Option<Value>,
    /// Whether the flag switches tracing on and off.
    #[serde(default)]
    pub(crate) tracing: bool,
    /// What the values mean: `switch`, `number` or `choice`.
    #[serde(default)]
    pub(crate) kind: FlagKind,
    /// The values that the service reads as on. By default every value that a person would read as "on".
    pub(crate) enables: Option<Vec<Value>>,
    /// The values that the service reads as off. By default every value that it does not read as on.
    pub(crate) disables: Option<Vec<Value>>,
    /// The effects that occur if the flag is on, and never if it is off.
    pub(crate) on: Option<Effects>,
    /// The effects that occur if the flag is off, and never if it is on.
    pub(crate) off: Option<Effects>,
    /// The effects of each number or choice. `{value}` stands for the value.
    pub(crate) each: Option<Effects>,
    /// The values that other flags must have. If one of them has another value, this flag is off.
    #[serde(default)]
    pub(crate) needs: Condition,
    /// Whether `spanproof flags` also runs the service with common spellings of on and off.
    #[serde(default)]
    pub(crate) sweep: bool,
}

/// `kind`: what the values of a flag mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FlagKind {
    /// On or off.
    #[default]
    Switch,
    /// A number, such as a limit.
    Number,
    /// One of several strings.
    Choice,
}

/// The state of a flag in a case, according to the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlagState {
    /// The flag is on.
    On,
    /// The flag has a value that means off, or another flag lacks a value that `needs` requires.
    Off,
    /// The spec does not define whether the value means on or off.
    Unspecified,
}

/// What can be observed if a flag is in a state, or has a value. Each key is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Effects {
    /// A pattern for a line that the service prints before it is ready.
    pub startup: Option<Pattern>,
    /// A pattern for a line that the service prints at any time.
    pub log: Option<Pattern>,
    /// Names of spans that are stored, if tracing is on.
    #[serde(default)]
    pub spans: Vec<String>,
    /// `true` for any request to the upstream, or a pattern for the path of a request.
    pub requests: Option<Requests>,
    /// A table that gets rows, or a query that returns more rows than before the case.
    pub rows: Option<String>,
}

/// A regular expression, in which `{value}` stands for the value of the flag.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Pattern(String);

/// Requests to the upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requests {
    /// Any request.
    Any,
    /// Requests whose path matches.
    Path(Pattern),
}

impl Flag {
    /// Returns the name of the variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the values that cases use.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Returns the default value.
    pub fn default_value(&self) -> Value {
        let first = || self.values.first().cloned().unwrap_or(Value::Unset);
        match &self.default {
            Some(value) => value.clone(),
            None if self.values.contains(&Value::Unset) => Value::Unset,
            None => first(),
        }
    }

    /// Returns the value that the other values are compared with: unset, or else a value that a person would
    /// read as "off", or else the default. Unset and "off" are not used if the spec lists them in `enables`.
    pub(crate) fn baseline(&self) -> Value {
        let off = |value: &&Value| !self.enables.as_ref().is_some_and(|on| on.contains(value));
        let mut values = self.values.iter().filter(off);
        let unset = values.clone().find(|value| **value == Value::Unset);
        let found = unset.or_else(|| values.find(|value| value.intent() == Intent::Off)).cloned();
        found.unwrap_or_else(|| self.default_value())
    }

    /// Whether the service reads this value as on.
    pub fn is_on(&self, value: &Value) -> bool {
        match &self.enables {
            Some(values) => values.contains(value),
            None => value.intent() == Intent::On,
        }
    }

    /// Whether the spec asks for a sweep of common spellings.
    pub fn sweeps(&self) -> bool {
        self.sweep
    }

    /// Whether the values of the flag mean on and off.
    pub fn is_switch(&self) -> bool {
        self.kind == FlagKind::Switch
    }

    /// Whether the service must record spans with this value of the tracing flag.
    pub fn records(&self, value: &Value) -> bool {
        self.is_on(value)
    }

    /// Whether the spec declares effects of the flag.
    pub(crate) fn has_contract(&self) -> bool {
        self.effects().next().is_some()
    }

    /// Returns the declared effects, each with its key in the spec.
    pub(crate) fn effects(&self) -> impl Iterator<Item = (&'static str, &Effects)> {
        let all = [("on", &self.on), ("off", &self.off), ("each", &self.each)];
        all.into_iter().filter_map(|(key, effects)| Some((key, effects.as_ref()?)))
    }

    /// Returns the state of the flag in a case with these values.
    pub(crate) fn state(&self, facts: &Facts<'_>) -> FlagState {
        let value = facts.get(self.name.as_str()).unwrap_or(&Value::Unset);
        let is_disabled = |values: &Vec<Value>| values.contains(value);
        if self.is_on(value) {
            // In an existing system, the value of another flag may be unknown. It is taken to be as required.
            let is_met = |(name, values): (&str, &[Value])| {
                facts.get(name).is_none_or(|value| values.contains(value))
            };
            if self.needs.terms().all(is_met) { FlagState::On } else { FlagState::Off }
        } else if self.disables.as_ref().is_none_or(is_disabled) {
            FlagState::Off
        } else {
            FlagState::Unspecified
        }
    }

    /// Returns the values that [`Flag::each`] applies to: numbers, or non-empty strings.
    pub(crate) fn choices(&self) -> impl Iterator<Item = &Value> {
        self.values.iter().filter(|value| self.is_choice(value))
    }

    /// Whether a value is a number, if the flag is a number, or a non-empty string, if it is a choice.
    /// `false` if the flag is a switch.
    pub(crate) fn is_choice(&self, value: &Value) -> bool {
        let Some(text) = value.text() else { return false };
        match self.kind {
            FlagKind::Switch => false,
            FlagKind::Number => text.parse::<f64>().is_ok(),
            FlagKind::Choice => !text.is_empty(),
        }
    }
}

impl Effects {
    /// Whether no effect is named.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Pattern {
    /// Returns the regular expression for a value of the flag; `None` if it can't be compiled.
    pub(crate) fn regex(&self, value: &Value) -> Option<Regex> {
        self.compile(value.text().unwrap_or_default()).ok()
    }

    fn compile(&self, value: &str) -> Result<Regex, regex::Error> {
        Regex::new(&self.0.replace(VALUE, &regex::escape(value)))
    }

    /// Whether the pattern contains `{value}`.
    pub(crate) fn names_value(&self) -> bool {
        self.0.contains(VALUE)
    }
}

/// Writes the pattern as written in the spec.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pattern = Self(text);
        // A pattern that matches the empty string matches every line.
        let regex = pattern.compile("value").map_err(|error| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().replace("error: ", "");
            format!("not a regular expression: {last}")
        })?;
        if regex.is_match("") {
            return Err(format!(
                "the pattern `{pattern}` matches every line; make it match specific text"
            ));
        }
        Ok(pattern)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Requests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RequestsVisitor;

        impl de::Visitor<'_> for RequestsVisitor {
            type Value = Requests;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` for any request, or a pattern for the path of a request")
            }

            fn visit_bool<E: de::Error>(self, any: bool) -> Result<Requests, E> {
                let message = "remove `requests = false`: the requests that `on` names are always forbidden \
                               while the flag is off, and those that `off` names while it is on";
                if any { Ok(Requests::Any) } else { Err(E::custom(message)) }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Requests, E> {
                text.to_owned().try_into().map(Requests::Path).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(RequestsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(text: &str) -> Flag {
        toml::from_str(text).unwrap()
    }

    fn state(flag: &Flag, values: &[(&str, &str)]) -> FlagState {
        let facts =
            values.iter().map(|(name, value)| (*name, Value::Set((*value).to_owned()))).collect();
        flag.state(&facts)
    }

    #[test]
    fn a_flag_is_off_unless_other_flags_have_the_values_that_it_needs() {
        let flag = flag("name = 'A'\nvalues = ['1', '0']\nneeds = { B = 'yes' }");
        assert_eq!(state(&flag, &[("A", "1"), ("B", "yes")]), FlagState::On);
        assert_eq!(state(&flag, &[("A", "1"), ("B", "no")]), FlagState::Off);
        assert_eq!(state(&flag, &[("A", "0"), ("B", "yes")]), FlagState::Off);
    }

    #[test]
    fn a_value_that_is_neither_in_enables_nor_in_disables_is_unspecified() {
        let flag =
            flag("name = 'A'\nvalues = ['1', 'maybe', '0']\nenables = ['1']\ndisables = ['0']");
        assert_eq!(state(&flag, &[("A", "maybe")]), FlagState::Unspecified);
        assert_eq!(state(&flag, &[("A", "0")]), FlagState::Off);
    }

    #[test]
    fn the_value_in_a_pattern_is_escaped() {
        let pattern = Pattern::try_from("^limit={value}$".to_owned()).unwrap();
        let regex = pattern.regex(&Value::Set("1.5".into())).unwrap();
        assert!(regex.is_match("limit=1.5") && !regex.is_match("limit=125"));
        let error = Pattern::try_from(".*".to_owned()).unwrap_err();
        assert!(error.contains("matches every line"), "{error}");
    }
}
