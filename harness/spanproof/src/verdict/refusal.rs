//! Describes in words what the database server, other tables and the service's own reports show about missing
//! spans.

use super::evidence::Evidence;
use super::fact::{Answers, Question as Q};
use super::witness::NOT_COUNTED;

/// Returns the database server's first error about the spans, and whether the service reports failures.
pub(super) fn refusal(answers: &Answers) -> String {
    let errors = answers.evidence(Q::Refused).iter().chain(answers.evidence(Q::Denied));
    let mut errors = errors.filter_map(|evidence| match evidence {
        Evidence::ServerLog(error) => Some(error),
        _ => None,
    });
    let report = report(answers);
    match errors.next() {
        Some(error) => {
            format!("the server refused them, {} {}; {report}", error.state, error.message)
        }
        None => report.to_owned(),
    }
}

/// Describes a statement for the spans that was running when the service was asked to stop, and whether the
/// service reports failures.
pub(super) fn unended(answers: &Answers) -> String {
    let report = report(answers);
    let state =
        if answers.is_yes(Q::Unended) { "still waited for a lock" } else { "was still running" };
    format!("a statement for them {state} when the service was asked to stop; {report}")
}

fn report(answers: &Answers) -> &'static str {
    if is_reported(answers) {
        "the service reports the failures"
    } else {
        "the service reports no failure"
    }
}

/// Names the tables that contain the rows.
pub(super) fn other_tables(answers: &Answers) -> String {
    let evidence = answers.evidence(Q::Elsewhere);
    let tables = evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Elsewhere { table, .. } => Some(format!("`{table}`")),
        _ => None,
    });
    let tables: Vec<_> = tables.collect();
    if !tables.is_empty() {
        return format!("the rows are in another table: {}", tables.join(", "));
    }
    // The rows were inserted in a blind spot of the witness, which shows only the statements and not their
    // table.
    let mut places = evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Note(text) => text.strip_prefix(NOT_COUNTED),
        _ => None,
    });
    format!("the rows went to another table: {}", places.next().unwrap_or_default())
}

/// Whether the service or its exporter reports that spans are lost.
pub(super) fn is_reported(answers: &Answers) -> bool {
    answers.is_yes(Q::Reported) || answers.is_yes(Q::ExporterError)
}
