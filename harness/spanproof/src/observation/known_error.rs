//! Recognises error lines that common trace exporters and Postgres drivers print, without a pattern in
//! the spec.

use std::sync::LazyLock;

use regex::Regex;

use crate::log::{Format, Level, parse_line};

/// The kind of error that a line reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownError {
    /// An exporter could not send spans to a collector.
    Exporter,
    /// The queue in front of the exporter dropped spans.
    Dropped,
    /// The span table could not be written.
    Write,
}

/// Texts that exporters print when they fail, each with the library that prints it.
const EXPORTERS: &[(&str, &str)] = &[
    ("Failed to export traces to ", "opentelemetry-exporter-otlp-proto-grpc, Python"),
    (
        "while exporting traces to ",
        "opentelemetry-exporter-otlp-proto-grpc, Python, before a retry",
    ),
    ("Failed to export span batch", "opentelemetry-exporter-otlp-proto-http, Python"),
    ("Exception while exporting Span", "opentelemetry-sdk, Python"),
    ("OTLPExporterError", "@opentelemetry/otlp-exporter-base, JavaScript"),
    ("Failed to export spans", "io.opentelemetry.exporter, Java"),
    ("traces export: ", "go.opentelemetry.io/otel/exporters/otlp/otlptrace, Go"),
    ("OpenTelemetry trace error occurred", "opentelemetry, Rust, before 0.28"),
    ("BatchSpanProcessor.ExportError", "opentelemetry_sdk, Rust"),
    ("OpenTelemetry error: Unable to export", "opentelemetry-sdk, Ruby"),
    ("OTLP::Exporter#send_bytes", "opentelemetry-exporter-otlp, Ruby"),
];

/// Texts that span queues print when they are full, each with the library that prints it.
const QUEUES: &[(&str, &str)] = &[
    ("Queue is full, likely spans/logs will be dropped", "opentelemetry-sdk, Python"),
    ("Queue full, dropping ", "opentelemetry-sdk, Python, since 1.35"),
    ("BatchSpanProcessor.SpanDroppingStarted", "opentelemetry_sdk, Rust"),
];

/// Matches a service's own words for a queue that has no room for a span.
static FULL_QUEUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:queue|buffer|backlog|channel)\b[^.;]{0,30}\b(?:full|overflow(?:ed|s|ing)?|over capacity|at capacity|limit reached|exceeded)\b|\bfull (?:span |trace |export )?(?:queue|buffer|channel)\b|\bno available capacity\b",
    )
    .ok()
});

/// Environment variables that switch OpenTelemetry off, and the values that do so (OpenTelemetry
/// specification, "Environment Variable Specification").
pub(crate) const LIBRARY_OFF: [(&str, &str); 2] =
    [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")];

/// Matches a line that reports such a variable with such a value.
static LIBRARY_OFF_REPORT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let setting = |(name, value): (&str, &str)| format!(r#"{name}["']?\s*[=:]\s*["']?{value}"#);
    let settings = LIBRARY_OFF.map(setting).join("|");
    Regex::new(&format!(r"(?i)\b(?:{settings})\b")).ok()
});

/// Parts of Postgres's own messages about failed statements (from src/backend). Drivers print these
/// messages unchanged.
const WRITE_ERRORS: &[&str] = &[
    "permission denied for",
    "does not exist",
    "violates",
    "duplicate key value",
    "read-only transaction",
    "canceling statement due to",
    "value too long for type",
    "invalid input syntax for",
    "null value in column",
    "deadlock detected",
];

/// Words in a line about a write error that the service recovers from: it retries, or expects the error.
static HANDLED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:re-?try|re-?trying|re-?tried|re-?tries|try(?:ing)? again|back(?:ing)?[ -]?off|handled|ignor(?:ed?|ing)|recovered|expected|swallow(?:ed|ing)|suppressed|tolerated|transient|skipp(?:ed|ing)|already (?:exists|stored|written)|(?:was|is|now) resolved)\b",
    )
    .ok()
});
/// Words in a line about an error that the service did not recover from.
static FINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(?:unhandled|giv(?:e|es|ing) up|gave up|exhausted|no (?:more|further) (?:re-?tries|attempts)|(?:last|final) (?:re-?try|attempt)|max(?:imum)? (?:re-?tries|attempts)|without re-?try|not re-?tr\w+|will not (?:re-?)?try|won't (?:re-?)?try|after \d+ (?:re-?tries|attempts)|re-?(?:try|tries) failed|lost|dropp(?:ed|ing)|discard(?:ed|ing)|permanent(?:ly)?)\b",
    )
    .ok()
});

/// What programs print if a file can't be written for lack of space: the texts of `strerror` and the names of
/// the errors.
pub(crate) const FULL_DISK: [&str; 4] =
    ["No space left on device", "ENOSPC", "Disk quota exceeded", "EDQUOT"];

/// Returns search strings: every line that [`KnownError::parse`] recognises, or that reports a full file
/// system, contains at least one of them. `table` is the name of the span table without its schema.
pub(crate) fn known_texts(table: &str) -> impl Iterator<Item = &str> {
    let libraries = EXPORTERS.iter().chain(QUEUES).map(|(text, _)| *text);
    libraries.chain(FULL_DISK).chain([table]).filter(|text| !text.is_empty())
}

