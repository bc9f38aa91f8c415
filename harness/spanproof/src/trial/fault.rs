//! Applies and removes a fault: a disturbance that spanproof causes on purpose in the database of a trial,
//! such as a lock on the span table.

use crate::identifier;
use crate::json_path;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::session::connect;
use super::{Error, World};
use spanproof_postgres::ServerError;

use crate::spec::{Fault, FaultKind, Tables};
use spanproof_postgres::Database;

/// Statement timeout or lock timeout of the service's statements under a fault, in milliseconds.
const TIMEOUT_MS: u32 = 250;
/// The name of a table, column or schema while a fault hides it.
const HIDDEN_NAME: &str = "spanproof_away";
/// Lock timeout for the removal of a fault, in milliseconds.
const REMOVAL_TIMEOUT_MS: u32 = 5_000;

/// Creates a role with the privileges of a normal service, because privileges do not restrict a
/// superuser. New sessions on the trial's database use the role.
const CREATE_ROLE: &str = r"
create role {role};
do $$
declare
  namespace text;
begin
  for namespace in select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' loop
    execute format('grant usage on schema %I to {role}', namespace);
    execute format('grant all on all tables in schema %I to {role}', namespace);
    execute format('grant all on all sequences in schema %I to {role}', namespace);
  end loop;
end $$;
alter database {database} set role to {role};";

/// Creates a trigger on the span table; `{body}` is the body of its function.
const CREATE_TRIGGER: &str = r##"
create schema spanproof_fault;
create function spanproof_fault.fail() returns trigger language plpgsql security definer as $$
begin
  {body}
  return new;
end $$;
create {constraint} trigger "#spanproof_fault" {when} on {table} {deferred}
  for each {each} execute function spanproof_fault.fail();"##;

/// Removes the trigger and its function.
const DROP_TRIGGER: &str = "drop schema if exists spanproof_fault cascade;";

/// Cancels statements that sleep in the trigger.
const CANCEL_SLEEPERS: &str = "select pg_cancel_backend(pid) from pg_stat_activity \
    where datname = current_database() and wait_event = 'PgSleep';";

/// The fault of one trial: prepared, then applied, then removed.
#[derive(Debug)]
pub(super) struct ActiveFault {
    fault: Fault,
    url: String,
    names: Names,
    /// spanproof's own session. It is opened before the fault is applied, because the database may refuse new
    /// connections under the fault.
    control: PgConnection,
    /// A session that holds a table lock in an open transaction; `None` without a lock.
    lock_holder: Option<PgConnection>,
    /// The user's SQL that applies a fault of the kind `sql`, and that removes it; `None` for other kinds.
    sql_files: Option<(String, String)>,
}

/// Identifiers for the SQL of faults. Identifiers from the spec are quoted.
#[derive(Debug)]
struct Names {
    table: String,
    /// The table without its schema.
    bare: String,
    /// The schema with a dot; empty if the spec names no schema.
    prefix: String,
    schema: String,
    column: String,
    /// The role has the same name as the trial's database.
    role: String,
    /// Whether the service logs in as a superuser.
    superuser: bool,
}

impl ActiveFault {
    /// Creates the roles and settings that must exist before the service starts.
    pub(super) async fn prepare(
        world: &World,
        fault: &Fault,
        database: &Database,
    ) -> Result<Self, Error> {
        let mut control = connect(database.url()).await?;
        let superuser = "select rolsuper from pg_roles where rolname = current_user";
        let superuser: bool =
            sqlx::query_scalar(superuser).fetch_one(&mut control).await.map_err(failed(fault))?;
        let names = Names::new(&world.spec().tables, database.name(), superuser);
        let (fault, url) = (fault.clone(), database.url().to_owned());
        let sql_files = world.fault_sql(fault.name()).cloned();
        let mut active = Self { fault, url, names, control, lock_holder: None, sql_files };
        let sql = match active.fault.kind {
            FaultKind::InsertRevoked if superuser => CREATE_ROLE.to_owned(),
            FaultKind::StatementTimeout => {
                format!("alter database {{database}} set statement_timeout = {TIMEOUT_MS}")
            }
            _ => String::new(),
        };
        active.run(active.names.fill(&sql)).await?;
        Ok(active)
    }

    /// Applies the fault.
    pub(super) async fn apply(&mut self) -> Result<(), Error> {
        let sql = match &self.sql_files {
            Some((sql, _)) => sql.clone(),
            None => self.names.fill(&apply_sql(self.fault.kind, self.names.superuser)),
        };
        self.run(sql).await?;
        let locked_table = match self.fault.kind {
            FaultKind::Locked => "{table}",
            FaultKind::LockTimeout => "spanproof_fault.locked",
            _ => return Ok(()),
        };
        let sql =
            format!("begin; lock table {} in access exclusive mode", self.names.fill(locked_table));
        let mut lock_holder = connect(&self.url).await?;
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        lock_holder.execute(sql).await.map_err(failed(&self.fault))?;
        self.lock_holder = Some(lock_holder);
        Ok(())
    }

    /// Removes the fault.
    pub(super) async fn clear(&mut self) -> Result<(), Error> {
        // Closing the session releases its lock.
        if let Some(lock_holder) = self.lock_holder.take() {
            drop(sqlx::Connection::close(lock_holder).await);
        }
        let sql = match &self.sql_files {
            Some((_, sql)) => sql.clone(),
            None => self.names.fill(&clear_sql(self.fault.kind, self.names.superuser)),
        };
        self.run(format!("set lock_timeout = {REMOVAL_TIMEOUT_MS}; {sql}")).await
    }

