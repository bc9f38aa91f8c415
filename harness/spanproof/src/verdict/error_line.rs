//! Answers from the errors that the service, its exporter or its database driver print. A gap is the set of
//! units (parts of a job) that lack spans of one name.

use super::evidence::{Evidence, limit};
use super::fact::{Answers, Fact, Question as Q};
use super::facts::{Facts, Match};
use super::gap::Gap;
use super::server_errors::ServerErrors;
use crate::identifier;
use crate::observation::{KnownError, Line, reports_full_queue};

/// Uses the errors that the service, its exporter or its database driver print.
pub(super) fn answer(facts: &Facts<'_>, gap: &Gap<'_>, answers: &mut Answers) {
    let (_, table) = identifier::parts(&facts.spec.tables.spans.table);
    let (dropped, failed): (Vec<_>, Vec<_>) =
        facts.refused_lines.iter().partition(|line| reports_full_queue(line.line.text));
    let own = |lines: Vec<&Match<'_, usize>>| limit(lines.into_iter().map(Evidence::from));
    let (mut dropped, mut reported) = (own(dropped), own(failed));
    let lines = facts.observation.lines();
    let known = |kind: KnownError| {
        let is_kind = |line: &&Line<'_>| KnownError::parse(line.text, &table) == Some(kind);
        limit(lines.iter().copied().filter(|line| is_kind(&line)).map(Evidence::from))
    };
    if reported.is_empty() {
        reported = known(KnownError::Write);
    }
    if reported.is_empty() {
        reported = repeated_server_errors(facts);
    }
    let is_statement_error =
        |line: &Evidence| KnownError::refuses_whole_statement(&line.to_string());
    // A line may report a whole batch.
    if facts.refused_lines.len() >= gap.missing.max(1) {
        answers.set(Q::Poisoned, Fact::no("each missing span has an error of its own"));
    } else if reported.iter().any(is_statement_error) {
        let control = "the error is about the statement, and not about a row";
        answers.set(Q::Poisoned, Fact::no(control));
    }
    if !reported.is_empty() {
        answers.set(Q::Reported, Fact::Yes(reported));
    }
    if dropped.is_empty() {
        dropped = known(KnownError::Dropped);
    }
    if !dropped.is_empty() {
        answers.set(Q::Unsent, Fact::Yes(dropped));
    }
    let exporter = known(KnownError::Exporter);
    if !exporter.is_empty() {
        answers.set(Q::ExporterError, Fact::Yes(exporter));
    } else if facts.process_run().is_some() && facts.observation.dropped_bytes() == 0 {
        answers.set(Q::ExporterError, Fact::no("the output has no error of a known exporter"));
    }
}

/// Uses the number of losses that the service reports. If a full queue dropped as many spans as are missing, no
/// row of them was lost later. If the service reports a loss for each missing span, all of them began, and no
/// sampler dropped one; an earlier yes about a sampler stays. This does not apply if the service prints begin lines
/// and these do not show that the spans began.
pub(super) fn answer_from_losses(facts: &Facts<'_>, answers: &mut Answers) {
    let missing: usize = Gap::in_spec_order(facts).iter().map(|gap| gap.missing).sum();
    let dropped = facts.refused_lines.iter().filter(|line| reports_full_queue(line.line.text));
    let dropped = dropped.fold(0_usize, |sum, line| sum.saturating_add(line.report));
    if dropped >= missing {
        for question in [Q::Undone, Q::Removed, Q::Discarded] {
            if answers.is_unknown(question) {
                answers.set(question, Fact::no("a full queue dropped each missing span"));
            }
        }
    }
    let log = facts.observation.deployment().and_then(|deployment| deployment.log.as_ref());
    let has_begin_lines =
        facts.total_begun() > 0 || log.is_some_and(|log| log.facts.has_begin_lines);
    let may_have_begun = answers.is_yes(Q::Begun) || !has_begin_lines;
    if !may_have_begun || facts.refused_lines.is_empty() || facts.refused_count() < missing {
        return;
    }
    let why = "each missing span has a failed write of its own";
    for question in [Q::NoBeginLine, Q::SampledOut] {
        if !answers.is_yes(question) || question == Q::NoBeginLine {
            answers.set(question, Fact::no(why));
        }
    }
}

/// Returns the service's lines that repeat an error of the database server about spans.
fn repeated_server_errors(facts: &Facts<'_>) -> Vec<Evidence> {
    let Some(trial) = facts.trial() else { return Vec::new() };
    let errors = ServerErrors::select(&trial.server_errors, facts);
    let errors = errors.inserts.iter().chain(&errors.connections);
    // The server's log appends the position in the statement; the service's line lacks it.
    let without_position = |message: &str| {
        let end = message.find(" at character ").unwrap_or(message.len());
        message[..end].to_owned()
    };
    let errors: Vec<_> = errors.map(|error| without_position(&error.message)).collect();
    let lines = facts.observation.lines().into_iter();
    // A line could contain a shorter text by chance.
    let repeats =
        |line: &Line<'_>| errors.iter().any(|error| error.len() > 8 && line.text.contains(error));
    limit(lines.filter(repeats).map(Evidence::from))
}
