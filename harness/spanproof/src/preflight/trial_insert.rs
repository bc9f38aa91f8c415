//! The trial insert of `preflight`, the command that checks whether a deployment can record spans.
//! Writes a span as the service would, completes the span (sets its end time, duration and final
//! status), and rolls everything back.

use spanproof_format::Check;

use super::check::PendingCheck;
use super::column::{Column, columns};
use super::index;
use super::row::text;
use crate::deployment::{Error, Refusal, Reply, Session};
use crate::identifier;
use crate::observation::{Row, Table};
use crate::spec::Spec;

/// Name of the check in the report.
const NAME: &str = "a span, written and undone";
/// Common status texts of ended spans, tried after the final statuses that the spec lists for jobs.
const FINAL_STATUSES: [&str; 9] =
    ["completed", "ok", "done", "OK", "DONE", "finished", "Ok", "UNSET", "1"];
/// SQLSTATEs of a refused status: by a check constraint, and by a type that lacks this value.
const STATUS_REFUSED: [&str; 2] = ["23514", "22P02"];

/// Inserts a span, reads it, completes it, and rolls it back. Then checks in a new transaction that
/// the span is gone.
pub(super) async fn trial_insert(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let check = PendingCheck::new(
        NAME,
        "a span inserted, read, completed and rolled back; sequences may skip numbers",
    );
    let Some(trial) = TrialInsert::prepare(session, spec).await? else {
        let why = format!("the table `{}` was not found", spec.tables.spans.table);
        return Ok(check.untried(why, ""));
    };
    let Some(id) = trial.id() else {
        let why = format!("an insert can't set the column `{}`", spec.tables.spans.id);
        return Ok(check.untried(why, "insert a span by hand, and check that it is stored"));
    };
    let done = match trial.run(session, &check, id).await? {
        Step::Finished(result) => return Ok(result),
        Step::Succeeded => "inserted, read, completed and rolled back",
        Step::NotCompleted => {
            "inserted, read and rolled back; not completed, because the role may not update spans, and with \
             `not-ended = []` each span is inserted when it ends"
        }
    };
    session.restart_transaction().await?;
    let (left, parameters) = trial.with_id("select jsonb_build_object('left', 1) from", id);
    let left = session.look_up("what is left of the span", &left, &[&parameters]).await?;
    Ok(match left {
        Reply::Accepted(rows) if rows.is_empty() => {
            check.passed(format!("{done}; nothing is left"))
        }
        Reply::Accepted(_) => check.failed(
            format!("the span still exists after the rollback: {}", id.value),
            "look for a trigger that uses another connection for its insert, and delete the row",
        ),
        Reply::Refused(why) => {
            check.passed(format!("{done}; could not check whether anything is left: {why}"))
        }
    })
}

/// The result of one step of the trial insert. A step may have several statements.
enum Step {
    /// All statements succeeded.
    Succeeded,
    /// All statements succeeded, except that the role may not update the span and does not need to.
    NotCompleted,
    /// A statement decided the result of the check. The other steps are skipped.
    Finished(Check),
}

/// The span of the trial insert, and its table.
struct TrialInsert<'a> {
    spec: &'a Spec,
    /// The table's name with its schema, as SQL.
    table: String,
    columns: Vec<Column>,
}

impl<'a> TrialInsert<'a> {
    /// Looks up the table and its columns; `None` if there is no such table.
    async fn prepare(session: &mut Session, spec: &'a Spec) -> Result<Option<Self>, Error> {
        let name = "select jsonb_build_object('name', format('%I.%I', n.nspname, c.relname))
                    from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where c.oid = to_regclass(($1::text[])[1])";
        let found =
            session.rows(NAME, name, &[&[identifier::table(&spec.tables.spans.table)]]).await?;
        let Some(table) = found.accepted().and_then(|rows| Some(text(rows.first()?, "name")))
        else {
            return Ok(None);
        };
        let unit = any_unit(session, spec).await?;
        let columns = columns(session, spec, unit.as_ref()).await?;
        Ok(Some(Self { spec, table, columns }))
    }

    fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Returns the column of the span's id; `None` if an insert can't set it.
    fn id(&self) -> Option<&Column> {
        self.column(&self.spec.tables.spans.id).filter(|column| column.is_inserted)
    }

    /// Returns the statement `<start> <table> where <id> = …` and its parameters.
    fn with_id(&self, start: &str, id: &Column) -> (String, Vec<String>) {
        let sql = format!("{start} {} where {} = {}", self.table, id.quoted(), id.parameter(1));
        (sql, vec![id.value.clone()])
    }

