//! How certain the code of a finding is, and which other codes were considered. A finding is a reason why
//! a case fails; its code is the fixed name of the reason.

use serde::{Deserialize, Serialize};

use super::code::Code;

/// How certain the code of a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Confidence {
    /// The reason was observed directly, or facts prove this code and exclude every other code.
    #[default]
    Certain,
    /// Facts exclude every other code, but no fact proves this one.
    Likely,
    /// The evidence fits several codes, or none.
    Undetermined,
    /// A value of a newer version.
    #[serde(other)]
    Unknown,
}

impl Confidence {
    /// Whether the code is certain.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn is_certain(&self) -> bool {
        *self == Self::Certain
    }
}

/// Another reason that was considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Alternative {
    /// The code of the reason.
    pub code: Code,
    /// The fact that excludes the reason; `None` if the reason is still possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded_by: Option<String>,
}

impl Alternative {
    /// Creates an alternative that is still possible.
    pub fn possible(code: Code) -> Self {
        Self { code, excluded_by: None }
    }

    /// Returns the codes that are still possible.
    pub fn possible_codes(all: &[Self]) -> Vec<Code> {
        all.iter().filter(|one| one.excluded_by.is_none()).map(|one| one.code).collect()
    }

    /// Creates an alternative that a fact excludes.
    pub fn excluded(code: Code, fact: impl Into<String>) -> Self {
        Self { code, excluded_by: Some(fact.into()) }
    }
}
