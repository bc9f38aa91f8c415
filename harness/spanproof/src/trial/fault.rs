//! A fault of the world: made to happen, and put right.

use crate::identifier;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::session::connect;
use super::{Error, World};
use spanproof_postgres::ServerError;

use crate::spec::{Fault, FaultKind, Tables};
use spanproof_postgres::Database;

/// Milliseconds after which the server ends statements, or waiting for a lock.
const LIMIT_MS: u32 = 250;
/// The name that a table, column or schema has while it is missing.
const AWAY: &str = "spanproof_away";
/// How long putting it right may wait for those who use the table, in milliseconds.
const PATIENCE_MS: u32 = 5_000;

/// A role with the rights that a service needs and no others: privileges do not bind a superuser.
/// Sessions that begin from now on have it.
const ROLE: &str = r"
create role {role};
do $$
declare
  place text;
begin
  for place in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' loop
    execute format('grant usage on schema %I to {role}', place);
    execute format('grant all on all tables in schema %I to {role}', place);
    execute format('grant all on all sequences in schema %I to {role}', place);
  end loop;
end $$;
alter database {database} set role to {role};";

/// A trigger on the span table whose function has the given body.
const TRIGGER: &str = r##"
create schema spanproof_fault;
create function spanproof_fault.strike() returns trigger language plpgsql security definer as $$
begin
  {body}
  return new;
end $$;
create {constraint} trigger "#spanproof_fault" {when} on {table} {deferred}
  for each {each} execute function spanproof_fault.strike();"##;

/// What removes the trigger with its function.
const NO_TRIGGER: &str = "drop schema if exists spanproof_fault cascade;";

/// What ends those who sleep in the trigger.
const AWAKE: &str = "select pg_cancel_backend(pid) from pg_stat_activity \
    where datname = current_database() and wait_event = 'PgSleep';";

/// A fault that can happen to one case's database.
#[derive(Debug)]
pub(super) struct ActiveFault {
    fault: Fault,
    url: String,
    names: Names,
    /// Open before anybody is kept out.
    control: PgConnection,
    /// Holds a lock by being in a transaction.
    holder: Option<PgConnection>,
    files: Option<(String, String)>,
}

/// Identifiers, quoted where a user chose them.
#[derive(Debug)]
struct Names {
    table: String,
    /// Only the table's own name.
    bare: String,
    /// The schema with a dot, or nothing where the search path finds the table.
    prefix: String,
    schema: String,
    column: String,
    /// Named as the case's database, which is ours.
    role: String,
    superuser: bool,
}

impl ActiveFault {
    /// Prepares what must be there before the service starts.
    pub(super) async fn prepare(
        world: &World,
        fault: &Fault,
        database: &Database,
    ) -> Result<Self, Error> {
        let mut control = connect(database.url()).await?;
        let superuser = "select rolsuper from pg_roles where rolname = current_user";
        let superuser: bool =
            sqlx::query_scalar(superuser).fetch_one(&mut control).await.map_err(failed(fault))?;
        let names = Names::of(&world.spec().tables, database.name(), superuser);
        let (fault, url) = (fault.clone(), database.url().to_owned());
        let files = world.fault_files(fault.name()).cloned();
        let mut active = Self { fault, url, names, control, holder: None, files };
        let sql = match active.fault.kind {
            FaultKind::InsertRevoked if superuser => ROLE.to_owned(),
            FaultKind::StatementTimeout => {
                format!("alter database {{database}} set statement_timeout = {LIMIT_MS}")
            }
            _ => String::new(),
        };
        active.run(active.names.fill(&sql)).await?;
        Ok(active)
    }

    /// Makes it happen.
    pub(super) async fn apply(&mut self) -> Result<(), Error> {
        let sql = match &self.files {
            Some((sql, _)) => sql.clone(),
            None => self.names.fill(&applying(self.fault.kind, self.names.superuser)),
        };
        self.run(sql).await?;
        let held = match self.fault.kind {
            FaultKind::Locked => "{table}",
            FaultKind::LockTimeout => "spanproof_fault.held",
            _ => return Ok(()),
        };
        let sql = format!("begin; lock table {} in access exclusive mode", self.names.fill(held));
        let mut holder = connect(&self.url).await?;
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        holder.execute(sql).await.map_err(failed(&self.fault))?;
        self.holder = Some(holder);
        Ok(())
    }

    /// Puts it right.
    pub(super) async fn clear(&mut self) -> Result<(), Error> {
        // The end of its session is the end of its lock.
        if let Some(holder) = self.holder.take() {
            drop(sqlx::Connection::close(holder).await);
        }
        let sql = match &self.files {
            Some((_, sql)) => sql.clone(),
            None => self.names.fill(&clearing(self.fault.kind, self.names.superuser)),
        };
        self.run(format!("set lock_timeout = {PATIENCE_MS}; {sql}")).await
    }

    /// Removes what would outlive the database; the service is gone by now.
    pub(super) async fn remove(mut self) -> Result<(), Error> {
        if self.fault.kind == FaultKind::InsertRevoked && self.names.superuser {
            let sql =
                "alter database {database} reset role; drop owned by {role}; drop role {role};";
            self.run(self.names.fill(sql)).await?;
        }
        drop(sqlx::Connection::close(self.control).await);
        Ok(())
    }

    /// What happens.
    pub(super) fn kind(&self) -> FaultKind {
        self.fault.kind
    }

