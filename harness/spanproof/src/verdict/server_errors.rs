//! Answers questions about what the database server did with missing spans: whether inserts reached it,
//! whether it refused them, or whether the spans are in another table. With a witness, which is a set of
//! triggers that log each attempt to insert a span, the answers come from the witness. Without a witness,
//! they come from the server's log and from other tables that got rows. A gap is the units (parts of a job)
//! that lack spans of one name.

use std::collections::BTreeMap;

use super::evidence::{Evidence, limit};
use super::fact::{Answers, Fact, Question as Q};
use super::facts::Facts;
use super::gap::Gap;
use super::running_statement;
use super::span_statement::{SpanTarget, is_of_query, is_of_update};
use super::witness::{Fate, Testimony, fate_of_error, has_several_rows};
use crate::identifier;
use crate::observation::{Failure, TrialRecord};

/// Answers the [questions](Q) about the database server for one gap. If `use_witness` is `false`, the
/// evidence of the witness is ignored.
pub(super) fn answer(facts: &Facts<'_>, gap: &Gap<'_>, use_witness: bool, answers: &mut Answers) {
    let Some(trial) = facts.trial() else {
        return answer_from_deployment(facts, answers);
    };
    answer_from_server(facts, trial, gap, use_witness, answers);
    running_statement::answer(facts, trial, answers);
    answer_from_queries(facts, trial, answers);
    // Rows that are removed later are seen only by chance. A comparison of two trials ignores the witness,
    // and must also ignore this evidence.
    if use_witness {
        answer_from_seen_rows(facts, trial, answers);
    }
}

/// If rows were seen before the service was asked to stop and are gone, they were removed later. At least half as
/// many as are missing must be gone: the others may have been removed between two polls.
fn answer_from_seen_rows(facts: &Facts<'_>, trial: &TrialRecord, answers: &mut Answers) {
    let Some(before) = trial.most_spans else { return };
    let stored = u64::try_from(facts.spans.len()).unwrap_or(u64::MAX);
    let missing: usize = Gap::in_spec_order(facts).iter().map(|gap| gap.missing).sum();
    let gone = before.saturating_sub(stored);
    if gone == 0 || gone.saturating_mul(2) < u64::try_from(missing).unwrap_or(u64::MAX) {
        return;
    }
    let seen = format!("{before} rows were seen while the service ran, and {stored} are left");
    for question in [Q::Undone, Q::Discarded, Q::NoBeginLine] {
        answers.set(question, Fact::no(&seen));
    }
    for question in [Q::Reached, Q::Removed] {
        answers.set(question, Fact::yes(seen.clone()));
    }
}

/// A tracer that can't read its table may switch itself off. If no case has a line about the start of a span,
/// nothing shows that the work runs outside the tracer.
fn answer_from_queries(facts: &Facts<'_>, trial: &TrialRecord, answers: &mut Answers) {
    let errors = trial.server_errors.iter();
    let queries: Vec<_> = errors.filter(|error| is_of_query(error, &facts.span_table)).collect();
    if queries.is_empty() {
        return;
    }
    answers.set(Q::QueryFailed, Fact::Yes(evidence(&queries)));
    if answers.is_yes(Q::NoBeginLine) && !answers.is_yes(Q::BeginPatternWorks) {
        answers.set(Q::NoBeginLine, Fact::unknown(Q::QueryFailed.yes()));
    }
}

