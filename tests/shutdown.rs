//! Tests of the shutdown of the runner during a job.

use std::time::Duration;

use spanproof::Ending;
use spanproof::Row;
use spanproof_lease::wait::{self, Attempt};
use sqlx::{Connection, PgConnection};

use crate::world::{healthy, repository};

#[tokio::test]
async fn sigterm_fails_the_running_units_and_ends_their_spans() {
    let world = healthy().await;
    let mut trial = world
        .trial()
        .flag("ENABLE_DB_TRACING", "true")
        .upstream_file(repository("fixtures/upstream/never-answers.toml"))
        .start()
        .await
        .unwrap();
    trial.submit().await.unwrap();
    let connection = PgConnection::connect(trial.database_url()).await.unwrap();
    let connection = tokio::sync::Mutex::new(connection);
    wait::until("8 open spans", Duration::from_secs(10), || async {
        let count = sqlx::query_scalar("select count(*) from trace_spans");
        match count.fetch_one(&mut *connection.lock().await).await.unwrap() {
            8_i64 => Attempt::Done(()),
            other => Attempt::NotYet(format!("{other} spans")),
        }
    })
    .await
    .unwrap();
    let observation = trial.finish().await.unwrap();
    let exit = &observation.trial().unwrap().run.exit;
    assert_eq!((exit.ending, exit.killed), (Ending::Code(0), false));
    for row in observation.tables.units.all().iter().chain(observation.tables.spans.all()) {
        assert_eq!(
            (text(row, "status"), row["completed_at"].is_null()),
            ("failed", false),
            "{row:#?}"
        );
    }
    for unit in observation.tables.units.all() {
        assert_eq!(unit["output"]["error_code"], "SHUTDOWN");
    }
    assert_eq!(observation.tables.spans.all().len(), 8);
    assert_eq!(text(&observation.tables.jobs.all()[0], "status"), "failed");
}

/// Returns a column of a row as text.
fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row[column].as_str().unwrap_or("null")
}
