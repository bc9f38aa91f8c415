//! Answers about the database server: from the database witness if there is one, otherwise from the
//! server's log and the tables of other schemas, which are read in every trial.

use super::evidence::{Evidence, some};
use super::fact::{Answers, Fact, Question as Q};
use super::facts::Facts;
use super::gap::Gap;
use super::known_error::names;
use super::witness::{Fate, Testimony, kind};
use crate::identifier;
use crate::observation::{Failure, TrialRecord};

/// Answers the questions about the server. `is_aided` is `false` to leave the witness out.
pub(super) fn answer(facts: &Facts<'_>, gap: &Gap<'_>, is_aided: bool, answers: &mut Answers) {
    let Some(trial) = facts.trial() else {
        return other_tables_of_deployment(facts, answers);
    };
    if let Some(testimony) = Testimony::from_facts(facts).filter(|_| is_aided) {
        testimony.answer(answers);
        // The witness watches one table: a statement with the columns of spans may name another one.
        let log = ServerErrors::about(&trial.server_errors, facts);
        if answers.is_no(Q::Reached) && !log.refused.is_empty() {
            answers.set(Q::Refused, Fact::Yes(evidence(&log.refused)));
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

fn answer_from_log(facts: &Facts<'_>, trial: &TrialRecord, gap: &Gap<'_>, answers: &mut Answers) {
    let log = ServerErrors::about(&trial.server_errors, facts);
    if log.refused.is_empty() {
        let control = "the server's log has no error about spans";
        answers.set(Q::Refused, Fact::no(control));
        answers.set(Q::Poisoned, Fact::no(control));
    } else {
        answers.set(Q::Refused, Fact::Yes(evidence(&log.refused)));
        if log.refuses_whole_statements() || log.refused.len() >= gap.missing {
            let control = "each failed statement explains its own rows";
            answers.set(Q::Poisoned, Fact::no(control));
        }
    }
    if !log.denied.is_empty() && facts.spans.is_empty() {
        answers.set(Q::Denied, Fact::Yes(evidence(&log.denied)));
    }
}

fn evidence(errors: &[&Failure]) -> Vec<Evidence> {
    some(errors.iter().map(|error| Evidence::ServerLog((*error).clone())))
}

fn other_tables_of_deployment(facts: &Facts<'_>, answers: &mut Answers) {
    let deployment = facts.observation.deployment();
    if let Some(deployment) = deployment.filter(|deployment| deployment.database.is_some()) {
        answers.set(Q::Elsewhere, elsewhere(&deployment.other_tables, true));
    }
}

/// Whether other tables got rows. A table of another name may be an archive to which stored spans were
/// moved; the witness decides.
fn elsewhere_of_trial(trial: &TrialRecord, facts: &Facts<'_>) -> Fact {
    let name = identifier::parts(&facts.spec.tables.spans.table).1;
    let has_name = |(table, _): &&(String, u64)| identifier::parts(table).1 == name;
    match trial.other_tables.first() {
        Some((table, rows)) if !trial.other_tables.iter().any(|other| has_name(&other)) => {
            Fact::unknown(format!("`{table}` has {rows} rows that the table of spans lacks"))
        }
        _ => elsewhere(&trial.other_tables, false),
    }
}

/// Whether other tables have rows.
fn elsewhere(tables: &[(String, u64)], of_units: bool) -> Fact {
    if tables.is_empty() {
        return Fact::no("no other table has such rows");
    }
    let place = |(table, rows): &(String, u64)| Evidence::Elsewhere {
        table: table.clone(),
        rows: *rows,
        of_units,
    };
    Fact::Yes(tables.iter().map(place).collect())
}

/// A statement that names at least this many of the columns for trace, id, parent, name and start is
/// about spans.
const MIN_COLUMNS: usize = 3;

/// Errors of the server's log that may be about spans.
pub(super) struct ServerErrors<'a> {
    /// Statements that write spans and failed.
    pub(super) refused: Vec<&'a Failure>,
    /// Sessions that were not let in.
    pub(super) denied: Vec<&'a Failure>,
}

impl<'a> ServerErrors<'a> {
    pub(super) fn about(errors: &'a [Failure], facts: &Facts<'_>) -> Self {
        let table = &facts.spec.tables.spans;
        let name = identifier::parts(&facts.span_place).1.to_lowercase();
        // A table of another name, which perhaps does not exist, with the columns of spans.
        let columns = [&table.trace, &table.id, &table.parent, &table.name, &table.started];
        let has_columns = |statement: &str| {
            let named = columns
                .iter()
                .filter(|column| !column.is_empty() && names(statement, &column.to_lowercase()));
            named.count() >= MIN_COLUMNS
        };
        let is_write = |statement: &str| {
            let statement = statement.to_lowercase();
            (names(&statement, &name) || has_columns(&statement))
                && ["insert", "copy", "merge", "update"].iter().any(|verb| names(&statement, verb))
        };
        let is_about = |error: &&Failure| match &error.statement {
            Some(statement) => is_write(statement),
            None => names(&error.message.to_lowercase(), &name),
        };
        let is_denied = |error: &&Failure| {
            let class = error.state.get(..2).unwrap_or_default();
            error.statement.is_none() && ["28", "3D", "53"].contains(&class)
        };
        Self {
            refused: errors.iter().filter(is_about).collect(),
            denied: errors.iter().filter(is_denied).collect(),
        }
    }

    /// Whether the server refused each statement before it looked at a row.
    fn refuses_whole_statements(&self) -> bool {
        !self.refused.iter().any(|error| kind(&error.state) == Fate::Rejected)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::spec::example;

    #[rstest]
    #[case::insert("42501", "permission denied", Some("INSERT INTO app.spans VALUES (1)"), [1, 0])]
    #[case::copy("22P04", "extra data", Some("COPY spans FROM STDIN"), [1, 0])]
    #[case::elsewhere(
        "42P01", "no such table", Some("INSERT INTO x (trace_id, span_id, operation) VALUES ($1)"), [1, 0]
    )]
    #[case::query("42703", "no such column", Some("SELECT x FROM spans"), [0, 0])]
    #[case::other_table("23505", "duplicate key", Some("INSERT INTO old_spans VALUES (1)"), [0, 0])]
    #[case::session("28P01", "password authentication failed", None, [0, 1])]
    fn errors_are_about_writes_of_spans_or_about_sessions(
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
        let found = ServerErrors::about(&errors, &Facts::read(&spec, &observation));
        assert_eq!([found.refused.len(), found.denied.len()], counts);
    }
}
