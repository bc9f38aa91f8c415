//! The query that the benchmark runs in each migrated database, whichever library created the
//! database. The result proves that the database is migrated, and identifies the database and its
//! server.

use anyhow::{Result, ensure};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgExecutor};

/// Returns a number and a string. The number combines three counts: currencies times 1,000,000, plus
/// applied migrations times 1,000, plus busy products. The string identifies server and database: data
/// directory, start time of the server, and name of the database.
const QUERY: &str = "select (select count(*) from currencies) * 1000000 \
    + (select count(*) from _sqlx_migrations where success) * 1000 \
    + (select count(*) from busy_products), \
    concat_ws(' ', current_setting('data_directory'), pg_postmaster_start_time(), current_database())";
/// The number for 7 currencies, 11 migrations and 0 busy products.
const EXPECTED: i64 = 7_011_000;

/// Runs the query, checks that the database is migrated, and returns the string that identifies
/// server and database.
pub async fn query(executor: impl PgExecutor<'_>) -> Result<String> {
    let (found, identity): (i64, String) = sqlx::query_as(QUERY).fetch_one(executor).await?;
    ensure!(found == EXPECTED, "the database is not migrated: expected {EXPECTED}, found {found}");
    Ok(identity)
}

/// Connects, runs the query and disconnects.
pub async fn connect_and_query(url: &str) -> Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    let identity = query(&mut connection).await?;
    connection.close().await?;
    Ok(identity)
}

/// Checks that there are `count` identities of databases and that they all differ.
pub fn check_distinct(identities: &[String], count: usize) -> Result<()> {
    let different: std::collections::HashSet<_> = identities.iter().collect();
    ensure!(identities.len() == count, "expected {count} databases, found {}", identities.len());
    ensure!(
        different.len() == count,
        "expected {count} different databases, found {}",
        different.len()
    );
    Ok(())
}
