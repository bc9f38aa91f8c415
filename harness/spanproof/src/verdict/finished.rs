//! Checks that every span has an end, and does not end before its start. A service may complete the row of a
//! span with an update; if the database server refuses the update, its log shows why.

use super::evidence::{Evidence, limit};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::server_errors::ServerErrors;
use crate::observation::{Failure, Field, Span};
use spanproof_format::{Code, count};

/// What to do if the service measures no durations.
const NO_DURATIONS: &str =
    "; if the service records none, write `duration = \"\"` under `[tables.spans]`";

/// Checks that every span has an end, and does not end before its start.
pub(super) fn check_finished(facts: &Facts<'_>, checks: &mut Checks) {
    let fields = [Field::Status, Field::Ended, Field::Duration];
    let all = facts.spans.len();
    // A span may be stored twice, at its start and at its end. If the unit then has too many spans of
    // this name, `check_joined` reports the open one as a duplicate.
    let is_duplicate = |span: &&Span| {
        let name = span.name.as_deref();
        let expected = facts.expected_spans.iter().find(|expected| Some(expected.name) == name);
        let max = expected.and_then(|expected| expected.max_per_unit);
        let spans = facts.spans.iter();
        let same: Vec<_> =
            spans.filter(|other| other.unit == span.unit && other.name == span.name).collect();
        span.unit.is_some()
            && max.is_some_and(|max| same.len() > max)
            && same.iter().any(|other| other.is_complete())
    };
    // A span is complete if it has an end, and a duration if the table has a column for it.
    let open = facts.spans.iter().filter(|span| !span.is_complete() && !is_duplicate(span));
    let open: Vec<_> = open.collect();
    checks.expect_each(open.is_empty(), || {
        let lines = limit(open.iter().map(|span| Evidence::span(facts, span, &fields)));
        let lines = [lines, reports(facts)].concat();
        if facts.was_killed() {
            let message =
                format!("{} of {all} spans were open when the service was killed", open.len());
            return Finding::new(Code::LostAtExit, message, lines);
        }
        let message = if open.iter().all(|span| span.has_ended()) {
            let hint = if open.len() == all { NO_DURATIONS } else { "" };
            format!("{} of {all} spans ended without a duration{hint}", open.len())
        } else {
            let refused = refused_updates(facts);
            format!("{} of {all} spans were begun and never completed{refused}", open.len())
        };
        Finding::new(Code::NotFinished, message, lines)
    });
    let impossible: Vec<_> =
        facts.spans.iter().filter(|span| span.has_negative_duration()).collect();
    checks.expect_each(impossible.is_empty(), || {
        let fields = [Field::Started, Field::Ended, Field::Duration];
        let message = format!("{} of {all} spans end before they start", impossible.len());
        let lines = limit(impossible.iter().map(|span| Evidence::span(facts, span, &fields)));
        Finding::new(Code::ImpossibleTimes, message, lines)
    });
}

/// Returns the errors of span updates in the database server's log.
fn update_errors<'a>(facts: &Facts<'a>) -> Vec<&'a Failure> {
    let errors = facts.trial().map_or(&[][..], |trial| &trial.server_errors);
    ServerErrors::select(errors, facts).updates
}

/// Returns how many span updates the server refused, and why, as text; empty if it refused none.
fn refused_updates(facts: &Facts<'_>) -> String {
    let errors = update_errors(facts);
    let Some(Failure { state, message, .. }) = errors.first() else { return String::new() };
    let updates = count(errors.len(), "update");
    format!("; the server refused {updates}, {state} {message}")
}

/// Returns what the server and the service report about spans that were not completed.
fn reports(facts: &Facts<'_>) -> Vec<Evidence> {
    let errors = update_errors(facts);
    let errors = limit(errors.into_iter().map(|error| Evidence::ServerLog(error.clone())));
    let lines = if facts.unfinished_lines.is_empty() {
        Evidence::lines(&facts.refused_lines)
    } else {
        Evidence::lines(&facts.unfinished_lines)
    };
    [errors, lines].concat()
}
