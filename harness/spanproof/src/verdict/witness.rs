//! What the witness shows about missing spans. The witness is a set of triggers on the span table that
//! log each attempt to insert a span. Its evidence also contains the server's errors and the number of
//! stored rows, and does not depend on the service's output. A blind spot is a part of the database in
//! which rows can be lost before the triggers run.

use super::evidence::{Evidence, limit};
use super::fact::{Answers, Fact, Question as Q};
use super::facts::Facts;
use super::span_statement::{SpanTarget, is_of_update};
use crate::identifier;
use crate::observation::{BlindSpot, BlindSpotEffect, Failure, Witness};
use crate::spec::SpanTable;

/// Prefix of a note about a blind spot: the triggers did not count the inserts that used it.
pub(super) const NOT_COUNTED: &str = "not counted: ";

/// What happened to spans on their way into the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// No `INSERT` statement reached the server, and no connection failed.
    NeverTried,
    /// The server refused the connections.
    NeverConnected,
    /// The server refused a statement before it ran: privilege, missing table or column, read-only.
    StatementRefused,
    /// The server canceled a statement or ended its session, for example because of a timeout.
    CutOff,
    /// The server refused a row: a constraint, a trigger, a value that does not fit.
    RowRefused,
    /// Valid rows were lost together with an invalid one.
    Poisoned,
    /// All rows were written, and a failed update in the same transaction undid them.
    UndoneByUpdate,
    /// All rows were written, and the commit failed.
    LostAtCommit,
    /// All rows were written without an error, and the transaction was rolled back.
    Undone,
    /// All rows were written, and deleted later.
    Removed,
    /// Rows became other spans: an update or an upsert changed their id.
    Overwritten,
    /// The server accepted the rows without an error, and stored none.
    Discarded,
    /// The statements contained no rows.
    Empty,
    /// The rows are in another table.
    Elsewhere,
}

/// The witness's evidence about the span table.
#[derive(Debug)]
pub(super) struct Testimony<'a> {
    witness: &'a Witness,
    /// The errors that may concern the span table.
    failures: Vec<&'a Failure>,
    /// Number of stored rows.
    kept: usize,
}

impl<'a> Testimony<'a> {
    /// `table` is the name of the span table, `columns` are its columns, and `kept` is the number of its rows.
    fn new(witness: &'a Witness, (table, columns): (&str, &SpanTable), kept: usize) -> Self {
        let name = identifier::parts(table).1.to_lowercase();
        let spans = SpanTarget::new(&name, columns);
        let may_concern = |failure: &&Failure| match &failure.statement {
            Some(statement) => ends_transaction(statement) || spans.is_lost_by(failure),
            // Without a statement: a refused connection, a terminated session, or the commit of a
            // statement outside a transaction. A client that went away (class 08) is no failure.
            None => !failure.state.starts_with("08"),
        };
        Self { witness, failures: witness.failures.iter().filter(may_concern).collect(), kept }
    }

    /// Returns what the witness of a trial shows about its spans; `None` without a witness.
    pub(super) fn from_facts(facts: &Facts<'a>) -> Option<Self> {
        let witness = facts.trial()?.witness.as_ref()?;
        let table = (facts.span_table.as_str(), &facts.spec.tables.spans);
        Some(Self::new(witness, table, facts.spans.len()))
    }