/// Answers from the witness, or from the server's log.
fn answer_from_server(
    facts: &Facts<'_>,
    trial: &TrialRecord,
    gap: &Gap<'_>,
    use_witness: bool,
    answers: &mut Answers,
) {
    if let Some(testimony) = Testimony::from_facts(facts).filter(|_| use_witness) {
        testimony.answer(answers);
        if testimony.is_about_other_spans(gap.missing) {
            let why = "the server saw fewer rows than spans are missing";
            for question in [Q::Reached, Q::Removed, Q::Undone, Q::Discarded] {
                if answers.is_yes(question) {
                    answers.set(question, Fact::unknown(why));
                }
            }
        }
        let missing = lost_rows(testimony.failures(), facts, gap);
        let errors = testimony.failures().count();
        if testimony.may_hide_valid_rows() && errors < missing {
            // `Poisoned` asks whether valid rows were lost together with an invalid one. A driver may give
            // up a whole batch after the error, and the server never sees the rest.
            let why = format!("{errors} errors for {missing} lost rows");
            answers.set(Q::Poisoned, Fact::unknown(why));
        }
        // The witness does not see a failed statement for a wrong table, but the server's log shows it.
        let log = ServerErrors::select(&trial.server_errors, facts);
        if answers.is_no(Q::Reached) && !log.inserts.is_empty() {
            answers.set(Q::Refused, Fact::Yes(evidence(&log.inserts)));
        } else if answers.is_no(Q::Reached) && !log.updates.is_empty() && !facts.spans.is_empty() {
            let why = "the server refused updates of spans, and statements behind them may not have been sent";
            answers.set(Q::Refused, Fact::unknown(why));
            answers.set(Q::Poisoned, Fact::unknown(why));
        }
        return;
    }
    if trial.server_log_read || !trial.other_tables.is_empty() {
        answers.set(Q::Elsewhere, elsewhere_of_trial(trial, facts));
    }
    if trial.server_log_read {
        answer_from_log(facts, trial, gap, answers);
    }
}

/// Makes it unknown whether the server refused the missing spans, if another case has at least the same
/// errors and all its spans: the service repeats such writes, or the errors are about other rows.
pub(super) fn compare_with_passing(facts: &Facts<'_>, peers: &[&Facts<'_>], answers: &mut Answers) {
    if !answers.is_yes(Q::Refused) {
        return;
    }
    let error_counts = |facts: &Facts<'_>| -> BTreeMap<String, usize> {
        let errors = facts.trial().map(|trial| trial.server_errors.as_slice()).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for error in ServerErrors::select(errors, facts).inserts {
            *counts.entry(error.state.clone()).or_default() += 1;
        }
        counts
    };
    let own = error_counts(facts);
    let has_same_errors = |peer: &&&Facts<'_>| {
        let found = error_counts(peer);
        own.iter().all(|(state, count)| found.get(state).is_some_and(|other| other >= count))
    };
    let has_all_spans = |peer: &&&Facts<'_>| {
        let case = &peer.observation.case;
        case.fault.is_none() && case.records(facts.spec) && !peer.lacks_spans()
    };
    if own.is_empty() {
        return;
    }
    let Some(peer) = peers.iter().filter(has_same_errors).find(has_all_spans) else { return };
    let why = format!("case {} has the same errors and all its spans", peer.observation.case.id);
    for question in [Q::Refused, Q::Poisoned, Q::Reached] {
        if !answers.is_no(question) {
            answers.set(question, Fact::unknown(&why));
        }
    }
}

/// Excludes that valid rows were lost with an invalid one, if another case inserts each row with a statement of its
/// own, and the server refuses each of them with the same error.
pub(super) fn compare_with_single_rows(
    facts: &Facts<'_>,
    peers: &[&Facts<'_>],
    answers: &mut Answers,
) {
    if !answers.is_yes(Q::Refused) || !answers.is_unknown(Q::Poisoned) {
        return;
    }
    let own = insert_errors(facts);
    let Some(first) = own.first() else { return };
    let is_same =
        |error: &&Failure| (&error.state, &error.message) == (&first.state, &first.message);
    if !own.iter().all(is_same) {
        return;
    }
    let has_several = |error: &&Failure| error.statement.as_deref().is_none_or(has_several_rows);
    let refuses_each_row = |peer: &&&Facts<'_>| {
        let case = &peer.observation.case;
        let errors = insert_errors(peer);
        let missing: usize = Gap::in_spec_order(peer).iter().map(|gap| gap.missing).sum();
        case.fault.is_none()
            && case.records(facts.spec)
            && peer.spans.is_empty()
            && (1..=errors.len()).contains(&missing)
            && errors.iter().all(is_same)
            && !errors.iter().any(has_several)
    };
    if let Some(peer) = peers.iter().find(refuses_each_row) {
        let id = &peer.observation.case.id;
        let why = format!("in case {id}, the server refuses each single row with the same error");
        answers.set(Q::Poisoned, Fact::no(why));
    }
}

