//! Measures the row `clone` of the printed table: the harness creates migrated databases one after
//! the other. This is compared with copying the files of a migrated database.
//!
//! The harness runs in a child process of this program.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spanproof_postgres::{Migrations, Options, Server};
use sqlx::Connection;

use crate::part::{SideCommand, report};
use crate::place::Place;
use crate::plain::Directory;
use crate::stats::{Times, milliseconds_since};
use crate::table::{Outcome, Row};
use crate::{proof, start};

/// Databases per sample. Each sample starts a new server, so that the harness has cloned no database in
/// advance.
const COUNT: usize = 30;
/// Of this number of databases, one is checked with a query.
const CHECK_EVERY: usize = 10;

/// Measures the row: runs the harness and copies the files, in turn.
pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    // Fills the cache.
    SideCommand::new(place, &["clones", "2"]).run()?;
    let source = tokio::runtime::Runtime::new()?.block_on(create_source(place))?;
    let (mut ours, mut copies) = (Vec::new(), Vec::new());
    let (mut take_times, mut close_times) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let report = SideCommand::new(place, &["clones", &COUNT.to_string()]).run()?;
        proof::check_distinct(&report.texts("database"), COUNT)?;
        ours.push(report.number("each")?);
        take_times.extend(report.numbers("take"));
        close_times.extend(report.numbers("close"));
        copies.push(time_copies(&source, &place.path("copies"))?);
    }
    let outcome = Outcome::with_max_ratio(Row::Clone, &Times::new(ours), &Times::new(copies), 1.3);
    Ok(outcome.with_note(format!(
        "{COUNT} databases per new server, each created and closed; creating one takes {}, closing {}",
        Times::new(take_times).to_text(),
        Times::new(close_times).to_text()
    )))
}

/// Creates a plain server (a Postgres server without the harness) with a migrated database, stops
/// the server, and returns the folder with the files of the database.
async fn create_source(place: &Place) -> Result<PathBuf> {
    let folder = start::new_folder(place, "clone")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let server = start::start_plain_server(&directory, &place.path("migrations")).await?;
    let mut connection = directory.connect("bench").await?;
    let sql = "select oid::int from pg_database where datname = current_database()";
    let number: i32 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    server.stop()?;
    Ok(directory.data().join("base").join(number.to_string()))
}

/// Copies the folder of a database [`COUNT`] times and returns the milliseconds per copy.
fn time_copies(source: &Path, target: &Path) -> Result<f64> {
    std::fs::create_dir(target)?;
    let started = Instant::now();
    for number in 0..COUNT {
        copy(source, &target.join(number.to_string()))?;
    }
    let each = milliseconds_since(started) / f64::from(u32::try_from(COUNT)?);
    let size = |folder: &Path| -> Result<(usize, u64)> {
        let files: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
        let sizes: Vec<u64> =
            files.iter().map(|file| Ok(file.metadata()?.len())).collect::<std::io::Result<_>>()?;
        Ok((sizes.len(), sizes.iter().sum()))
    };
    ensure!(size(source)?.0 > 250, "{} has too few files for a database", source.display());
    ensure!(size(source)? == size(&target.join("0"))?, "the copy is incomplete");
    std::fs::remove_dir_all(target)?;
    Ok(each)
}

/// Copies the folder of a database. Such a folder has no subfolders.
fn copy(source: &Path, target: &Path) -> Result<()> {
    std::fs::create_dir(target)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        std::fs::copy(entry.path(), target.join(entry.file_name()))
            .context("copying a file failed")?;
    }
    Ok(())
}

/// Creates databases with the harness, one after the other. Reports the milliseconds to create and
/// to close each database, and their mean sum as `each`. Only the child process calls this.
pub async fn measure_ours(folder: &Path, count: usize) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let mut sum = 0.0;
    for number in 0..count {
        let started = Instant::now();
        let database = server.migrated_database(&migrations).await?;
        let take = milliseconds_since(started);
        if number % CHECK_EVERY == CHECK_EVERY / 2 {
            proof::connect_and_query(database.url()).await?;
        }
        report("database", database.name());
        let close_started = Instant::now();
        database.close().await?;
        let close = milliseconds_since(close_started);
        report("take", take);
        report("close", close);
        sum += take + close;
    }
    report("each", sum / f64::from(u32::try_from(count)?));
    server.close().await?;
    Ok(())
}