    /// Our own session, which stays open while nobody else is let in.
    pub(super) fn session(&mut self) -> &mut PgConnection {
        &mut self.control
    }

    async fn run(&mut self, sql: String) -> Result<(), Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        self.control.execute(sql).await.map(drop).map_err(failed(&self.fault))
    }
}

fn failed(fault: &Fault) -> impl FnOnce(sqlx::Error) -> Error {
    let name = fault.name().to_owned();
    move |error| Error::Fault { name, source: ServerError::from(error).into() }
}

impl Names {
    fn of(tables: &Tables, database: &str, superuser: bool) -> Self {
        let table = &tables.spans.table;
        let (schema, bare) = identifier::parts(table);
        let prefix =
            schema.map_or_else(String::new, |schema| format!("{}.", identifier::name(schema)));
        let schema = schema.unwrap_or_default();
        Self {
            table: identifier::table(table),
            bare: identifier::name(bare),
            prefix,
            schema: identifier::name(schema),
            column: identifier::name(&tables.spans.operation),
            role: database.to_owned(),
            superuser,
        }
    }

    fn fill(&self, sql: &str) -> String {
        sql.replace("{table}", &self.table)
            .replace("{bare}", &self.bare)
            .replace("{prefix}", &self.prefix)
            .replace("{schema}", &self.schema)
            .replace("{column}", &self.column)
            .replace("{role}", &self.role)
            .replace("{database}", &self.role)
    }
}

/// The statements that make a fault happen. A superuser is bound by no privilege and by no limit.
fn applying(kind: FaultKind, superuser: bool) -> String {
    let trigger = |when: &str, each: &str, body: &str| {
        let sql = TRIGGER.replace("{when}", when).replace("{each}", each).replace("{body}", body);
        sql.replace("{constraint}", "").replace("{deferred}", "")
    };
    match kind {
        FaultKind::InsertRevoked if superuser => "revoke insert on {table} from {role}".into(),
        FaultKind::InsertRevoked => "revoke insert on {table} from current_user".into(),
        FaultKind::TableMissing => format!("alter table {{table}} rename to {AWAY}"),
        FaultKind::ColumnMissing => {
            format!("alter table {{table}} rename column {{column}} to {AWAY}")
        }
        FaultKind::SchemaMissing => format!("alter schema {{schema}} rename to {AWAY}"),
        FaultKind::ReadOnly => {
            let text = "'cannot execute % in a read-only transaction', tg_op";
            let body = format!("raise exception {text} using errcode = '25006';");
            trigger("before insert or update", "statement", &body)
        }
        FaultKind::ConnectionLimit if superuser => {
            "update pg_database set datallowconn = false where datname = current_database()".into()
        }
        FaultKind::ConnectionLimit => "alter database {database} connection limit 1".into(),
        FaultKind::BackendTerminated => {
            let body = "perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(1);";
            trigger("before insert", "statement", body)
        }
        FaultKind::CommitRefused => {
            let text = "'new row for relation \"%\" violates a check at the commit', tg_table_name";
            let body = format!("raise exception {text} using errcode = '23514';");
            let deferred = "deferrable initially deferred";
            let sql = TRIGGER.replace("{constraint}", "constraint").replace("{deferred}", deferred);
            sql.replace("{when}", "after insert").replace("{each}", "row").replace("{body}", &body)
        }
        FaultKind::Discarded => trigger("before insert", "row", "return null;"),
        FaultKind::StatementTimeout => {
            trigger("before insert", "statement", "perform pg_sleep(86400);")
        }
        FaultKind::LockTimeout => {
            let wait = format!("perform set_config('lock_timeout', '{LIMIT_MS}', true);");
            let body = format!("{wait} lock table spanproof_fault.held;");
            let sql = trigger("before insert", "statement", &body);
            format!("{sql} create table spanproof_fault.held ();")
        }
        FaultKind::Locked | FaultKind::KilledMidJob | FaultKind::KilledAtExit | FaultKind::Sql => {
            String::new()
        }
    }
}

/// The statements that put it right.
fn clearing(kind: FaultKind, superuser: bool) -> String {
    match kind {
        FaultKind::InsertRevoked if superuser => "grant insert on {table} to {role}".into(),
        FaultKind::InsertRevoked => "grant insert on {table} to current_user".into(),
        FaultKind::TableMissing => {
            format!("alter table {{prefix}}{AWAY} rename to {{bare}}")
        }
        FaultKind::ColumnMissing => {
            format!("alter table {{table}} rename column {AWAY} to {{column}}")
        }
        FaultKind::SchemaMissing => format!("alter schema {AWAY} rename to {{schema}}"),
        FaultKind::ConnectionLimit if superuser => {
            "update pg_database set datallowconn = true where datname = current_database()".into()
        }
        FaultKind::ConnectionLimit => "alter database {database} connection limit -1".into(),
        FaultKind::ReadOnly
        | FaultKind::BackendTerminated
        | FaultKind::CommitRefused
        | FaultKind::LockTimeout
        | FaultKind::Discarded => NO_TRIGGER.into(),
        FaultKind::StatementTimeout => format!("{AWAKE} {NO_TRIGGER}"),
        FaultKind::Locked | FaultKind::KilledMidJob | FaultKind::KilledAtExit | FaultKind::Sql => {
            String::new()
        }
    }
}