    /// Executes all steps except the rollback.
    async fn run(
        &self,
        session: &mut Session,
        check: &PendingCheck,
        id: &Column,
    ) -> Result<Step, Error> {
        let refused =
            |step: &str, why: &Refusal| Ok(Step::Finished(self.refused(check, step, why)));
        if let Reply::Refused(why) = self.insert(session).await? {
            return refused("inserting the span", &why);
        }
        let spans = &self.spec.tables.spans;
        let is_cheap = index::is_query_cheap(session, &spans.table, &spans.id).await?;
        let mut step = Step::Succeeded;
        if is_cheap {
            step = self.read_and_complete(session, check, id).await?;
            if matches!(step, Step::Finished(_)) {
                return Ok(step);
            }
        }
        match session.execute(NAME, "set constraints all immediate", &[]).await? {
            Reply::Accepted(_) if is_cheap => Ok(step),
            Reply::Accepted(_) => {
                let why = "inserted and rolled back, but not read and completed, because that would scan the whole \
                           table";
                let next = format!(
                    "create an index on `{}`, by which spans are found when they end",
                    spans.id
                );
                Ok(Step::Finished(check.untried(why, next)))
            }
            Reply::Refused(why) => refused("checking the deferred constraints", &why),
        }
    }

    /// Checks that the inserted row exists and can be completed.
    async fn read_and_complete(
        &self,
        session: &mut Session,
        check: &PendingCheck,
        id: &Column,
    ) -> Result<Step, Error> {
        let spans = &self.spec.tables.spans;
        let lost = |found: &str, next: &str| Ok(Step::Finished(check.failed(found, next)));
        let refused =
            |step: &str, why: &Refusal| Ok(Step::Finished(self.refused(check, step, why)));
        let (select, parameters) = self.with_id("select 1 from", id);
        // The row count of the insert is not enough: a trigger may have inserted into another
        // table.
        match session.execute(NAME, &select, &[&parameters]).await? {
            Reply::Accepted(1) => {}
            Reply::Accepted(0) => {
                return lost(
                    "the server reported no error, but stored no span",
                    "look at the rules, the policies and the triggers of the table (a trigger may return null); the service gets no error",
                );
            }
            Reply::Accepted(several) => {
                let found = format!("the server accepted one span, and stored {several}");
                return lost(&found, "look for a trigger or a rule that inserts the span again");
            }
            Reply::Refused(why) => return refused("reading the span back", &why),
        }
        match self.complete(session, id).await? {
            Reply::Accepted(0) => {
                return lost(
                    "the server reported no error, but completing the span changed no row",
                    "look at the rules, the policies and the triggers for updates of the table (a trigger may return null)",
                );
            }
            Reply::Accepted(_) => {}
            Reply::Refused(why) if spans.only_ended() && lacks_privilege(&why) => {
                return Ok(Step::NotCompleted);
            }
            Reply::Refused(why) => return refused("completing the span", &why),
        }
        if let Some(completed) = self.column(&spans.completed) {
            let ended = format!("{select} and {} is not null", completed.quoted());
            if session.execute(NAME, &ended, &[&parameters]).await? == Reply::Accepted(0) {
                return lost(
                    "completing the span succeeded, but its end time is still null",
                    "look for a trigger on updates of the table that returns the old row",
                );
            }
        }
        Ok(Step::Succeeded)
    }

    /// Inserts the span. A span that is inserted when it ends gets the first final status that the
    /// table accepts.
    async fn insert(&self, session: &mut Session) -> Result<Reply<u64, Refusal>, Error> {
        let inserted: Vec<_> = self.columns.iter().filter(|column| column.is_inserted).collect();
        let names: Vec<_> = inserted.iter().map(|column| column.quoted()).collect();
        let values: Vec<_> =
            inserted.iter().zip(1..).map(|(column, index)| column.parameter(index)).collect();
        let sql = format!(
            "insert into {} ({}) values ({})",
            self.table,
            names.join(", "),
            values.join(", ")
        );
        let spans = &self.spec.tables.spans;
        let parameters: Vec<_> = inserted.iter().map(|column| column.value.clone()).collect();
        let status = inserted.iter().position(|column| column.name == spans.status);
        let Some(status) = status.filter(|_| spans.only_ended()) else {
            return session.execute(NAME, &sql, &[&parameters]).await;
        };
        let attempts = self.final_statuses().into_iter().map(|text| {
            let mut parameters = parameters.clone();
            text.clone_into(&mut parameters[status]);
            (sql.clone(), parameters)
        });
        first_accepted(session, attempts).await
    }

    /// Returns statuses of ended spans, the likeliest first.
    fn final_statuses(&self) -> Vec<&str> {
        let done = self.spec.tables.jobs.done.iter().map(String::as_str);
        ["completed"].into_iter().chain(done).chain(FINAL_STATUSES).collect()
    }

