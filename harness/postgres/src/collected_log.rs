//! The log of a server in a container. The server's logging collector writes the log to a file in the
//! data directory. The file is read over a connection, because Docker may run on another machine.

use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Mutex;

use spanproof_lease::wait::{self, Attempt};

use super::log::Log;
use super::query_limit::limited;

/// The file, relative to the data directory.
const FILE: &str = "log/server.log";
/// Time for the collector to write what it has received.
const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of bytes that one query reads.
const CHUNK_SIZE: usize = 1024 * 1024;

/// Reads what was added to the log; `None` if it can't be read. This function first logs a unique entry,
/// the mark. The collector keeps the order of the entries: once the file contains the mark, it contains
/// everything that was logged before.
pub(super) async fn read(pool: &PgPool, log: &mut Log) -> Option<()> {
    let mark = format!("spanproof mark {}", uuid::Uuid::new_v4());
    let sql = format!("do $$ begin raise log '{mark}'; end $$");
    limited(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool)).await.ok()?;
    let state = Mutex::new((log, Vec::new()));
    wait::until_soon("the server's log", COLLECTOR_TIMEOUT, || async {
        let (log, added) = &mut *state.lock().await;
        match read_added(pool, log.position() + added.len() as u64).await {
            Ok(bytes) => added.extend(bytes),
            Err(_) => return Attempt::Done(None),
        }
        if !added.windows(mark.len()).any(|window| window == mark.as_bytes()) {
            return Attempt::NotYet("the log lacks the mark".to_owned());
        }
        log.push(added);
        Attempt::Done(Some(()))
    })
    .await
    .ok()?
}

/// Returns the bytes of the log from `position` to its end.
async fn read_added(pool: &PgPool, position: u64) -> Result<Vec<u8>, sqlx::Error> {
    let mut added = Vec::new();
    loop {
        let start = i64::try_from(position + added.len() as u64).unwrap_or(i64::MAX);
        let sql = format!("select pg_read_binary_file($1, $2, {CHUNK_SIZE})");
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
        let chunk: Vec<u8> = limited(query.bind(FILE).bind(start).fetch_one(pool)).await?;
        added.extend(&chunk);
        if chunk.len() < CHUNK_SIZE {
            return Ok(added);
        }
    }
}