    /// The one fate that agrees with the counts, the errors and the stored rows.
    pub(super) fn fate(&self) -> Fate {
        let Witness { statements, attempted_rows, written_rows, ref other_tables, .. } =
            *self.witness;
        let of_inserts = self.failures.iter().filter(|failure| !is_of_update(failure));
        let fates = of_inserts.map(|failure| match &failure.statement {
            // The database accepts no connections. With a statement, this state means something else.
            None if failure.state == "55000" => Fate::NeverConnected,
            _ => fate_of_error(&failure.state),
        });
        // If statements reached the server, a refused connection does not explain missing spans.
        let explains = |fate: &Fate| *fate != Fate::NeverConnected || statements == 0;
        let explaining: Vec<Fate> = fates.filter(explains).collect();
        let errors = explaining.len();
        let were_moved = self.witness.removed_rows > 0 && written_rows > self.kept;
        if !other_tables.is_empty() && !were_moved {
            return Fate::Elsewhere;
        }
        if explaining.is_empty() && self.is_undone_by_update() {
            return Fate::UndoneByUpdate;
        }
        match explaining.first().copied() {
            None if self.witness.overwritten_rows > 0 => Fate::Overwritten,
            None if statements == 0 => Fate::NeverTried,
            None if attempted_rows == 0 => Fate::Empty,
            None if attempted_rows > written_rows => Fate::Discarded,
            // All written rows are stored, so the missing ones were never sent.
            None if self.kept >= written_rows => Fate::NeverTried,
            None if self.witness.removed_rows > 0 => Fate::Removed,
            None => Fate::Undone,
            Some(fate) if statements == 0 => fate,
            Some(Fate::CutOff) if attempted_rows == 0 => Fate::CutOff,
            Some(_) if attempted_rows > written_rows + errors => Fate::Poisoned,
            Some(fate) if attempted_rows > written_rows || attempted_rows == 0 => fate,
            // The failed statement also undid rows that its transaction had written before. A rejected row
            // was not written, unless the commit rejected it; a row whose statement was canceled may have
            // been written.
            Some(fate)
                if written_rows > self.kept + if fate == Fate::RowRefused { 0 } else { errors }
                    && fate != Fate::NeverConnected
                    && !self.failures.iter().all(|failure| may_be_at_commit(failure)) =>
            {
                Fate::Poisoned
            }
            Some(_) if written_rows > self.kept => Fate::LostAtCommit,
            Some(fate) => fate,
        }
    }

    /// Whether rows were written and are gone, no row was refused or deleted, and an update failed.
    fn is_undone_by_update(&self) -> bool {
        let Witness { attempted_rows, written_rows, removed_rows, .. } = *self.witness;
        let is_gone = written_rows > self.kept && attempted_rows == written_rows;
        is_gone && removed_rows == 0 && self.failures.iter().any(|failure| is_of_update(failure))
    }

