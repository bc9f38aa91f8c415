//! Parses documents and checks their versions.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::diagnosis::Diagnosis;
use super::flag_proof::FlagProof;
use super::flag_table::FlagTable;
use super::guard::Guard;
use super::observation::Observation;
use super::preflight::Preflight;
use super::run::Run;
use super::run_plan::RunPlan;
use super::traces::Traces;
use super::version::{Compatibility, EVIDENCE_FORMAT, compatibility};

/// A document that [`parse`] can parse. Its JSON contains its version.
pub trait Document: DeserializeOwned {
    /// The JSON key of the version.
    const KEY: &'static str;
    /// The supported version.
    const VERSION: &'static str;
}

macro_rules! documents {
    ($($document:ty, $key:literal, $version:expr;)*) => {
        $(impl Document for $document {
            const KEY: &'static str = $key;
            const VERSION: &'static str = $version;
        })*
    };
}

documents! {
    Run, "schema", "1";
    Diagnosis, "schema", "1";
    Preflight, "schema", "1";
    Guard, "schema", "1";
    FlagProof, "schema", "1";
    Traces, "schema", "1";
    FlagTable, "schema", "1";
    Observation, "format", EVIDENCE_FORMAT;
    RunPlan, "format", EVIDENCE_FORMAT;
}

/// Why a string could not be parsed as a document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is not JSON or not this kind of document.
    #[error("the text is not JSON, or not a document of the expected kind")]
    Json(#[from] serde_json::Error),
    /// The document has a different major version or none.
    #[error("expected a document of version {reads}, found version {found}")]
    Version {
        /// The version of the document, or `none`.
        found: String,
        /// The supported version.
        reads: &'static str,
    },
}

/// Parses a document that `spanproof` printed or stored.
///
/// # Errors
/// [`ParseError`] if the text is not a document of the type `T`, or has a different major version.
pub fn parse<T: Document>(text: &str) -> Result<T, ParseError> {
    let document: Json = serde_json::from_str(text)?;
    let found = match &document[T::KEY] {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => "none".to_owned(),
    };
    match compatibility(&found, T::VERSION) {
        Compatibility::Readable => Ok(serde_json::from_value(document)?),
        Compatibility::Newer | Compatibility::Unsupported => {
            Err(ParseError::Version { found, reads: T::VERSION })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_any_other_major_version() {
        let run = |schema: &str| {
            let text = include_str!("../../../fixtures/format-1/json/check.json");
            parse::<Run>(&text.replacen("\"schema\": 1", &format!("\"schema\": {schema}"), 1))
        };
        assert!(run("1").is_ok());
        for (schema, found) in [("2", "2"), ("0", "0"), ("null", "none")] {
            let error = run(schema).unwrap_err().to_string();
            assert_eq!(error, format!("expected a document of version 1, found version {found}"));
        }
        assert!(matches!(parse::<Run>("{"), Err(ParseError::Json(_))));
    }
}
