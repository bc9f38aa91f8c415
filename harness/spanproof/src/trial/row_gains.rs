//! Counts rows before the service starts and after it has stopped. A flag's contract is what the spec
//! promises about the values of the flag. It can name a table, or a query, in which a value adds rows.

use spanproof_format::RowGain;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::identifier;
use crate::spec::{Flag, Spec, is_query, rows_hash};

/// Returns the tables and queries in the contracts of all flags, each with its hash.
fn queries(spec: &Spec) -> Vec<(String, &str)> {
    let effects = spec.flags.iter().flat_map(Flag::effects);
    let mut queries: Vec<_> = effects
        .filter_map(|(_, effects)| effects.rows.as_deref())
        .map(|text| (rows_hash(text), text))
        .collect();
    queries.sort_unstable();
    queries.dedup();
    queries
}

/// Counts the rows before the service starts.
pub(super) async fn before(connection: &mut PgConnection, spec: &Spec) -> Vec<RowGain> {
    let mut gains = Vec::new();
    for (hash, text) in queries(spec) {
        let mut gain = RowGain::new(hash);
        match count(connection, text).await {
            Ok(rows) => gain.before = Some(rows),
            // The service may create the table later.
            Err(error) if is_undefined_table(&error) => gain.before = Some(0),
            Err(error) => gain.error = Some(error.to_string()),
        }
        gains.push(gain);
    }
    gains
}

/// Adds the counts after the service has stopped.
pub(super) async fn after(connection: &mut PgConnection, spec: &Spec, gains: &mut [RowGain]) {
    for ((_, text), gain) in queries(spec).into_iter().zip(gains) {
        match count(connection, text).await {
            Ok(rows) => gain.after = Some(rows),
            Err(error) => gain.error = Some(error.to_string()),
        }
    }
}

/// Counts the rows of a table or a query in a read-only transaction.
async fn count(connection: &mut PgConnection, text: &str) -> Result<u64, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction.execute("set transaction read only").await?;
    let rows = if is_query(text) {
        let sql = AssertSqlSafe(text.to_owned());
        sqlx::query(sql).fetch_all(&mut *transaction).await.map(|rows| rows.len() as u64)
    } else {
        let sql = format!("select count(*) from {}", identifier::table(text));
        let count: Result<i64, _> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *transaction).await;
        count.map(i64::unsigned_abs)
    };
    transaction.rollback().await?;
    rows
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "42P01")
}
