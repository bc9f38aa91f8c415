//! The log of a server in a container. A collector of the server writes it to a file in the data
//! directory, which is read over a connection: Docker may run on another machine.

use std::time::Duration;

use sqlx::PgPool;

use spanproof_lease::wait::{self, Attempt};

/// The file, relative to the data directory.
const FILE: &str = "log/server.log";
/// Time for the collector to write what it has received.
const COLLECTED: Duration = Duration::from_secs(2);

/// Returns the log as a text; `None` if it can't be read. The collector writes in the order in which
/// it receives, so everything that was logged before a mark is there when the mark is there.
pub(super) async fn read(pool: &PgPool) -> Option<String> {
    let mark = format!("spanproof mark {}", uuid::Uuid::new_v4());
    let sql = format!("do $$ begin raise log '{mark}'; end $$");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(pool).await.ok()?;
    wait::until_soon("the server's log", COLLECTED, || async {
        let file = sqlx::query_scalar("select pg_read_binary_file($1)").bind(FILE);
        let file: Result<Vec<u8>, sqlx::Error> = file.fetch_one(pool).await;
        match file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            Ok(text) if text.contains(&mark) => Attempt::Done(Some(text)),
            Ok(_) => Attempt::NotYet("the log lacks the last entry".to_owned()),
            Err(_) => Attempt::Done(None),
        }
    })
    .await
    .ok()?
}
