//! A trial insert: a span that is written as the service would write it, and rolled back.

use crate::identifier;
use spanproof_format::Check;

use super::check::Topic;
use super::column::{Column, columns};
use super::index;
use super::row::text;
use crate::deployment::{Error, Refusal, Reply, Session};
use crate::observation::Row;
use crate::spec::Spec;

const WHAT: &str = "a span, written and undone";
/// What the final status of a span may be called, after what the spec says of jobs.
const FINAL: [&str; 6] = ["completed", "ok", "done", "OK", "DONE", "finished"];

/// Inserts a span, reads it, completes it, and rolls it back. The session is in a new transaction
/// afterwards: the one that looks whether anything is left.
pub(super) async fn trial_insert(session: &mut Session, spec: &Spec) -> Result<Check, Error> {
    let topic = Topic::new(
        WHAT,
        "by insert, select and update, with the constraints of its end; a number of a sequence may be used up",
    );
    let Some(trial) = TrialInsert::prepare(session, spec).await? else {
        let why = format!("there is no table `{}` that can be seen", spec.tables.spans.table);
        return Ok(topic.untried(why, ""));
    };
    let Some(id) = trial.id() else {
        let why = format!("`{}` can't be chosen by who inserts", spec.tables.spans.id);
        return Ok(topic.untried(why, "insert a span by hand, and look whether it is there"));
    };
    if let Step::Stopped(check) = trial.run(session, &topic, id).await? {
        return Ok(check);
    }
    session.restart_transaction().await?;
    let (left, parameters) = trial.with_id("select jsonb_build_object('left', 1) from", id);
    let left = session.look_up("what is left of it", &left, &[&parameters]).await?;
    let done = "inserted, read, completed and rolled back";
    Ok(match left {
        Reply::Accepted(rows) if rows.is_empty() => {
            topic.passed(format!("{done}, and nothing of it is left"))
        }
        Reply::Accepted(_) => topic.failed(
            format!("it is still there after its transaction was rolled back: {}", id.value),
            "look for a trigger that writes by a connection of its own, and remove that row",
        ),
        Reply::Refused(why) => {
            topic.passed(format!("{done}; whether anything is left was not looked at: {why}"))
        }
    })
}

/// What the statements of a trial insert came to.
enum Step {
    /// All of them did what they should.
    Succeeded,
    /// One of them ended the trial, with its check.
    Stopped(Check),
}

/// A span that is inserted on trial, and its table.
struct TrialInsert<'a> {
    spec: &'a Spec,
    /// The table's full name, as SQL.
    table: String,
    columns: Vec<Column>,
}

