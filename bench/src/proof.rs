//! The query of every test. Its result proves that the database is migrated, and identifies it.

use anyhow::{Result, ensure};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgExecutor};

/// Returns the sum of three counts of what the migrations created, and the identity of server and
/// database.
const QUERY: &str = "select (select count(*) from currencies) * 1000000 \
    + (select count(*) from _sqlx_migrations where success) * 1000 \
    + (select count(*) from busy_products), \
    concat_ws(' ', current_setting('data_directory'), pg_postmaster_start_time(), current_database())";
/// The sum for 7 currencies, 11 migrations and 0 busy products.
const EXPECTED: i64 = 7_011_000;

/// Runs the query, checks that the database is migrated, and returns the identity of server and
/// database.
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

/// Checks that there are `count` identities and that they all differ.
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