impl KnownError {
    /// Whether a line reports a known error, or that a file system is full.
    pub(crate) fn is_in(line: &str, table: &str) -> bool {
        FULL_DISK.iter().any(|text| line.contains(text)) || Self::parse(line, table).is_some()
    }

    /// Recognises a line that reports a known error. `None` for any other line, for a line whose level is
    /// lower than warning, and for a write error that the service recovers from. `table` is the name of the
    /// span table without its schema: a line about a write error must contain this name.
    pub(crate) fn parse(line: &str, table: &str) -> Option<Self> {
        let found = Self::find(line, table)?;
        let is_low = || parse_line(line, &Format::Detected).level == Some(Level::Low);
        let is_harmless = found == Self::Write && is_handled(line) || is_low();
        (!is_harmless).then_some(found)
    }

    /// Finds the text of a known error anywhere in a line, even if the error is harmless; `None` if the line
    /// has no such text.
    pub(crate) fn find(line: &str, table: &str) -> Option<Self> {
        if EXPORTERS.iter().any(|(text, _)| line.contains(text)) {
            return Some(Self::Exporter);
        }
        if QUEUES.iter().any(|(text, _)| line.contains(text)) {
            return Some(Self::Dropped);
        }
        let is_write = WRITE_ERRORS.iter().any(|text| line.contains(text));
        (is_write && mentions(line, table)).then_some(Self::Write)
    }

    /// Whether the error in a line concerns the whole statement, and not single rows of it.
    pub(crate) fn refuses_whole_statement(line: &str) -> bool {
        STATEMENT_ERRORS.iter().any(|text| line.contains(text))
    }
}

/// Whether a line about lost spans says that a queue has no room for them. Such spans were never sent.
pub(crate) fn reports_full_queue(line: &str) -> bool {
    is_match(&FULL_QUEUE, line)
}

/// Whether a line reports that OpenTelemetry is switched off by one of its variables.
pub(crate) fn reports_library_off(line: &str) -> bool {
    is_match(&LIBRARY_OFF_REPORT, line)
}

/// Whether a line is about an error that the service recovers from.
pub(crate) fn is_handled(line: &str) -> bool {
    is_match(&HANDLED, line) && !is_match(&FINAL, line)
}

fn is_match(pattern: &LazyLock<Option<Regex>>, line: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(line))
}

/// Texts of errors that the database server reports before it processes any row.
const STATEMENT_ERRORS: &[&str] =
    &["permission denied for", "does not exist", "read-only transaction"];

/// Whether a text contains a name as a separate word.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    !name.is_empty()
        && text.match_indices(name).any(|(start, _)| {
            let (before, after) = (&text[..start], &text[start + name.len()..]);
            !before.ends_with(is_part) && !after.starts_with(is_part)
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::psycopg(
        "psycopg.errors.UndefinedTable: relation \"telemetry.spans\" does not exist",
        Some(KnownError::Write)
    )]
    #[case::libpq("ERROR:  permission denied for table spans", Some(KnownError::Write))]
    #[case::full_queue("Queue full, dropping Span.", Some(KnownError::Dropped))]
    #[case::info_level("INFO insert failed: deadlock detected on spans", None)]
    #[case::debug_level_in_json(
        r#"{"level":"debug","msg":"insert failed: deadlock detected on spans"}"#,
        None
    )]
    #[case::warning("WARN insert failed: deadlock detected on spans", Some(KnownError::Write))]
    #[case::retry("retrying after: deadlock detected on spans", None)]
    #[case::handled("handled: duplicate key value violates a constraint of spans", None)]
    #[case::unhandled("unhandled: permission denied for table spans", Some(KnownError::Write))]
    #[case::unexpected("unexpected: permission denied for table spans", Some(KnownError::Write))]
    #[case::no_more_retries(
        "gave up after 3 retries: permission denied for table spans",
        Some(KnownError::Write)
    )]
    #[case::quiet_exporter("DEBUG Failed to export span batch code: 503", None)]
    #[case::another_table("permission denied for table old_spans", None)]
    #[case::no_error("inserted 4 rows into spans", None)]
    #[case::python_grpc(
        "Failed to export traces to localhost:4317, error code: StatusCode.UNAVAILABLE",
        Some(KnownError::Exporter)
    )]
    #[case::go(
        "2026/01/01 00:00:00 traces export: context deadline exceeded",
        Some(KnownError::Exporter)
    )]
    fn lines_of_exporters_and_drivers_are_recognised(
        #[case] line: &str,
        #[case] expected: Option<KnownError>,
    ) {
        assert_eq!(KnownError::parse(line, "spans"), expected);
    }

    #[rstest]
    #[case::queue("span queue is full, dropping span", true)]
    #[case::limit("dropped 3 spans: queue size limit of 2 exceeded", true)]
    #[case::buffer("trace buffer overflow, 1 span lost", true)]
    #[case::tokio("could not record span: no available capacity", true)]
    #[case::full_first("dropping span: full queue", true)]
    #[case::error("could not write span: connection refused", false)]
    #[case::disk("could not write span: disk full", false)]
    #[case::other_sentence("message from queue received; the disk is full", false)]
    fn a_full_queue_is_recognised(#[case] line: &str, #[case] expected: bool) {
        assert_eq!(reports_full_queue(line), expected);
    }
}