impl<'a> TrialInsert<'a> {
    async fn prepare(session: &mut Session, spec: &'a Spec) -> Result<Option<Self>, Error> {
        let name = "select jsonb_build_object('name', format('%I.%I', n.nspname, c.relname))
                    from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where c.oid = to_regclass(($1::text[])[1])";
        let found =
            session.rows(WHAT, name, &[&[identifier::table(&spec.tables.spans.table)]]).await?;
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

    fn id(&self) -> Option<&Column> {
        self.column(&self.spec.tables.spans.id).filter(|column| column.inserted)
    }

    /// `<what> <table> where <id> = …`, with its parameters.
    fn with_id(&self, what: &str, id: &Column) -> (String, Vec<String>) {
        let sql = format!("{what} {} where {} = {}", self.table, id.quoted(), id.parameter(1));
        (sql, vec![id.value.clone()])
    }

    /// Executes every statement before the end of the transaction.
    async fn run(&self, session: &mut Session, topic: &Topic, id: &Column) -> Result<Step, Error> {
        let refused = |what: &str, why: &Refusal| Ok(Step::Stopped(self.refused(topic, what, why)));
        if let Reply::Refused(why) = self.insert(session).await? {
            return refused("inserting it", &why);
        }
        let spans = &self.spec.tables.spans;
        let served = index::is_cheap_by(session, &spans.table, &spans.id).await?;
        if served && let Step::Stopped(check) = self.read_and_complete(session, topic, id).await? {
            return Ok(Step::Stopped(check));
        }
        match session.execute(WHAT, "set constraints all immediate", &[]).await? {
            Reply::Accepted(_) if served => Ok(Step::Succeeded),
            Reply::Accepted(_) => {
                let why = "it was inserted and rolled back; finding it again goes through all of the table, so reading \
                           and completing it were not tried";
                let next = format!("an index on `{}`, by which each span is completed", spans.id);
                Ok(Step::Stopped(topic.untried(why, next)))
            }
            Reply::Refused(why) => refused("the end of its transaction", &why),
        }
    }

    /// Whether the row that was inserted is there, and can be completed.
    async fn read_and_complete(
        &self,
        session: &mut Session,
        topic: &Topic,
        id: &Column,
    ) -> Result<Step, Error> {
        let lost = |found: &str, next: &str| Ok(Step::Stopped(topic.failed(found, next)));
        let refused = |what: &str, why: &Refusal| Ok(Step::Stopped(self.refused(topic, what, why)));
        let (seen, parameters) = self.with_id("select 1 from", id);
        // Not what the insert says of itself: a trigger may have put the row where it is seen.
        match session.execute(WHAT, &seen, &[&parameters]).await? {
            Reply::Accepted(1) => {}
            Reply::Accepted(0) => {
                return lost(
                    "the server took the span, told no error and kept none",
                    "look for a trigger that returns null, a rule or a policy on the table: the service is told that \
                     all is well",
                );
            }
            Reply::Accepted(several) => {
                let found = format!("the server took one span and kept {several}");
                return lost(&found, "look for a trigger or a rule that writes it again");
            }
            Reply::Refused(why) => return refused("reading it back", &why),
        }
        match self.complete(session, id).await? {
            Reply::Accepted(0) => {
                return lost(
                    "completing it changed no row, and no error was told",
                    "look for a trigger that returns null, a rule or a policy for updates on the table",
                );
            }
            Reply::Accepted(_) => {}
            Reply::Refused(why) => return refused("completing it", &why),
        }
        if let Some(completed) = self.column(&self.spec.tables.spans.completed) {
            let ended = format!("{seen} and {} is not null", completed.quoted());
            if session.execute(WHAT, &ended, &[&parameters]).await? == Reply::Accepted(0) {
                return lost(
                    "completing it was taken, and the row is as before",
                    "look for a trigger on updates of the table that returns the old row",
                );
            }
        }
        Ok(Step::Succeeded)
    }

    async fn insert(&self, session: &mut Session) -> Result<Reply<u64, Refusal>, Error> {
        let own: Vec<_> = self.columns.iter().filter(|column| column.inserted).collect();
        let names: Vec<_> = own.iter().map(|column| column.quoted()).collect();
        let values: Vec<_> =
            own.iter().enumerate().map(|(at, column)| column.parameter(at + 1)).collect();
        let parameters: Vec<_> = own.iter().map(|column| column.value.clone()).collect();
        let sql = format!(
            "insert into {} ({}) values ({})",
            self.table,
            names.join(", "),
            values.join(", ")
        );
        session.execute(WHAT, &sql, &[&parameters]).await
    }

    /// Completes the span, with the first final status that the table takes.
    async fn complete(
        &self,
        session: &mut Session,
        id: &Column,
    ) -> Result<Reply<u64, Refusal>, Error> {
        let spans = &self.spec.tables.spans;
        let later = [&spans.completed, &spans.duration].into_iter();
        let later: Vec<_> = later.filter_map(|name| self.column(name)).collect();
        let done = self.spec.tables.jobs.done.iter().map(String::as_str);
        let mut refused = None;
        for word in ["completed"].into_iter().chain(done).chain(FINAL) {
            let mut parameters = vec![id.value.clone(), word.to_owned()];
            let mut sets = Vec::new();
            if let Some(status) = self.column(&spans.status) {
                sets.push(format!("{} = {}", status.quoted(), status.parameter(2)));
            }
            for column in &later {
                parameters.push(column.value.clone());
                sets.push(format!("{} = {}", column.quoted(), column.parameter(parameters.len())));
            }
            let (id, sets) = (format!("{} = {}", id.quoted(), id.parameter(1)), sets.join(", "));
            let sql = format!("update {} set {sets} where {id}", self.table);
            match session.execute(WHAT, &sql, &[&parameters]).await? {
                Reply::Accepted(rows) => return Ok(Reply::Accepted(rows)),
                // Another word for a final status may do; what was said of the first is told.
                Reply::Refused(why) if ["23514", "22P02"].contains(&why.code.as_str()) => {
                    refused.get_or_insert(why);
                }
                Reply::Refused(why) => return Ok(Reply::Refused(why)),
            }
        }
        Ok(refused.map_or(Reply::Accepted(0), Reply::Refused))
    }

    fn refused(&self, topic: &Topic, what: &str, why: &Refusal) -> Check {
        let next = next(why, &self.spec.tables.spans.table);
        topic.failed(format!("{what} was refused: {why}"), next)
    }
}

/// What to do about a refusal.
fn next(why: &Refusal, table: &str) -> String {
    let message = why.message.as_str();
    match why.code.as_str() {
        "42501" if message.contains("row-level security") => {
            format!("write a policy on `{table}` that lets the role's spans in")
        }
        "42501" if message.contains("sequence") => "grant usage on that sequence to the role".into(),
        "42501" => format!("grant the role what is named; it needs insert, select and update on `{table}`"),
        "25006" => "let the role, the database or the server write".into(),
        "23502" => "give the column a default, or let the service write it".into(),
        "23503" => "write the row that is referred to first, or drop the constraint: a span must not be lost for it".into(),
        "23514" => "let the constraint take what the service writes".into(),
        "22001" => "widen the column, or shorten what the service writes".into(),
        "55P03" | "57014" => "somebody holds a lock on the table, or the server is very slow; see `pg_locks`".into(),
        "42P01" | "42703" | "42883" => "apply the migrations to this database".into(),
        _ => "the server's own words name the reason; a service that does not print them loses spans in silence".into(),
    }
}

/// A unit for spans to refer to; `None` if there is none or the table can't be read.
async fn any_unit(session: &mut Session, spec: &Spec) -> Result<Option<Row>, Error> {
    let sql = format!(
        "select to_jsonb(u) from {} u limit 1",
        identifier::table(&spec.tables.units.table)
    );
    let found = session.rows("a unit", &sql, &[]).await?;
    Ok(found.accepted().and_then(|rows| rows.into_iter().next()))
}
