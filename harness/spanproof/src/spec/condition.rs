//! Conditions on cases. A case is one combination of values to run the service with: a value for each
//! flag (an environment variable), a route (a way to submit a job), a behaviour of the fake upstream, a
//! job and an optional fault.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Value;
use super::value::ValueVisitor;

/// The values of a case by the names that conditions use: the flags, `route`, `upstream`, `job` and
/// `fault`.
pub(crate) type Facts<'a> = BTreeMap<&'a str, Value>;

/// A condition on a case. It holds if each name in it has one of the listed values in the case:
/// `{ ROUTER_OFF = "true", route = ["a", "b"] }`. An empty condition holds for every case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Condition(BTreeMap<String, OneOrMany>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OneOrMany(Vec<Value>);

impl Condition {
    /// Whether the condition holds for a case with these values.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> bool {
        self.0.iter().all(|(name, values)| {
            facts.get(name.as_str()).is_some_and(|fact| values.0.contains(fact))
        })
    }

    /// Whether no case can meet both conditions, because they allow no common value for some name.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        self.0.iter().any(|(name, values)| {
            let others = other.0.get(name);
            others.is_some_and(|others| !values.0.iter().any(|value| others.0.contains(value)))
        })
    }

    /// Whether every case that meets this condition also meets `other`.
    pub(super) fn implies(&self, other: &Self) -> bool {
        other.0.iter().all(|(name, allowed)| {
            let values = self.0.get(name);
            values.is_some_and(|values| values.0.iter().all(|value| allowed.0.contains(value)))
        })
    }

    /// Returns every name with its allowed values.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.0.iter().map(|(name, values)| (name.as_str(), values.0.as_slice()))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, values)) in self.0.iter().enumerate() {
            let values: Vec<_> = values.0.iter().map(ToString::to_string).collect();
            let and = if at == 0 { "" } else { " and " };
            write!(f, "{and}{name}={}", values.join("|"))?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;

        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, `{ unset = true }` or a list of these")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
                ValueVisitor.visit_str(text).map(|value| OneOrMany(vec![value]))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<OneOrMany, A::Error> {
                ValueVisitor.visit_map(map).map(|value| OneOrMany(vec![value]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                if values.is_empty() {
                    let message =
                        "an empty list holds for no case; name a value, or remove the key";
                    return Err(de::Error::custom(message));
                }
                Ok(OneOrMany(values))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_if_each_of_its_names_has_an_allowed_value() {
        let condition: Condition =
            toml::from_str("route = ['a', 'b']\nFLAG = { unset = true }").unwrap();
        let facts = |route: &str, flag: Value| {
            Facts::from([("route", Value::Set(route.into())), ("FLAG", flag)])
        };
        assert!(condition.holds(&facts("b", Value::Unset)));
        assert!(!condition.holds(&facts("c", Value::Unset)));
        assert!(!condition.holds(&facts("a", Value::Set(String::new()))));
        assert_eq!(condition.to_string(), "FLAG=unset and route=a|b");
    }

    #[test]
    fn a_name_without_values_is_rejected_because_no_case_meets_it() {
        let error = toml::from_str::<Condition>("route = []").unwrap_err().to_string();
        assert!(error.contains("an empty list holds for no case"), "{error}");
    }

    #[test]
    fn conditions_that_no_case_meets_together_exclude_each_other() {
        let condition = |text: &str| -> Condition { toml::from_str(text).unwrap() };
        let (a, a_or_b) = (condition("route = 'a'"), condition("route = ['a', 'b']"));
        let (c, flag) = (condition("route = 'c'"), condition("FLAG = 'a'"));
        assert!(a.excludes(&c) && a_or_b.excludes(&c));
        assert!(!a.excludes(&a_or_b) && !a.excludes(&flag) && !a.excludes(&Condition::default()));
        assert!(a.implies(&a_or_b) && a.implies(&Condition::default()));
        assert!(!a_or_b.implies(&a) && !a.implies(&flag));
    }
}