    /// Completes the span, with the first final status that the table accepts.
    async fn complete(
        &self,
        session: &mut Session,
        id: &Column,
    ) -> Result<Reply<u64, Refusal>, Error> {
        let statuses = self.final_statuses();
        let attempts = statuses.into_iter().map(|status| self.completion(id, status));
        first_accepted(session, attempts).await
    }

    /// Returns the statement that completes the span with a status, and its parameters.
    fn completion(&self, id: &Column, status_text: &str) -> (String, Vec<String>) {
        let spans = &self.spec.tables.spans;
        let at_end = [&spans.completed, &spans.duration].into_iter();
        let mut parameters = vec![id.value.clone(), status_text.to_owned()];
        let mut assignments = Vec::new();
        if let Some(status) = self.column(&spans.status) {
            assignments.push(format!("{} = {}", status.quoted(), status.parameter(2)));
        }
        for column in at_end.filter_map(|name| self.column(name)) {
            parameters.push(column.value.clone());
            assignments.push(format!(
                "{} = {}",
                column.quoted(),
                column.parameter(parameters.len())
            ));
        }
        if assignments.is_empty() {
            // All values that change are inside JSON columns. An update that changes nothing still runs the
            // triggers and policies.
            assignments.push(format!("{0} = {0}", id.quoted()));
        }
        let (id, assignments) =
            (format!("{} = {}", id.quoted(), id.parameter(1)), assignments.join(", "));
        (format!("update {} set {assignments} where {id}", self.table), parameters)
    }

    fn refused(&self, check: &PendingCheck, step: &str, why: &Refusal) -> Check {
        let next = next_step(why, &self.spec.tables.spans.table);
        check.failed(format!("{step} was refused: {why}"), next)
    }
}

/// Executes statements until the table accepts a status. If it accepts none, returns the first refusal.
async fn first_accepted(
    session: &mut Session,
    attempts: impl Iterator<Item = (String, Vec<String>)>,
) -> Result<Reply<u64, Refusal>, Error> {
    let mut first_refusal = None;
    for (sql, parameters) in attempts {
        match session.execute(NAME, &sql, &[&parameters]).await? {
            Reply::Accepted(rows) => return Ok(Reply::Accepted(rows)),
            Reply::Refused(why) if STATUS_REFUSED.contains(&why.code.as_str()) => {
                first_refusal.get_or_insert(why);
            }
            Reply::Refused(why) => return Ok(Reply::Refused(why)),
        }
    }
    Ok(first_refusal.map_or(Reply::Accepted(0), Reply::Refused))
}

/// Whether a statement was refused because the role lacks a privilege.
fn lacks_privilege(why: &Refusal) -> bool {
    why.code == "42501" && !why.message.contains("row-level security")
}

/// Returns what a user should do if the server refuses a statement.
fn next_step(why: &Refusal, table: &str) -> String {
    let message = why.message.as_str();
    match why.code.as_str() {
        "42501" if message.contains("row-level security") => {
            format!("create a policy on `{table}` that allows the role's spans")
        }
        "42501" if message.contains("sequence") => {
            "grant usage on that sequence to the role".into()
        }
        "42501" => format!("grant the role insert, select and update on `{table}`"),
        "25006" => {
            "if the server is a standby, give the service the URL of the primary; otherwise set \
                    default_transaction_read_only = off for the role, the database or the server"
                .into()
        }
        "23502" => "give the column a default, or let the service write it".into(),
        "23503" => {
            "write the referenced row first, or drop the constraint, so that no span is refused"
                .into()
        }
        "23514" => "change the constraint so that it allows what the service writes".into(),
        "22001" => "widen the column, or shorten what the service writes".into(),
        "55P03" | "57014" => {
            "another session holds a lock on the table, or the server is slow; see `pg_locks`"
                .into()
        }
        "42P01" | "42703" | "42883" => "apply the migrations to this database".into(),
        _ => {
            "see the server's message; a service that does not print it loses spans silently".into()
        }
    }
}

/// Returns the row of any unit of work, so that the trial span can refer to it; `None` if the table
/// is empty or can't be read.
async fn any_unit(session: &mut Session, spec: &Spec) -> Result<Option<Row>, Error> {
    let sql = format!(
        "select to_jsonb(u.*) from {} u limit 1",
        identifier::table(&spec.tables.units.table)
    );
    let found = session.rows("a unit", &sql, &[]).await?;
    let mut unit = found.accepted().and_then(|rows| rows.into_iter().next());
    if let Some(unit) = &mut unit {
        Table::Units.paths(&spec.tables).add_to(unit);
    }
    Ok(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_about_a_read_only_transaction_includes_a_standby() {
        let message = "cannot execute INSERT in a read-only transaction".to_owned();
        let next = next_step(&Refusal { code: "25006".to_owned(), message }, "spans");
        assert!(
            next.contains("standby") && next.contains("default_transaction_read_only"),
            "{next}"
        );
    }
}
