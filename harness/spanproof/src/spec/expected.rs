//! `[[expected]]`: a known failure that is accepted until a date.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use spanproof_format::Code;

use super::Condition;
use crate::document::suggestion;

/// A known failure. It is accepted only if the finding has exactly this code.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// The code of the finding.
    #[serde(deserialize_with = "known_code")]
    #[schemars(schema_with = "super::schema::code")]
    pub code: Code,
    /// The cases that are expected to fail.
    #[serde(default)]
    pub when: Condition,
    /// Why the failure is accepted for now.
    pub reason: String,
    /// The last day on which the failure is accepted (UTC).
    pub until: Day,
}

/// Deserializes a code. The error for an unknown code suggests the nearest known code.
fn known_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| {
        let hint = suggestion(&text, Code::ALL.iter().map(|code| code.text()));
        serde::de::Error::custom(format!("{error}{hint}"))
    })
}

/// A calendar date such as `2026-12-31`; in TOML a date or a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(chrono::NaiveDate);

impl Day {
    /// Returns the current date in UTC.
    pub fn today() -> Self {
        Self(chrono::Utc::now().date_naive())
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = text.parse().map(Self);
        day.map_err(|_| format!("`{text}` is not a date; expected one like `2026-12-31`"))
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum DateOrText {
            Date(toml::value::Datetime),
            Text(String),
        }
        let text = match DateOrText::deserialize(deserializer)? {
            DateOrText::Date(date) => date.to_string(),
            DateOrText::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(value: &str) -> Result<Expected, toml::de::Error> {
        toml::from_str(&format!("code = 'unlinked'\nreason = 'r'\nuntil = {value}"))
    }

    #[test]
    fn the_error_for_an_unknown_code_suggests_the_nearest_known_code() {
        let error =
            toml::from_str::<Expected>("code = 'unliked'\nreason = 'r'\nuntil = 2026-12-31");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no code is named `unliked`; did you mean `unlinked`?"), "{error}");
        assert!(error.contains("line 1, column 8"), "{error}");
    }

    #[test]
    fn a_day_is_a_toml_date_or_a_string() {
        assert_eq!(until("2026-12-31").unwrap().until, until("'2026-12-31'").unwrap().until);
        assert!(until("2026-12-31").unwrap().until > until("2026-12-30").unwrap().until);
        let error = until("'soon'").unwrap_err().to_string();
        assert!(error.contains("`soon` is not a date; expected one like `2026-12-31`"), "{error}");
    }
}
