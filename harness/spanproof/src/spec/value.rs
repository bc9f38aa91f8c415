//! The value of a flag: an environment variable that changes the service. Unset, empty and each
//! spelling are different values.

use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The value of an environment variable, or its absence. In TOML a string or `{ unset = true }`; in
/// JSON a string or `null`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// The variable is not in the environment.
    Unset,
    /// The variable has this value, which may be empty.
    Set(String),
}

/// Whether a person would read a value as on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Intent {
    /// The flag is on.
    On,
    /// The flag is off.
    Off,
}

impl Value {
    /// Returns whether a person would read this value as on or off, even if the service reads it differently.
    /// Letter case, blanks and quotes do not matter. An unknown word means on.
    pub(crate) fn intent(&self) -> Intent {
        let Self::Set(text) = self else { return Intent::Off };
        let word = text.trim().trim_matches(['"', '\'']).trim().to_ascii_lowercase();
        match word.as_str() {
            "" | "0" | "false" | "no" | "off" | "n" | "f" | "disable" | "disabled" | "none" => {
                Intent::Off
            }
            _ => Intent::On,
        }
    }

    /// Returns the value as a string; `None` if the variable is unset.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Unset => None,
            Self::Set(text) => Some(text),
        }
    }
}

/// Prints `unset` or the value, in quotes if it could be misread.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_clear = |text: &str| {
            !text.is_empty()
                && text != "unset"
                && text.chars().all(|c| c.is_ascii_graphic() && !"\"'`,{}".contains(c))
        };
        match self {
            Self::Unset => f.write_str("unset"),
            Self::Set(text) if is_clear(text) => f.write_str(text),
            Self::Set(text) if text.contains('"') && !text.contains('\'') => write!(f, "'{text}'"),
            Self::Set(text) => write!(f, "{text:?}"),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

pub(super) struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, or `{ unset = true }` for a variable that is not set")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom("an environment variable can't contain a NUL byte"));
        }
        Ok(Value::Set(text.to_owned()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Unset)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        match map.next_entry::<String, bool>()? {
            Some((key, true)) if key == "unset" => Ok(Value::Unset),
            Some((key, _)) => Err(de::Error::custom(format!(
                "expected a string or `{{ unset = true }}`, found a table with `{key}`"
            ))),
            None => Err(de::Error::custom("expected a string or `{ unset = true }`, found `{}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_each_spelling_as_on_or_off() {
        for on in ["true", "TRUE", "True", "1", "yes", "on", "true ", " true", "true\n", "\"true\""]
        {
            assert_eq!(Value::Set(on.into()).intent(), Intent::On, "{on:?}");
        }
        for off in ["", " ", "0", "false", "FALSE", "no", "off", "\"false\""] {
            assert_eq!(Value::Set(off.into()).intent(), Intent::Off, "{off:?}");
        }
        assert_eq!(Value::Unset.intent(), Intent::Off);
    }

    #[test]
    fn unset_and_empty_differ_when_printed_and_in_json() {
        let (unset, empty) = (Value::Unset, Value::Set(String::new()));
        assert_eq!((unset.to_string(), empty.to_string()), ("unset".into(), "\"\"".into()));
        let json = serde_json::to_string(&[&unset, &empty]).unwrap();
        assert_eq!(json, r#"[null,""]"#);
        assert_eq!(serde_json::from_str::<[Value; 2]>(&json).unwrap(), [unset, empty]);
    }

    #[test]
    fn an_ambiguous_value_is_printed_in_quotes() {
        for (text, expected) in [
            ("true", "true"),
            ("true ", "\"true \""),
            ("\"true\"", "'\"true\"'"),
            ("unset", "\"unset\""),
            ("true\n", "\"true\\n\""),
        ] {
            assert_eq!(Value::Set(text.into()).to_string(), expected);
        }
    }
}
