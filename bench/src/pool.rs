//! Row `pool`: what a test waits for its database while two workers run tests.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use spanproof_postgres::{Migrations, Options, Server};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;

use crate::part::{Said, Start, say};
use crate::place::Place;
use crate::proof;
use crate::stats::milliseconds;
use crate::table::{Outcome, Row};

const WORKERS: usize = 2;
/// A test of a service takes this long, from its database to the end of it, or as long as its work
/// on the database takes when that is longer; the rest of the time it is idle.
const PACE: u64 = 100;
/// What else is shown. Nought is as fast as it goes.
const OTHERS: [u64; 3] = [0, 40, 60];
/// Takes per sample; the first ones of a process, which find an empty pool, count as well.
const TAKES: usize = 40;

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let count = samples * TAKES;
    Start::of(place, &["clones", "2"]).finish()?;
    let at = |pace: u64| -> Result<Said> {
        let said = Start::of(place, &["pool", &count.to_string(), &pace.to_string()]).finish()?;
        proof::distinct(&said.texts("database"), count)?;
        Ok(said)
    };
    let judged = at(PACE)?;
    let times = judged.times("take");
    let mut notes = vec![told(PACE, &judged)?];
    for pace in OTHERS {
        notes.push(told(pace, &at(pace)?)?);
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

fn told(pace: u64, said: &Said) -> Result<String> {
    let (take, work) = (said.times("take"), said.times("work"));
    let rate = said.number("rate")?;
    let pace = if pace == 0 { "without a pause".to_owned() } else { format!("of {pace} ms each") };
    Ok(format!(
        "{} tests {pace}: {rate:.0} a second, a take {:.2} ({:.1}), busy on the database {:.1} ({:.1})",
        take.count(),
        take.median(),
        take.p99(),
        work.median(),
        work.p99()
    ))
}

/// In a process of its own: two workers, and `count` tests between them.
pub async fn ours(folder: &Path, count: usize, pace: u64) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    let left = Arc::new(std::sync::atomic::AtomicUsize::new(count));
    for _ in 0..WORKERS {
        let (server, migrations, left) = (server.clone(), migrations.clone(), Arc::clone(&left));
        workers.spawn(async move {
            use std::sync::atomic::Ordering::Relaxed;
            while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                test(&server, &migrations, Duration::from_millis(pace)).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    say("rate", f64::from(u32::try_from(count)?) / begun.elapsed().as_secs_f64());
    server.close().await?;
    Ok(())
}

async fn test(server: &Server, migrations: &Migrations, pace: Duration) -> Result<()> {
    let begun = Instant::now();
    let database = server.migrated(migrations).await?;
    let take = milliseconds(begun);
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
    anyhow::ensure!(found == 10, "{found} rows in place of 10");
    proof::query(&mut connection).await?;
    connection.close().await?;
    let worked = milliseconds(begun);
    // A test is idle while the service under test works.
    tokio::time::sleep(pace.saturating_sub(begun.elapsed())).await;
    say("database", database.name());
    let closing = Instant::now();
    database.close().await?;
    say("take", take);
    say("work", worked + milliseconds(closing));
    Ok(())
}
