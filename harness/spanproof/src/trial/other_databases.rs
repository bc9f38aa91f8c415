//! Finds what a service does in other databases of its server: rows in tables like the table of spans,
//! and writes and logins that fail.
//!
//! All services on a server log in as the same role. So if several services run on one server, the log does
//! not show which service did it; only a server that runs a single service proves that.

use std::collections::BTreeMap;

use sqlx::Connection as _;
use sqlx::PgConnection;

use super::Error;
use super::login::log_in_to_read;
use super::other_tables::OtherRows;
use super::witness::failures_that;
use crate::observation::Failure;
use crate::spec::Tables;
use spanproof_postgres::{LogEntry, Server};

/// The other databases of a server before the service starts.
#[derive(Debug, Default)]
pub(super) struct OtherDatabases {
    /// Number of entries in the server's log about other databases.
    log_length: usize,
    /// The numbers of rows in tables that may contain spans, by database.
    rows: BTreeMap<String, OtherRows>,
}

/// What happened in other databases while the service ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OtherActivity {
    /// Tables that got rows, as `database.schema.table`, each with the number of rows.
    pub(super) tables: Vec<(String, u64)>,
    /// Logins and writes that failed. Their messages name the database.
    pub(super) failures: Vec<Failure>,
}

impl OtherDatabases {
    /// Reads the databases; `None` if the server's log can't be read. Then the server may belong to somebody
    /// else, whose databases must not be read.
    pub(super) async fn read(server: &Server, tables: &Tables) -> Result<Option<Self>, Error> {
        let Some(entries) = server.log_of_other_databases().await? else { return Ok(None) };
        Ok(Some(Self { log_length: entries.len(), rows: rows(server, tables).await? }))
    }

    /// Returns what has happened in other databases since `self` was read.
    pub(super) async fn since(
        self,
        server: &Server,
        tables: &Tables,
    ) -> Result<OtherActivity, Error> {
        let entries = server.log_of_other_databases().await?.unwrap_or_default();
        let entries = entries.get(self.log_length..).unwrap_or_default();
        let none = OtherRows::default();
        let mut found = Vec::new();
        for (database, rows) in rows(server, tables).await? {
            let added = rows.since(self.rows.get(&database).unwrap_or(&none));
            found.extend(
                added.into_iter().map(|(table, rows)| (format!("{database}.{table}"), rows)),
            );
        }
        Ok(OtherActivity { tables: found, failures: failures_of_clients(entries) })
    }
}

async fn rows(server: &Server, tables: &Tables) -> Result<BTreeMap<String, OtherRows>, Error> {
    let mut found = BTreeMap::new();
    for (database, url) in server.other_databases().await? {
        let failed = |error: sqlx::Error| Error::Database(error.into());
        let mut connection: PgConnection = log_in_to_read(&url).await.map_err(failed)?;
        found.insert(database, OtherRows::count_in_other(&mut connection, tables).await?);
        drop(connection.close().await);
    }
    Ok(found)
}

/// Returns the failed logins and writes. spanproof's own statements are not among them: they only create and
/// drop databases, and read other databases.
fn failures_of_clients(entries: &[LogEntry]) -> Vec<Failure> {
    let named = entries.iter().map(|entry| {
        let is_named = entry.message.contains(&format!("\"{}\"", entry.database));
        let place =
            if is_named { String::new() } else { format!(" (in database \"{}\")", entry.database) };
        let message = entry.message.clone() + &place;
        LogEntry { message, ..entry.clone() }
    });
    let is_write = |statement: &String| {
        let statement = statement.to_lowercase();
        ["insert", "copy", "merge", "update"].iter().any(|verb| statement.contains(verb))
    };
    failures_that(&named.collect::<Vec<_>>(), |failure| {
        failure.is_refused_connection() || failure.statement.as_ref().is_some_and(is_write)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn entry(sqlstate: &str, message: &str, statement: Option<&str>) -> LogEntry {
        LogEntry {
            database: "other".into(),
            pid: 1,
            severity: "ERROR".into(),
            sqlstate: sqlstate.into(),
            message: message.into(),
            statement: statement.map(str::to_owned),
        }
    }

    #[rstest]
    #[case::write(entry("42P01", "no table", Some("INSERT INTO t")), &["no table (in database \"other\")"])]
    #[case::refused_login(
        entry("3D000", "database \"other\" does not exist", None),
        &["database \"other\" does not exist"]
    )]
    #[case::own_statement(entry("42P04", "exists", Some("create database x")), &[])]
    #[case::end_of_a_session(entry("57P01", "terminated", None), &[])]
    fn only_failed_writes_and_logins_are_returned_and_name_their_database(
        #[case] entry: LogEntry,
        #[case] expected: &[&str],
    ) {
        let found = failures_of_clients(&[entry]);
        let messages: Vec<_> = found.iter().map(|failure| failure.message.as_str()).collect();
        assert_eq!(messages, expected);
    }
}
