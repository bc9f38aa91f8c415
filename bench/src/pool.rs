//! Row `pool`: how long a test waits for its database while two workers run tests.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use spanproof_postgres::{Migrations, Options, Server};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;

use crate::part::{Report, Start, report};
use crate::place::Place;
use crate::proof;
use crate::stats::milliseconds;
use crate::table::{Outcome, Row};

const WORKERS: usize = 2;
/// Milliseconds that a test takes at least, from taking its database to closing it. After its work on
/// the database it is idle.
const PACE: u64 = 100;
/// Other paces, without a goal; 0 is as fast as possible.
const OTHER_PACES: [u64; 3] = [0, 40, 60];
/// Tests per sample. The first ones, which find an empty pool, count too.
const TESTS_PER_SAMPLE: usize = 40;

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let count = samples * TESTS_PER_SAMPLE;
    Start::new(place, &["clones", "2"]).finish()?;
    let run = |pace: u64| -> Result<Report> {
        let report =
            Start::new(place, &["pool", &count.to_string(), &pace.to_string()]).finish()?;
        proof::distinct(&report.texts("database"), count)?;
        Ok(report)
    };
    let report = run(PACE)?;
    let times = report.times("take");
    let mut notes = vec![note(PACE, &report)?];
    for pace in OTHER_PACES {
        notes.push(note(pace, &run(pace)?)?);
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
    Ok(outcome.and(times.median() <= 1.0, "<= 1 ms").and(times.p99() <= 25.0, "p99 <= 25 ms"))
}

fn note(pace: u64, report: &Report) -> Result<String> {
    let (take, work) = (report.times("take"), report.times("work"));
    let rate = report.number("rate")?;
    let pace = if pace == 0 { "without a pause".to_owned() } else { format!("of {pace} ms each") };
    Ok(format!(
        "{} tests {pace}: {rate:.0} per second, waiting {:.2} ({:.1}), working on the database {:.1} ({:.1})",
        take.count(),
        take.median(),
        take.p99(),
        work.median(),
        work.p99()
    ))
}

/// Our side: two workers run `count` tests. Runs in a separate process.
pub async fn ours(folder: &Path, count: usize, pace: u64) -> Result<()> {
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
                test(&server, &migrations, Duration::from_millis(pace)).await?;
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

async fn test(server: &Server, migrations: &Migrations, pace: Duration) -> Result<()> {
    let started = Instant::now();
    let database = server.migrated_database(migrations).await?;
    let take = milliseconds(started);
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
    let work = milliseconds(started);
    // A test is idle while the service under test works.
    tokio::time::sleep(pace.saturating_sub(started.elapsed())).await;
    report("database", database.name());
    let close_started = Instant::now();
    database.close().await?;
    report("take", take);
    report("work", work + milliseconds(close_started));
    Ok(())
}
