//! Reading a document with its version checked.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::diagnosis::Diagnosis;
use super::observation::{Observation, RunPlan};
use super::preflight::Preflight;
use super::run::Run;
use super::traces::Traces;
use super::version::{Age, EVIDENCE_FORMAT, age};

/// A document that has a version: what [`parse`] reads.
pub trait Document: DeserializeOwned {
    /// The key of its version.
    const KEY: &'static str;
    /// The version that is read.
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
    Traces, "schema", "1";
    Observation, "format", EVIDENCE_FORMAT;
    RunPlan, "format", EVIDENCE_FORMAT;
}

/// A text that is not a document of this version.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is not JSON, or not this document.
    #[error("not a document of this kind")]
    Json(#[from] serde_json::Error),
    /// The document is of another major version, or has none.
    #[error("the document has version {found}, and this version reads {reads}")]
    Version {
        /// The version of the document; `none` if it has none.
        found: String,
        /// The version that is read.
        reads: &'static str,
    },
}

/// Parses a document that a command printed or stored.
///
/// # Errors
/// [`ParseError`] if the text is not such a document, or of another major version.
pub fn parse<T: Document>(text: &str) -> Result<T, ParseError> {
    let document: Json = serde_json::from_str(text)?;
    let found = match &document[T::KEY] {
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        _ => "none".to_owned(),
    };
    match age(&found, T::VERSION) {
        Age::Readable => Ok(serde_json::from_value(document)?),
        Age::Newer | Age::Strange => Err(ParseError::Version { found, reads: T::VERSION }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_major_version_is_refused() {
        let run = |schema: &str| {
            let text = include_str!("../../../fixtures/format-1/json/check.json");
            parse::<Run>(&text.replacen("\"schema\": 1", &format!("\"schema\": {schema}"), 1))
        };
        assert!(run("1").is_ok());
        for (schema, found) in [("2", "2"), ("0", "0"), ("null", "none")] {
            let error = run(schema).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("the document has version {found}, and this version reads 1")
            );
        }
        assert!(matches!(parse::<Run>("{"), Err(ParseError::Json(_))));
    }
}
