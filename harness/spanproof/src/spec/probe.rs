//! Probes: patterns that recognise the lines in which the service reports on its tracing.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use crate::document::{Document, Error};

/// `[probes]`: regular expressions for lines that the service prints about its tracing. All are
/// optional, because a service may print no such lines.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProbeFile {
    /// A line that the service always prints at startup.
    #[schemars(with = "Option<String>")]
    started: Option<Spanned<String>>,
    /// The tracer's line at startup. The group `(?<state>…)` is required and tells whether tracing is
    /// on. The group `(?<raw>…)` is optional and is the flag's value.
    #[schemars(with = "Option<String>")]
    tracer: Option<Spanned<String>>,
    /// The text of the group `state` that means on.
    #[schemars(with = "Option<String>")]
    enabled: Option<Spanned<String>>,
    /// A line that reports the start of a span. Two groups are optional: `(?<name>…)`, the span's name, and
    /// `(?<enabled>…)`, which is `true` if the tracer is enabled.
    #[schemars(with = "Option<String>")]
    attempt: Option<Spanned<String>>,
    /// A line that reports that a span was written. Here and in the two patterns below, the group
    /// `(?<count>…)` is optional and is the number of spans that the line is about.
    #[schemars(with = "Option<String>")]
    acknowledged: Option<Spanned<String>>,
    /// A line that reports that a span could not be written.
    #[schemars(with = "Option<String>")]
    refused: Option<Spanned<String>>,
    /// A line that reports that a stored span could not be completed when it ended.
    #[schemars(with = "Option<String>")]
    unfinished: Option<Spanned<String>>,
}

/// The compiled patterns of `[probes]`.
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

/// What the tracer's line at startup reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Banner {
    /// Whether the line reports that tracing is on.
    pub enabled: bool,
    /// The raw value of the flag that the service has read; `None` if the line does not contain it.
    pub raw: Option<String>,
}

/// What a line about the start of a span reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The span's name; `None` if the line does not contain it.
    pub name: Option<String>,
    /// Whether the tracer was enabled; `true` if the line does not report it.
    pub enabled: bool,
}

impl ProbeFile {
    /// Whether there is a pattern for lines that report a lost span.
    pub(super) fn has_failure_probe(&self) -> bool {
        self.refused.is_some() || self.unfinished.is_some()
    }

    /// Compiles the patterns.
    ///
    /// # Errors
    /// If a pattern is not a regular expression, or `tracer` lacks the group `state` or is given without
    /// `enabled`.
    pub(super) fn compile(self, document: &Document) -> Result<Probes, Error> {
        let tracer = pattern(document, self.tracer, &["state"])?;
        if let (Some(_), None) = (&tracer, &self.enabled) {
            let message = "`tracer` needs `enabled`: the text of the group `state` that means on";
            return Err(document.error_at(0..0, message));
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

/// Compiles a pattern that must have these named groups; `None` if the spec does not have it.
fn pattern(
    document: &Document,
    text: Option<Spanned<String>>,
    groups: &[&str],
) -> Result<Option<Regex>, Error> {
    let Some(text) = text else { return Ok(None) };
    let regex = compile(document, &text)?;
    for group in groups {
        if regex.capture_names().flatten().all(|name| name != *group) {
            let message = format!("the pattern needs a group named `(?<{group}>…)`");
            return Err(document.error_at(text.span(), message));
        }
    }
    Ok(Some(regex))
}

/// Compiles a regular expression of the file.
pub(super) fn compile(document: &Document, text: &Spanned<String>) -> Result<Regex, Error> {
    Regex::new(text.get_ref()).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().last().unwrap_or_default().replace("error: ", "");
        document.error_at(text.span(), format!("not a regular expression: {last}"))
    })
}

impl Probes {
    /// Whether there is a pattern for lines that report a lost span.
    pub(crate) fn has_failure(&self) -> bool {
        self.refused.is_some() || self.unfinished.is_some()
    }

    /// Whether the line is the one that the service always prints at startup.
    pub(crate) fn started(&self, line: &str) -> bool {
        self.started.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }

    /// Returns the patterns as written in the spec.
    pub(crate) fn patterns(&self) -> Vec<&str> {
        self.by_key().map(|(_, pattern)| pattern.as_str()).collect()
    }

    /// Returns the keys of the patterns that match none of the lines.
    pub(crate) fn without_match<'a>(
        &self,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Vec<&'static str> {
        let mut left: Vec<_> = self.by_key().collect();
        for line in lines {
            if left.is_empty() {
                break;
            }
            left.retain(|(_, pattern)| !pattern.is_match(line));
        }
        left.into_iter().map(|(key, _)| key).collect()
    }

