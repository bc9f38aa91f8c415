//! The one query of a test, and what it proves.

use anyhow::{Result, ensure};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, PgExecutor};

/// Everything at once: rows that a migration wrote, objects that others made, and where we are.
const QUERY: &str = "select (select count(*) from currencies) * 1000000 \
    + (select count(*) from _sqlx_migrations where success) * 1000 \
    + (select count(*) from busy_products), \
    concat_ws(' ', current_setting('data_directory'), pg_postmaster_start_time(), current_database())";
/// Seven currencies, eleven migrations, no product.
const EXPECTED: i64 = 7_011_000;

/// Asks, checks the answer, and gives a text that no other database has.
pub async fn query(executor: impl PgExecutor<'_>) -> Result<String> {
    let (found, identity): (i64, String) = sqlx::query_as(QUERY).fetch_one(executor).await?;
    ensure!(found == EXPECTED, "the database is not migrated: {found} in place of {EXPECTED}");
    Ok(identity)
}

/// Connects, asks, and leaves.
pub async fn visit(url: &str) -> Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    let identity = query(&mut connection).await?;
    connection.close().await?;
    Ok(identity)
}

/// All of `identities` are different, and there are `count` of them.
pub fn distinct(identities: &[String], count: usize) -> Result<()> {
    let different: std::collections::HashSet<_> = identities.iter().collect();
    ensure!(identities.len() == count, "{} databases in place of {count}", identities.len());
    ensure!(different.len() == count, "{} of {count} databases are different", different.len());
    Ok(())
}
