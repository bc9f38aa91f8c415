//! Finds out whether spans were still on their way when the service was asked to stop: the database server
//! was executing a statement for them, or missing spans were still arriving. A statement may wait for a lock,
//! or for a slow trigger. The service then exits without an error, and the server logs none.

use super::evidence::{Evidence, limit, shorten};
use super::fact::{Answers, Fact, Question as Q};
use super::facts::Facts;
use super::span_statement::writes_spans;
use crate::observation::{RunningStatement, TrialRecord};

/// Minimum running time of a statement that is evidence, in milliseconds. A shorter one may be a normal
/// insert.
const MIN_RUNNING_MS: u64 = 250;
const IN_PROGRESS: &str = "a statement for spans was running when the service was asked to stop";
const ARRIVING: &str = "spans were still being stored when the time to wait for them was over";

/// Answers the questions about statements for the spans of a gap that were running at the stop.
pub(super) fn answer(facts: &Facts<'_>, trial: &TrialRecord, answers: &mut Answers) {
    if trial.spans_arriving {
        answers.set(Q::Arriving, Fact::yes(ARRIVING));
        return set_unknown(answers, &[Q::Reached], ARRIVING);
    }
    let running = running(facts, trial);
    if running.is_empty() {
        return;
    }
    // These spans never began, so the statement is about other spans.
    let is_about_others = answers.is_yes(Q::NoBeginLine) && answers.is_yes(Q::BeginPatternWorks);
    let is_long = |running: &&RunningStatement| running.running_ms >= min_ms(facts);
    set_unknown(answers, &[Q::Unended, Q::Refused, Q::Reached], IN_PROGRESS);
    answers.set(Q::Discarded, Fact::no(IN_PROGRESS));
    // The exit of the service also undoes the statement's transaction.
    if answers.is_yes(Q::Undone) {
        answers.set(Q::Undone, Fact::unknown(IN_PROGRESS));
    }
    if is_about_others || !running.iter().any(is_long) {
        return;
    }
    let is_blocked = running.iter().any(|running| running.blocked_by.is_some());
    let lines: Vec<_> = running.into_iter().map(|running| Evidence::Note(text(running))).collect();
    answers.set(Q::Reached, Fact::Yes(limit(lines.clone())));
    // A statement that waits for no lock is perhaps only slow.
    if is_blocked {
        answers.set(Q::Unended, Fact::Yes(limit(lines)));
        answers.set(Q::Undone, Fact::no(Q::Unended.yes()));
    }
}

/// Whether spans were on their way when the service was asked to stop, and waited for no lock: the service is
/// slow.
pub(super) fn is_slow(facts: &Facts<'_>) -> bool {
    facts.trial().is_some_and(|trial| trial.spans_arriving) || is_running(facts)
}

/// Whether a statement for spans was running when the service was asked to stop, and none waited for a lock.
pub(super) fn is_running(facts: &Facts<'_>) -> bool {
    let Some(trial) = facts.trial() else { return false };
    let running = running(facts, trial);
    !running.is_empty() && running.iter().all(|running| running.blocked_by.is_none())
}

fn set_unknown(answers: &mut Answers, questions: &[Q], why: &str) {
    for question in questions {
        if !answers.is_yes(*question) {
            answers.set(*question, Fact::unknown(why));
        }
    }
}

fn running<'a>(facts: &Facts<'_>, trial: &'a TrialRecord) -> Vec<&'a RunningStatement> {
    let is_about_spans = |one: &&RunningStatement| writes_spans(&one.statement, facts);
    trial.running_statements.iter().filter(is_about_spans).collect()
}

/// Returns the minimum running time of a statement that is evidence: half of the wait for late spans, in
/// milliseconds.
fn min_ms(facts: &Facts<'_>) -> u64 {
    let flush_ms = u64::try_from(facts.spec.flush_delta().num_milliseconds()).unwrap_or_default();
    (flush_ms / 2).max(MIN_RUNNING_MS)
}

fn text(running: &RunningStatement) -> String {
    let RunningStatement { statement, running_ms, blocked_by } = running;
    let wait = blocked_by.as_deref().map_or_else(String::new, |blocker| {
        format!(", and waits for a session whose last statement is `{}`", shorten(blocker))
    });
    format!("at the stop: `{}` has been running for {running_ms} ms{wait}", shorten(statement))
}