    /// The blind spots in which inserts may have been lost. Empty if the counts explain the loss.
    fn used_blind_spots(&self) -> Vec<&'a BlindSpot> {
        if !matches!(self.fate(), Fate::NeverTried | Fate::Empty) {
            return Vec::new();
        }
        let was_used = |spot: &&BlindSpot| match (spot.effect, spot.statements) {
            // The triggers saw a row for each call of the function that inserted one.
            (BlindSpotEffect::Inserts, Some(calls)) => calls > self.witness.attempted_rows,
            // The triggers saw each statement that inserted into the span table.
            (BlindSpotEffect::Elsewhere, Some(inserts)) => inserts > self.witness.statements,
            (_, statements) => statements != Some(0),
        };
        self.witness.blind_spots.iter().filter(was_used).collect()
    }

    /// The blind spot that accepts inserts and stores none; `None` if no insert used such a blind spot.
    pub(super) fn discarding_blind_spot(&self) -> Option<&'a BlindSpot> {
        let effects = [BlindSpotEffect::Discards, BlindSpotEffect::Inserts];
        self.used_blind_spots().into_iter().find(|spot| effects.contains(&spot.effect))
    }

    /// Corrects the answers if inserts may have been lost in a blind spot.
    fn answer_from_blind_spots(&self, answers: &mut Answers) {
        let spots = self.used_blind_spots();
        let Some(first) = spots.first() else { return };
        let unknown = || Fact::unknown(first.what.clone());
        let has = |effect| spots.iter().any(|spot| spot.effect == effect);
        let is_accepted = self.discarding_blind_spot().is_some();
        let reached = if is_accepted { Fact::Yes(self.evidence()) } else { unknown() };
        answers.set(Q::Reached, reached);
        if has(BlindSpotEffect::Elsewhere) {
            answers.set(Q::Elsewhere, Fact::Yes(self.evidence()));
            return;
        }
        let discards = has(BlindSpotEffect::Discards);
        let discarded = if discards { Fact::Yes(self.evidence()) } else { unknown() };
        answers.set(Q::Discarded, discarded);
        if !discards && (has(BlindSpotEffect::Unclear) || has(BlindSpotEffect::Unwatched)) {
            answers.set(Q::Elsewhere, unknown());
        }
        if has(BlindSpotEffect::Unwatched) {
            answers.set(Q::Undone, unknown());
            answers.set(Q::Removed, unknown());
        }
    }

    /// Answers the questions about the database server.
    pub(super) fn answer(&self, answers: &mut Answers) {
        let fate = self.fate();
        let counted = "the witness on the table of spans counted every insert";
        let questions = [
            (Q::Denied, &[Fate::NeverConnected][..]),
            (
                Q::Refused,
                &[
                    Fate::StatementRefused,
                    Fate::CutOff,
                    Fate::RowRefused,
                    Fate::LostAtCommit,
                    Fate::Poisoned,
                    Fate::UndoneByUpdate,
                ],
            ),
            (Q::Poisoned, &[Fate::Poisoned]),
            (Q::Removed, &[Fate::Removed, Fate::Overwritten]),
            (Q::Discarded, &[Fate::Discarded]),
            (Q::Elsewhere, &[Fate::Elsewhere]),
        ];
        for (question, fates) in questions {
            let is_yes = fates.contains(&fate);
            let fact = if is_yes { Fact::Yes(self.evidence()) } else { Fact::no(counted) };
            answers.set(question, fact);
        }
        let undone = match (fate, self.witness.rollbacks) {
            // The server does not count rollbacks to a savepoint.
            (Fate::Undone, Some(0)) => Fact::unknown("no whole transaction was rolled back"),
            (Fate::Undone, _) => Fact::Yes(self.evidence()),
            _ => Fact::no(counted),
        };
        answers.set(Q::Undone, undone);
        let reached = match fate {
            Fate::NeverTried => Fact::no(counted),
            Fate::NeverConnected => Fact::no("the server refused the connections"),
            // The other table has no triggers, so its inserts were not counted.
            Fate::Elsewhere => Fact::unknown("rows are in another table"),
            _ => Fact::Yes(self.evidence()),
        };
        answers.set(Q::Reached, reached);
        if fate == Fate::Empty {
            answers.set(Q::Discarded, Fact::unknown("the inserting statements had no rows"));
        }
        self.answer_from_blind_spots(answers);
        self.answer_unattributed(fate, answers);
    }

    /// Corrects the answers where something in another database may be due to this service.
    fn answer_unattributed(&self, fate: Fate, answers: &mut Answers) {
        let Some(what) = self.witness.unattributed.first() else { return };
        if fate != Fate::NeverTried {
            return;
        }
        for question in [Q::Reached, Q::Refused, Q::Denied, Q::Elsewhere] {
            let why = format!("{what}, perhaps by another service that ran at the same time");
            answers.set(question, Fact::unknown(why));
        }
    }

    /// Whether a row was refused for its values, and others may have been lost with it: some rows were
    /// written, a value of one row could not be converted (class 22), or the statement has rows behind the
    /// refused one, which the server never looks at. If none of this holds, a trigger or a constraint refuses
    /// all rows alike.
    pub(super) fn may_hide_valid_rows(&self) -> bool {
        let is_value = |failure: &&Failure| failure.state.starts_with("22");
        // A trigger that raises an error (class P0) rarely looks at the row.
        let has_more_rows = |failure: &&Failure| {
            !failure.state.starts_with("P0")
                && failure.statement.as_deref().is_some_and(has_several_rows)
        };
        let mut failures = self.failures.iter();
        self.fate() == Fate::RowRefused
            && (self.witness.written_rows > 0
                || failures.any(|failure| is_value(failure) || has_more_rows(failure)))
    }

    /// Whether the server saw at least one row, but fewer rows than spans are missing, and refused none: then
    /// the counts are about other spans, at least in part.
    pub(super) fn is_about_other_spans(&self, missing: usize) -> bool {
        let tried = self.witness.attempted_rows;
        (1..missing).contains(&tried) && self.failures().next().is_none()
    }

    /// The errors that may explain missing rows: those of updates only if they undid inserts.
    pub(super) fn failures(&self) -> impl Iterator<Item = &'a Failure> {
        let is_undone = self.is_undone_by_update();
        self.failures.iter().copied().filter(move |failure| is_undone || !is_of_update(failure))
    }

    /// Returns the first error, such as `42501 permission denied for table trace_spans`.
    pub(super) fn reason(&self) -> Option<String> {
        let failure = self.failures().next()?;
        Some(format!("{} {}", failure.state, failure.message))
    }

    /// The counts, the other tables with rows, the blind spots, and the server's errors.
    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let Witness { statements, attempted_rows, written_rows, ref other_tables, .. } =
            *self.witness;
        let mut evidence = vec![Evidence::Witness {
            begun: statements,
            tried: attempted_rows,
            written: written_rows,
            kept: self.kept,
        }];
        if self.witness.overwritten_rows > 0 {
            let count = self.witness.overwritten_rows;
            evidence
                .push(Evidence::Note(format!("witness: {count} updates changed the id of a row")));
        }
        evidence.extend(other_tables.iter().map(|(table, rows)| Evidence::Elsewhere {
            table: table.clone(),
            rows: *rows,
            of_units: false,
        }));
        evidence.extend(self.used_blind_spots().into_iter().map(|spot| {
            let BlindSpot { what, statements, .. } = spot;
            let count = match statements {
                Some(1) => "; 1 statement used it".to_owned(),
                Some(count) => format!("; {count} statements used it"),
                None => String::new(),
            };
            Evidence::Note(format!("{NOT_COUNTED}{what}{count}"))
        }));
        evidence.extend(limit(self.failures().map(|failure| Evidence::ServerLog(failure.clone()))));
        evidence
    }
}

