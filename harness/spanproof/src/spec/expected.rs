//! `[[expected]]`: a failure that is known, and accepted until a day.

use serde::{Deserialize, Deserializer};
use spanproof_format::Code;

use super::Condition;
use crate::document::suggestion;

/// A known failure. It is accepted with exactly this code, for a reason, until a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// The code, as in a verdict.
    #[serde(deserialize_with = "known_code")]
    pub code: Code,
    /// The cases it is expected in.
    #[serde(default)]
    pub when: Condition,
    /// Why it is accepted for now.
    pub reason: String,
    /// The last day on which it is accepted.
    pub until: Day,
}

fn known_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| {
        let hint = suggestion(&text, Code::ALL.iter().map(|code| code.text()));
        serde::de::Error::custom(format!("{error}{hint}"))
    })
}

/// A day of the calendar, as `2026-12-31`; in the file a date or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(chrono::NaiveDate);

impl Day {
    /// The day that it is, in UTC.
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
        day.map_err(|_| format!("`{text}` is no day; write it as `2026-12-31`"))
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Date(toml::value::Datetime),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Date(date) => date.to_string(),
            Written::Text(text) => text,
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
    fn a_code_that_does_not_exist_is_refused_with_the_nearest() {
        let error =
            toml::from_str::<Expected>("code = 'unliked'\nreason = 'r'\nuntil = 2026-12-31");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("no code is named `unliked`; did you mean `unlinked`?"), "{error}");
        assert!(error.contains("line 1, column 8"), "{error}");
    }

    #[test]
    fn a_day_is_a_date_or_a_text() {
        assert_eq!(until("2026-12-31").unwrap().until, until("'2026-12-31'").unwrap().until);
        assert!(until("2026-12-31").unwrap().until > until("2026-12-30").unwrap().until);
        let error = until("'soon'").unwrap_err().to_string();
        assert!(error.contains("`soon` is no day; write it as `2026-12-31`"), "{error}");
    }
}
