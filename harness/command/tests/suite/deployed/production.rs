//! A database with the recreated data of an incident in production, on the server that the tests share.

use spanproof_postgres::{Database, LogEntry, Migrations, Options, Server};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::job_dump;
use crate::run::{Output, Spanproof};

/// The path of the incident's log.
pub(crate) const LOG: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/first-incident/runner.log");
/// The path of the SQL file that creates the database.
const SQL: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/first-incident/database.sql");

/// The database of the incident, with the changes of the test, and a session in this database.
pub(crate) struct Production {
    pub(crate) database: Database,
    /// A session of the test, not of spanproof.
    pub(crate) connection: PgConnection,
    pub(crate) folder: tempfile::TempDir,
    server: Server,
}

impl Production {
    /// Creates the database and executes `change` in it.
    pub(crate) async fn new(change: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let migrations = folder.path().join("migrations");
        std::fs::create_dir(&migrations).unwrap();
        std::fs::copy(SQL, migrations.join("0001_production.up.sql")).unwrap();
        let migrations = Migrations::read(migrations).unwrap();
        let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
        let server = Server::join(options).await.unwrap();
        let database = server.migrated_database(&migrations).await.unwrap();
        let connection = PgConnection::connect(database.url()).await.unwrap();
        let mut production = Self { database, connection, folder, server };
        production.execute(change).await;
        production
    }

    /// Executes SQL in `connection`.
    pub(crate) async fn execute(&mut self, sql: &str) {
        self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    }

    /// Opens another session.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// Creates a command that reads the database.
    pub(crate) fn command(&self, command: &str, args: &[&str]) -> Spanproof {
        let args = [&[command, "--database", self.database.url()], args].concat();
        job_dump::command(self.folder.path(), &args)
    }

    /// Runs `diagnose` with the log of the incident.
    pub(crate) async fn diagnose(&self, args: &[&str]) -> Output {
        self.command("diagnose", &[&["--log", LOG], args].concat()).output_async().await
    }

    /// Returns the entries of the server's log about the database.
    pub(crate) async fn log(&self) -> Vec<LogEntry> {
        let log = self.server.log(&self.database).await.unwrap();
        log.expect("the log of a server that runs from binaries")
    }

    pub(crate) async fn close(self) {
        self.connection.close().await.unwrap();
        self.database.close().await.unwrap();
    }
}