/// Whether an error may have occurred at the commit: a statement that ends the transaction failed, or a
/// deferred constraint or trigger did.
fn may_be_at_commit(failure: &Failure) -> bool {
    let class = failure.state.get(..2).unwrap_or_default();
    failure.statement.as_deref().is_some_and(ends_transaction)
        || ["23", "44", "P0"].contains(&class)
}

/// Whether a statement is `COMMIT` or `END`. Deferred constraints fail in such a statement.
fn ends_transaction(statement: &str) -> bool {
    let first = statement.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty());
    first.is_some_and(|word| ["commit", "end"].iter().any(|end| word.eq_ignore_ascii_case(end)))
}

/// Whether a statement inserts more than one row: `values (…), (…)`, a function that returns a set, or
/// `copy`.
pub(super) fn has_several_rows(statement: &str) -> bool {
    let statement = statement.to_lowercase();
    let sets = ["unnest(", "recordset(", "array_elements(", "copy "];
    let without_spaces: String = statement.chars().filter(|c| !c.is_whitespace()).collect();
    let values = without_spaces.split_once("values(").map_or("", |(_, values)| values);
    values.contains("),(") || sets.iter().any(|word| statement.contains(word))
}

/// Returns what an error means for the rows, by the class of its SQLSTATE (`PostgreSQL` manual,
/// appendix A).
pub(super) fn fate_of_error(state: &str) -> Fate {
    match state.get(..2).unwrap_or_default() {
        _ if state == "57P03" => Fate::NeverConnected,
        // Invalid authorization, invalid catalog, insufficient resources.
        "28" | "3D" | "53" => Fate::NeverConnected,
        // Operator intervention, lock not available, transaction rollback.
        "57" | "55" | "40" => Fate::CutOff,
        // Data exception, integrity constraint, WITH CHECK OPTION, raised by a function.
        "22" | "23" | "44" | "P0" => Fate::RowRefused,
        _ => Fate::StatementRefused,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn testimony(witness: &Witness, kept: usize) -> Testimony<'_> {
        let spec = crate::spec::example(|text| text);
        Testimony::new(witness, ("public.trace_spans", &spec.tables.spans), kept)
    }

    fn failure(state: &str) -> Failure {
        let statement =
            (!["53300", "55000"].contains(&state)).then(|| "INSERT INTO trace_spans …".to_owned());
        Failure { state: state.into(), message: "no".into(), statement }
    }

    /// Counts and SQLSTATEs as `PostgreSQL` 15 returned them for each of these faults.
    #[rstest]
    #[case::never([0, 0, 0], &[], 0, Fate::NeverTried)]
    #[case::connections([0, 0, 0], &["53300"], 0, Fate::NeverConnected)]
    #[case::no_connections_accepted([0, 0, 0], &["55000"], 0, Fate::NeverConnected)]
    #[case::policy([1, 1, 0], &["42501"], 0, Fate::StatementRefused)]
    #[case::privilege([0, 0, 0], &["42501"], 0, Fate::StatementRefused)]
    #[case::table([0, 0, 0], &["42P01"], 0, Fate::StatementRefused)]
    #[case::read_only([0, 0, 0], &["25006"], 0, Fate::StatementRefused)]
    #[case::lock([0, 0, 0], &["55P03"], 0, Fate::CutOff)]
    #[case::timeout([1, 0, 0], &["57014"], 0, Fate::CutOff)]
    #[case::check([1, 1, 0], &["23514"], 0, Fate::RowRefused)]
    #[case::each_row([4, 4, 0], &["23514", "23514", "23514", "23514"], 0, Fate::RowRefused)]
    #[case::trigger([1, 1, 0], &["P0001"], 0, Fate::RowRefused)]
    #[case::poisoned([1, 3, 0], &["23505"], 0, Fate::Poisoned)]
    #[case::commit([1, 1, 1], &["23503"], 0, Fate::LostAtCommit)]
    #[case::rollback([1, 1, 1], &[], 0, Fate::Undone)]
    #[case::pipeline([7, 7, 7], &["22P05"], 6, Fate::Poisoned)]
    #[case::discarded([1, 1, 0], &[], 0, Fate::Discarded)]
    #[case::empty([1, 0, 0], &[], 0, Fate::Empty)]
    #[case::sampled([4, 4, 4], &[], 4, Fate::NeverTried)]
    #[case::some_kept([4, 4, 3], &["23514"], 3, Fate::RowRefused)]
    fn the_counts_and_the_failures_leave_one_fate(
        #[case] counts: [usize; 3],
        #[case] states: &[&str],
        #[case] kept: usize,
        #[case] fate: Fate,
    ) {
        let [statements, attempted_rows, written_rows] = counts;
        let failures = states.iter().map(|state| failure(state)).collect();
        let witness =
            Witness { statements, attempted_rows, written_rows, failures, ..Witness::default() };
        assert_eq!(testimony(&witness, kept).fate(), fate);
    }

    /// `expected` answers whether inserts reached the server, and whether the server accepted rows and stored
    /// none. All `rows` that the triggers saw are stored.
    #[rstest]
    #[case::none(None, 0, ["no", "no"])]
    #[case::rule(Some((BlindSpotEffect::Discards, Some(4))), 2, ["yes", "yes"])]
    #[case::rule_without_inserts(Some((BlindSpotEffect::Discards, Some(0))), 2, ["no", "no"])]
    #[case::function(Some((BlindSpotEffect::Inserts, Some(4))), 2, ["yes", "unknown"])]
    #[case::function_that_inserts(Some((BlindSpotEffect::Inserts, Some(4))), 4, ["no", "no"])]
    #[case::unclear(Some((BlindSpotEffect::Unclear, None)), 2, ["unknown", "unknown"])]
    #[case::unwatched(Some((BlindSpotEffect::Unwatched, None)), 0, ["unknown", "unknown"])]
    fn a_blind_spot_that_was_used_leaves_no_certain_no(
        #[case] spot: Option<(BlindSpotEffect, Option<usize>)>,
        #[case] rows: usize,
        #[case] expected: [&str; 2],
    ) {
        let spots = spot.into_iter().map(|(effect, statements)| {
            let what = "a rule".to_owned();
            BlindSpot { what, effect, statements }
        });
        let witness = Witness {
            statements: rows,
            attempted_rows: rows,
            written_rows: rows,
            blind_spots: spots.collect(),
            ..Witness::default()
        };
        let mut answers = Answers::default();
        testimony(&witness, rows).answer(&mut answers);
        let text = |question| match answers.get(question) {
            Some(Fact::Yes(_)) => "yes",
            Some(Fact::No(_)) => "no",
            Some(Fact::Unknown(_)) | None => "unknown",
        };
        assert_eq!([text(Q::Reached), text(Q::Discarded)], expected);
    }

    #[test]
    fn a_rollback_to_a_savepoint_is_not_excluded_by_the_number_of_rollbacks() {
        let witness = Witness {
            statements: 1,
            attempted_rows: 1,
            written_rows: 1,
            rollbacks: Some(0),
            ..Witness::default()
        };
        let mut answers = Answers::default();
        testimony(&witness, 0).answer(&mut answers);
        assert!(answers.is_unknown(Q::Undone));
        assert!(answers.is_no(Q::Discarded));
    }

    #[test]
    fn failures_of_other_tables_are_not_about_spans() {
        let other = Failure {
            state: "23505".into(),
            message: "duplicate key".into(),
            statement: Some("insert into jobs values (1)".into()),
        };
        let witness = Witness { failures: vec![other], ..Witness::default() };
        let shown = testimony(&witness, 0);
        assert_eq!(shown.fate(), Fate::NeverTried);
        assert_eq!(shown.reason(), None);
    }

    #[test]
    fn what_another_service_may_have_done_makes_the_answers_unknown() {
        let witness = Witness { unattributed: vec!["a row".into()], ..Witness::default() };
        let mut answers = Answers::default();
        testimony(&witness, 0).answer(&mut answers);
        let open = [Q::Reached, Q::Refused, Q::Denied, Q::Elsewhere];
        assert!(open.into_iter().all(|question| answers.is_unknown(question)));
    }

    #[test]
    fn a_lost_client_and_a_refused_session_do_not_explain_lost_rows() {
        let without = |state: &str| Failure { statement: None, ..failure(state) };
        let failures = vec![without("08006"), without("53300")];
        let witness = Witness { statements: 2, attempted_rows: 2, failures, ..Witness::default() };
        assert_eq!(testimony(&witness, 0).fate(), Fate::Discarded);
    }

    #[test]
    fn only_commit_and_end_as_whole_words_end_a_transaction() {
        assert!(ends_transaction("COMMIT"));
        assert!(ends_transaction("  end;"));
        assert!(!ends_transaction("endow the poor"));
    }

    #[test]
    fn rows_in_another_schema_decide_the_fate() {
        let other_tables = vec![("tenant.trace_spans".to_owned(), 4)];
        let witness = Witness { other_tables, ..Witness::default() };
        let shown = testimony(&witness, 0);
        assert_eq!(shown.fate(), Fate::Elsewhere);
        assert!(
            shown.evidence().iter().any(|line| line.to_string() == "tenant.trace_spans: 4 rows")
        );
    }
}
