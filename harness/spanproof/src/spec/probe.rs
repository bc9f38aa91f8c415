//! Patterns that recognise what the service says about its tracing.

use regex::Regex;
use serde::Deserialize;
use toml::Spanned;

use crate::document::{Document, Error};

/// The patterns as the file has them. All are optional: a service may say nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProbeFile {
    started: Option<Spanned<String>>,
    tracer: Option<Spanned<String>>,
    enabled: Option<Spanned<String>>,
    attempt: Option<Spanned<String>>,
    acknowledged: Option<Spanned<String>>,
    refused: Option<Spanned<String>>,
    unfinished: Option<Spanned<String>>,
}

/// Compiled patterns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probes {
    started: Option<Regex>,
    tracer: Option<Regex>,
    enabled: Option<String>,
    attempt: Option<Regex>,
    acknowledged: Option<Regex>,
    refused: Option<Regex>,
    unfinished: Option<Regex>,
}

/// What a tracer line at startup says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Banner {
    /// Whether it says that tracing is on.
    pub enabled: bool,
    /// The flag's raw value as the service saw it, when it says so.
    pub raw: Option<String>,
}

/// What a line about the start of a span says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The span's operation, when it says so.
    pub operation: Option<String>,
    /// Whether the tracer was enabled; taken as yes when it does not say.
    pub enabled: bool,
}

impl ProbeFile {
    /// Whether there is a pattern for what a service says when a span is lost.
    pub(super) fn recognises_failures(&self) -> bool {
        self.refused.is_some() || self.unfinished.is_some()
    }

    pub(super) fn compile(self, document: &Document) -> Result<Probes, Error> {
        let tracer = pattern(document, self.tracer, &["state"])?;
        if let (Some(_), None) = (&tracer, &self.enabled) {
            let message = "`tracer` needs `enabled`: the text of its `state` that means on";
            return Err(document.wrong(0..0, message));
        }
        Ok(Probes {
            started: pattern(document, self.started, &[])?,
            tracer,
            enabled: self.enabled.map(Spanned::into_inner),
            attempt: pattern(document, self.attempt, &[])?,
            acknowledged: pattern(document, self.acknowledged, &[])?,
            refused: pattern(document, self.refused, &[])?,
            unfinished: pattern(document, self.unfinished, &[])?,
        })
    }
}

fn pattern(
    document: &Document,
    text: Option<Spanned<String>>,
    captures: &[&str],
) -> Result<Option<Regex>, Error> {
    let Some(text) = text else { return Ok(None) };
    let regex = compiled(document, &text)?;
    for capture in captures {
        if regex.capture_names().flatten().all(|name| name != *capture) {
            let message = format!("the pattern needs a group named `(?<{capture}>…)`");
            return Err(document.wrong(text.span(), message));
        }
    }
    Ok(Some(regex))
}

/// A regular expression of the file.
pub(super) fn compiled(document: &Document, text: &Spanned<String>) -> Result<Regex, Error> {
    Regex::new(text.get_ref()).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().replace("error: ", "");
        document.wrong(text.span(), format!("not a regular expression: {last}"))
    })
}

impl Probes {
    /// Whether the line says that the service starts, whatever its flags are.
    pub(crate) fn started(&self, line: &str) -> bool {
        self.started.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }

    /// The patterns, as they stand in the spec.
    pub(crate) fn patterns(&self) -> Vec<&str> {
        let all = [
            &self.started,
            &self.tracer,
            &self.attempt,
            &self.acknowledged,
            &self.refused,
            &self.unfinished,
        ];
        all.into_iter().flatten().map(Regex::as_str).collect()
    }

    /// Whether there is a pattern for the tracer line.
    pub(crate) fn knows_tracer(&self) -> bool {
        self.tracer.is_some()
    }

    /// Whether there is a pattern for the start of a span.
    pub(crate) fn knows_attempts(&self) -> bool {
        self.attempt.is_some()
    }

    /// What the line says, if it is the tracer's line at startup.
    pub(crate) fn banner(&self, line: &str) -> Option<Banner> {
        let found = self.tracer.as_ref()?.captures(line)?;
        Some(Banner {
            enabled: Some(&found["state"]) == self.enabled.as_deref(),
            raw: found.name("raw").map(|raw| raw.as_str().to_owned()),
        })
    }

    /// What the line says, if it is about the start of a span.
    pub(crate) fn attempt(&self, line: &str) -> Option<Attempt> {
        let found = self.attempt.as_ref()?.captures(line)?;
        let enabled = found.name("enabled").is_none_or(|word| word.as_str() == "true");
        let operation = found.name("operation").map(|name| name.as_str().to_owned());
        Some(Attempt { operation, enabled })
    }

    /// Whether the line says that a span was written.
    pub(crate) fn acknowledged(&self, line: &str) -> bool {
        self.acknowledged.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }

    /// Whether the line says that a span could not be written.
    pub(crate) fn refused(&self, line: &str) -> bool {
        self.refused.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }

    /// Whether the line says that a span could not be completed.
    pub(crate) fn unfinished(&self, line: &str) -> bool {
        self.unfinished.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }
}
