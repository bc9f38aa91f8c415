//! Measures the row `pool` of the printed table: how long a test waits for its database while two
//! workers run tests. The workers run in a child process of this program.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use spanproof_postgres::{Migrations, Options, Server};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;

use crate::part::{Report, SideCommand, report};
use crate::place::Place;
use crate::proof;
use crate::stats::milliseconds_since;
use crate::table::{Outcome, Row};

const WORKERS: usize = 2;
/// Shortest duration of a test in milliseconds, from its request for a database until it closes the
/// database. A test that has done its work earlier is idle for the rest of this time.
const MIN_TEST_MS: u64 = 100;
/// Other values of [`MIN_TEST_MS`], measured only for the notes, without a goal. With 0, no test is
/// idle.
const OTHER_MIN_TEST_MS: [u64; 3] = [0, 40, 60];
/// Tests per sample. For the first tests no database has been cloned in advance; their times are
/// included.
const TESTS_PER_SAMPLE: usize = 40;

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let count = samples * TESTS_PER_SAMPLE;
    // Fills the cache.
    SideCommand::new(place, &["clones", "2"]).run()?;
    let run = |min_test_ms: u64| -> Result<Report> {
        let side = ["pool", &count.to_string(), &min_test_ms.to_string()];
        let report = SideCommand::new(place, &side).run()?;
        proof::check_distinct(&report.texts("database"), count)?;
        Ok(report)
    };
    let report = run(MIN_TEST_MS)?;
    let times = report.times("take");
    let mut notes = vec![note(MIN_TEST_MS, &report)?];
    for min_test_ms in OTHER_MIN_TEST_MS {
        notes.push(note(min_test_ms, &run(min_test_ms)?)?);
    }
    let outcome = Outcome {
        row: Row::Pool,
        ours: format!("{:.2} ({:.1})", times.median(), times.p99()),
        other: "-".to_owned(),
        ratio: "-".to_owned(),
        goal: String::new(),
        reached: true,
        notes,
    };
    Ok(outcome
        .with_goal(times.median() <= 1.0, "<= 1 ms")
        .with_goal(times.p99() <= 25.0, "p99 <= 25 ms"))
}

/// Returns the note printed below the table about tests that take at least `min_test_ms`.
fn note(min_test_ms: u64, report: &Report) -> Result<String> {
    let (take, work) = (report.times("take"), report.times("work"));
    let rate = report.number("rate")?;
    let kind = if min_test_ms == 0 {
        "that are never idle".to_owned()
    } else {
        format!("of at least {min_test_ms} ms each")
    };
    Ok(format!(
        "{} tests {kind}: {rate:.0} tests per second; a test waits {:.2} ({:.1}) for its database; \
         waiting, using and closing it take {:.1} ({:.1}) together",
        take.count(),
        take.median(),
        take.p99(),
        work.median(),
        work.p99()
    ))
}

/// Runs `count` tests on two workers. Only the child process calls this.
pub async fn measure_ours(folder: &Path, count: usize, min_test_ms: u64) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let started = Instant::now();
    let mut workers = JoinSet::new();
    let remaining = Arc::new(std::sync::atomic::AtomicUsize::new(count));
    for _ in 0..WORKERS {
        let (server, migrations, remaining) =
            (server.clone(), migrations.clone(), Arc::clone(&remaining));
        workers.spawn(async move {
            use std::sync::atomic::Ordering::Relaxed;
            while remaining
                .fetch_update(Relaxed, Relaxed, |remaining| remaining.checked_sub(1))
                .is_ok()
            {
                test(&server, &migrations, Duration::from_millis(min_test_ms)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(result) = workers.join_next().await {
        result??;
    }
    report("rate", f64::from(u32::try_from(count)?) / started.elapsed().as_secs_f64());
    server.close().await?;
    Ok(())
}

/// Runs one test. Reports two times in milliseconds: `take`, the wait for the database, and `work`,
/// the whole test without the time that it is idle.
async fn test(server: &Server, migrations: &Migrations, min_duration: Duration) -> Result<()> {
    let started = Instant::now();
    let database = server.migrated_database(migrations).await?;
    let take = milliseconds_since(started);
    let mut connection = PgConnection::connect(database.url()).await?;
    for number in 0..10 {
        sqlx::query("insert into events (kind, payload) values ($1, jsonb_build_object('n', $2))")
            .bind("bench")
            .bind(number)
            .execute(&mut connection)
            .await?;
    }
    let found: i64 =
        sqlx::query_scalar("select count(*) from events").fetch_one(&mut connection).await?;
    anyhow::ensure!(found == 10, "expected 10 rows, found {found}");
    proof::query(&mut connection).await?;
    connection.close().await?;
    let work = milliseconds_since(started);
    // A real test is idle while the service under test works.
    tokio::time::sleep(min_duration.saturating_sub(started.elapsed())).await;
    report("database", database.name());
    let close_started = Instant::now();
    database.close().await?;
    report("take", take);
    report("work", work + milliseconds_since(close_started));
    Ok(())
}