    /// Removes the role, which belongs to the server and not to the trial's database. Called after the
    /// service has stopped.
    pub(super) async fn clean_up(mut self) -> Result<(), Error> {
        if self.fault.kind == FaultKind::InsertRevoked && self.names.superuser {
            let sql =
                "alter database {database} reset role; drop owned by {role}; drop role {role};";
            self.run(self.names.fill(sql)).await?;
        }
        drop(sqlx::Connection::close(self.control).await);
        Ok(())
    }

    /// Returns the kind of the fault.
    pub(super) fn kind(&self) -> FaultKind {
        self.fault.kind
    }

    /// Returns spanproof's own session, which stays open while the database refuses new connections.
    pub(super) fn session(&mut self) -> &mut PgConnection {
        &mut self.control
    }

    async fn run(&mut self, sql: String) -> Result<(), Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        self.control.execute(sql).await.map(drop).map_err(failed(&self.fault))
    }
}

/// Converts an SQL error of a fault.
fn failed(fault: &Fault) -> impl FnOnce(sqlx::Error) -> Error {
    let name = fault.name().to_owned();
    move |error| Error::Fault { name, source: ServerError::from(error).into() }
}

impl Names {
    fn new(tables: &Tables, database: &str, superuser: bool) -> Self {
        let table = &tables.spans.table;
        let (schema, bare) = identifier::parts(table);
        let prefix = schema
            .as_deref()
            .map_or_else(String::new, |schema| format!("{}.", identifier::name(schema)));
        let schema = schema.unwrap_or_default();
        Self {
            table: identifier::table(table),
            bare: identifier::name(&bare),
            prefix,
            schema: identifier::name(&schema),
            column: identifier::name(&json_path::base(&tables.spans.name)),
            role: database.to_owned(),
            superuser,
        }
    }

    /// Replaces the placeholders in SQL.
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

/// Returns the SQL that applies a fault. Privileges and connection limits do not restrict a superuser, so
/// these faults need other statements if the service logs in as one.
fn apply_sql(kind: FaultKind, superuser: bool) -> String {
    let trigger = |when: &str, each: &str, body: &str| {
        let sql =
            CREATE_TRIGGER.replace("{when}", when).replace("{each}", each).replace("{body}", body);
        sql.replace("{constraint}", "").replace("{deferred}", "")
    };
    match kind {
        FaultKind::InsertRevoked if superuser => "revoke insert on {table} from {role}".into(),
        FaultKind::InsertRevoked => "revoke insert on {table} from current_user".into(),
        FaultKind::TableMissing => format!("alter table {{table}} rename to {HIDDEN_NAME}"),
        FaultKind::ColumnMissing => {
            format!("alter table {{table}} rename column {{column}} to {HIDDEN_NAME}")
        }
        FaultKind::SchemaMissing => format!("alter schema {{schema}} rename to {HIDDEN_NAME}"),
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
            let sql = CREATE_TRIGGER
                .replace("{constraint}", "constraint")
                .replace("{deferred}", deferred);
            sql.replace("{when}", "after insert").replace("{each}", "row").replace("{body}", &body)
        }
        FaultKind::Discarded => trigger("before insert", "row", "return null;"),
        FaultKind::StatementTimeout => {
            trigger("before insert", "statement", "perform pg_sleep(86400);")
        }
        FaultKind::LockTimeout => {
            let wait = format!("perform set_config('lock_timeout', '{TIMEOUT_MS}', true);");
            let body = format!("{wait} lock table spanproof_fault.locked;");
            let sql = trigger("before insert", "statement", &body);
            format!("{sql} create table spanproof_fault.locked ();")
        }
        FaultKind::Locked
        | FaultKind::JobRepeated
        | FaultKind::KilledMidJob
        | FaultKind::KilledAtExit
        | FaultKind::Sql => String::new(),
    }
}

/// Returns the SQL that removes a fault.
fn clear_sql(kind: FaultKind, superuser: bool) -> String {
    match kind {
        FaultKind::InsertRevoked if superuser => "grant insert on {table} to {role}".into(),
        FaultKind::InsertRevoked => "grant insert on {table} to current_user".into(),
        FaultKind::TableMissing => {
            format!("alter table {{prefix}}{HIDDEN_NAME} rename to {{bare}}")
        }
        FaultKind::ColumnMissing => {
            format!("alter table {{table}} rename column {HIDDEN_NAME} to {{column}}")
        }
        FaultKind::SchemaMissing => format!("alter schema {HIDDEN_NAME} rename to {{schema}}"),
        FaultKind::ConnectionLimit if superuser => {
            "update pg_database set datallowconn = true where datname = current_database()".into()
        }
        FaultKind::ConnectionLimit => "alter database {database} connection limit -1".into(),
        FaultKind::ReadOnly
        | FaultKind::BackendTerminated
        | FaultKind::CommitRefused
        | FaultKind::LockTimeout
        | FaultKind::Discarded => DROP_TRIGGER.into(),
        FaultKind::StatementTimeout => format!("{CANCEL_SLEEPERS} {DROP_TRIGGER}"),
        FaultKind::Locked
        | FaultKind::JobRepeated
        | FaultKind::KilledMidJob
        | FaultKind::KilledAtExit
        | FaultKind::Sql => String::new(),
    }
}