/// Returns the errors of statements that insert spans; empty for an existing system.
fn insert_errors<'a>(facts: &Facts<'a>) -> Vec<&'a Failure> {
    let errors = facts.trial().map_or(&[][..], |trial| &trial.server_errors);
    ServerErrors::select(errors, facts).inserts
}

/// Answers from the errors in the server's log.
fn answer_from_log(facts: &Facts<'_>, trial: &TrialRecord, gap: &Gap<'_>, answers: &mut Answers) {
    let log = ServerErrors::select(&trial.server_errors, facts);
    if log.inserts.is_empty() && log.updates.is_empty() {
        let why = "the server's log has no error about spans";
        answers.set(Q::Refused, Fact::no(why));
        answers.set(Q::Poisoned, Fact::no(why));
    } else if log.inserts.is_empty() {
        let why = "the server refused updates of spans, which may have undone inserts";
        answers.set(Q::Refused, Fact::unknown(why));
        answers.set(Q::Poisoned, Fact::no("the server's log has no error about an insert"));
    } else {
        answers.set(Q::Refused, Fact::Yes(evidence(&log.inserts)));
        // A valid row is lost with an invalid one only if there are fewer errors than missing spans.
        let missing = lost_rows(log.inserts.iter().copied(), facts, gap);
        if log.is_never_about_one_row() || log.inserts.len() >= missing {
            let why = "each lost row has an error of its own";
            answers.set(Q::Poisoned, Fact::no(why));
        }
    }
    if !log.connections.is_empty() && facts.spans.is_empty() {
        answers.set(Q::Denied, Fact::Yes(evidence(&log.connections)));
    }
}

/// Returns how many rows were lost that these errors may be about: those of the gap, or those of every name
/// if a statement that failed had several rows.
fn lost_rows<'a>(
    errors: impl Iterator<Item = &'a Failure>,
    facts: &Facts<'_>,
    gap: &Gap<'_>,
) -> usize {
    let is_row = |error: &&Failure| fate_of_error(&error.state) == Fate::RowRefused;
    let has_several = |error: &Failure| error.statement.as_deref().is_some_and(has_several_rows);
    if errors.filter(is_row).any(has_several) {
        return Gap::in_spec_order(facts).iter().map(|gap| gap.missing).sum();
    }
    gap.missing
}

fn evidence(errors: &[&Failure]) -> Vec<Evidence> {
    limit(errors.iter().map(|error| Evidence::ServerLog((*error).clone())))
}

/// Answers whether the spans of an existing system are in another table. spanproof does not read the
/// database server's log of an existing system.
fn answer_from_deployment(facts: &Facts<'_>, answers: &mut Answers) {
    let deployment = facts.observation.deployment();
    if let Some(deployment) = deployment.filter(|deployment| deployment.database.is_some()) {
        let tables = deployment.other_tables.iter().map(|table| (table.name.clone(), table.rows));
        let tables: Vec<_> = tables.collect();
        answers.set(Q::Elsewhere, rows_in_other_tables(&tables, true));
    }
}

/// Whether the spans are in another table. Without the witness, only a table with the same name in
/// another schema is a yes: a table with another name may be an archive of stored spans.
fn elsewhere_of_trial(trial: &TrialRecord, facts: &Facts<'_>) -> Fact {
    let name = identifier::parts(&facts.spec.tables.spans.table).1;
    let has_same_name = |(table, _): &(String, u64)| identifier::parts(table).1 == name;
    match trial.other_tables.first() {
        Some((table, rows)) if !trial.other_tables.iter().any(has_same_name) => {
            Fact::unknown(format!("`{table}` has {rows} new rows, which may be spans"))
        }
        _ => rows_in_other_tables(&trial.other_tables, false),
    }
}

