//! `[startup]` as written in the file, before its patterns are compiled.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::probe;
use super::section::{Redaction, Startup};
use crate::document::{Document, Error};

/// `[startup]`: the output of the service until it is ready.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StartupFile {
    /// The folder of snapshots, one for each combination of flag values.
    snapshots: Option<PathBuf>,
    /// Output that varies from run to run, to replace with placeholders.
    redact: Vec<RedactionFile>,
}

/// Output that varies from run to run, and its placeholder.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RedactionFile {
    /// Matches the output.
    #[schemars(with = "String")]
    pattern: Spanned<String>,
    /// The name of the placeholder, printed as `[NAME]`.
    name: String,
}

impl StartupFile {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// If a pattern is not a regular expression.
    pub(super) fn compile(self, document: &Document) -> Result<Startup, Error> {
        let redact = self.redact.into_iter().map(|rule| {
            let pattern = probe::compile(document, &rule.pattern)?;
            Ok(Redaction { pattern, name: rule.name })
        });
        Ok(Startup { snapshots: self.snapshots, redact: redact.collect::<Result<_, Error>>()? })
    }
}