    /// Returns the patterns with their keys in the spec.
    fn by_key(&self) -> impl Iterator<Item = (&'static str, &Regex)> {
        let all = [
            ("started", &self.started),
            ("tracer", &self.tracer),
            ("attempt", &self.attempt),
            ("acknowledged", &self.acknowledged),
            ("refused", &self.refused),
            ("unfinished", &self.unfinished),
        ];
        all.into_iter().filter_map(|(key, pattern)| Some((key, pattern.as_ref()?)))
    }

    /// Whether there is a pattern for the tracer's line at startup.
    pub(crate) fn has_tracer(&self) -> bool {
        self.tracer.is_some()
    }

    /// Whether there is a pattern for the start of a span.
    pub(crate) fn has_attempt(&self) -> bool {
        self.attempt.is_some()
    }

    /// Parses the tracer's line at startup; `None` for any other line.
    pub(crate) fn banner(&self, line: &str) -> Option<Banner> {
        // Capture groups are slow, and few lines match.
        let found = self.tracer.as_ref().filter(|tracer| tracer.is_match(line))?.captures(line)?;
        Some(Banner {
            enabled: Some(&found["state"]) == self.enabled.as_deref(),
            raw: found.name("raw").map(|raw| raw.as_str().to_owned()),
        })
    }

    /// Returns the first offset at which a pattern matches a line; `None` if no pattern matches.
    /// The pattern `started` is not used.
    pub(crate) fn match_start(&self, line: &str) -> Option<usize> {
        let patterns = self.by_key().filter(|(key, _)| *key != "started");
        patterns.filter_map(|(_, pattern)| Some(pattern.find(line)?.start())).min()
    }

    /// Whether the line is about the start of a span.
    pub(crate) fn is_begin_line(&self, line: &str) -> bool {
        self.attempt.as_ref().is_some_and(|pattern| pattern.is_match(line))
    }

    /// Parses a line about the start of a span; `None` for any other line.
    pub(crate) fn attempt(&self, line: &str) -> Option<Attempt> {
        let found = self.attempt.as_ref()?.captures(line)?;
        let enabled = found.name("enabled").is_none_or(|word| word.as_str() == "true");
        let name = found.name("name").map(|name| name.as_str().to_owned());
        Some(Attempt { name, enabled })
    }

    /// Returns how many spans the line reports as written; 0 for any other line.
    pub(crate) fn acknowledged(&self, line: &str) -> usize {
        count(self.acknowledged.as_ref(), line)
    }

    /// Returns how many spans could not be written, as the line reports; 0 for any other line.
    pub(crate) fn refused(&self, line: &str) -> usize {
        count(self.refused.as_ref(), line)
    }

    /// Returns how many spans could not be completed, as the line reports; 0 for any other line.
    pub(crate) fn unfinished(&self, line: &str) -> usize {
        count(self.unfinished.as_ref(), line)
    }
}

/// Returns the number of spans that a line is about: the group `count`, or 1 without this group; 0 if the
/// pattern does not match.
fn count(pattern: Option<&Regex>, line: &str) -> usize {
    let Some(pattern) = pattern.filter(|pattern| pattern.is_match(line)) else { return 0 };
    // Capturing groups is slow, and most patterns have none.
    let has_groups = pattern.captures_len() > 1;
    let Some(found) = has_groups.then(|| pattern.captures(line)).flatten() else { return 1 };
    let count = found.name("count").and_then(|count| count.as_str().parse().ok());
    count.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use crate::spec::example;

    #[test]
    fn a_line_can_report_a_number_of_spans() {
        let pattern = |text: &str| {
            let (old, new) = ("acknowledged = '", format!("acknowledged = '{text}|"));
            example(|spec| spec.replacen(old, &new, 1)).probes
        };
        let batch = pattern(r"flushed (?<count>\d+) spans");
        assert_eq!(batch.acknowledged("flushed 512 spans"), 512);
        assert_eq!(batch.acknowledged("flushed 0 spans"), 0, "the line is about no span");
        assert_eq!(batch.acknowledged("flushed no spans"), 0);
        assert_eq!(batch.acknowledged("✅ StartSpan RecordSpan success"), 1);
        assert_eq!(batch.refused("flushed 512 spans"), 0);
        assert_eq!(pattern("flushed .* spans").acknowledged("flushed 512 spans"), 1);
    }
}