/// Whether other tables have rows that may be spans. `of_units` tells whether these rows are known to
/// belong to units of the observation.
fn rows_in_other_tables(tables: &[(String, u64)], of_units: bool) -> Fact {
    if tables.is_empty() {
        return Fact::no("no other table of this database has rows that may be spans");
    }
    let evidence = |(table, rows): &(String, u64)| Evidence::Elsewhere {
        table: table.clone(),
        rows: *rows,
        of_units,
    };
    Fact::Yes(tables.iter().map(evidence).collect())
}

/// Errors of the database server's log that may be about spans.
pub(super) struct ServerErrors<'a> {
    /// Errors of statements that insert spans.
    pub(super) inserts: Vec<&'a Failure>,
    /// Errors of updates of spans. They lose rows only if they undo an insert of their transaction.
    pub(super) updates: Vec<&'a Failure>,
    /// Errors of connections that the server refused.
    pub(super) connections: Vec<&'a Failure>,
}

impl<'a> ServerErrors<'a> {
    /// Selects the errors that may be about spans.
    pub(super) fn select(errors: &'a [Failure], facts: &Facts<'_>) -> Self {
        let name = identifier::parts(&facts.span_table).1.to_lowercase();
        let spans = SpanTarget::new(&name, &facts.spec.tables.spans);
        let is_about_spans = |error: &&Failure| spans.is_lost_by(error);
        let (updates, inserts) =
            errors.iter().filter(is_about_spans).partition(|error| is_of_update(error));
        Self {
            inserts,
            updates,
            connections: errors.iter().filter(|error| error.is_refused_connection()).collect(),
        }
    }

    /// Whether no error of a statement is about one row. The server then refused each statement as a
    /// whole.
    fn is_never_about_one_row(&self) -> bool {
        !self.inserts.iter().any(|error| fate_of_error(&error.state) == Fate::RowRefused)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::spec::example;

    #[rstest]
    #[case("insert into spans (a, b) values ($1, $2)", false)]
    #[case("INSERT INTO spans (a, b) VALUES ($1, lower($2)),\n  ($3, $4)", true)]
    #[case("insert into spans select * from unnest($1::text[], $2::text[])", true)]
    #[case("insert into spans select * from jsonb_to_recordset($1) as r (a text)", true)]
    #[case("COPY spans FROM STDIN", true)]
    fn a_statement_may_insert_several_rows(#[case] statement: &str, #[case] several: bool) {
        assert_eq!(has_several_rows(statement), several);
    }

    #[rstest]
    #[case::insert("42501", "permission denied", Some("INSERT INTO app.spans VALUES (1)"), [1, 0])]
    #[case::copy("22P04", "extra data", Some("COPY spans FROM STDIN"), [1, 0])]
    #[case::elsewhere(
        "42P01", "no such table", Some("INSERT INTO x (trace_id, span_id, operation) VALUES ($1)"), [1, 0]
    )]
    #[case::query("42703", "no such column", Some("SELECT x FROM spans"), [0, 0])]
    #[case::other_table("23505", "duplicate key", Some("INSERT INTO old_spans VALUES (1)"), [0, 0])]
    #[case::connection("28P01", "password authentication failed", None, [0, 1])]
    fn an_error_is_about_a_write_of_spans_or_a_connection_or_neither(
        #[case] state: &str,
        #[case] message: &str,
        #[case] statement: Option<&str>,
        #[case] counts: [usize; 2],
    ) {
        let statement = statement.map(str::to_owned);
        let error = Failure { state: state.into(), message: message.into(), statement };
        let errors = [error];
        let spec = example(|text| {
            text.replace("\n[tables.spans]\n", "\n[tables.spans]\ntable = 'app.spans'\n")
        });
        let observation = crate::verdict::tests::healthy();
        let found = ServerErrors::select(&errors, &Facts::read(&spec, &observation));
        assert_eq!([found.inserts.len(), found.connections.len()], counts);
    }
}
