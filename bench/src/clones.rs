//! Row `clone`: migrated databases in sequence, compared with copying the folder of a database.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spanproof_postgres::{Migrations, Options, Server};
use sqlx::Connection;

use crate::part::{Start, report};
use crate::place::Place;
use crate::plain::Directory;
use crate::stats::{Times, milliseconds};
use crate::table::{Outcome, Row};
use crate::{proof, start};

/// Databases per sample. Each sample starts a new server, so that no database is made ahead.
const COUNT: usize = 30;
/// One of this many databases is checked by a query.
const CHECK_EVERY: usize = 10;

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    // Fills the cache.
    Start::new(place, &["clones", "2"]).finish()?;
    let source = tokio::runtime::Runtime::new()?.block_on(source(place))?;
    let (mut ours, mut copies) = (Vec::new(), Vec::new());
    let (mut takes, mut closes) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let report = Start::new(place, &["clones", &COUNT.to_string()]).finish()?;
        proof::distinct(&report.texts("database"), COUNT)?;
        ours.push(report.number("each")?);
        takes.extend(report.numbers("take"));
        closes.extend(report.numbers("close"));
        copies.push(time_copies(&source, &place.path("copies"))?);
    }
    let outcome = Outcome::at_most(Row::Clone, &Times::new(ours), &Times::new(copies), 1.3);
    Ok(outcome.note(format!(
        "{COUNT} in sequence on a new server, each taken and closed; taking takes {}, closing {}",
        Times::new(takes).to_text(),
        Times::new(closes).to_text()
    )))
}

/// Returns the folder of a migrated database whose server has stopped.
async fn source(place: &Place) -> Result<PathBuf> {
    let folder = start::new_folder(place, "clone")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let server = start::plain(&directory, &place.path("migrations")).await?;
    let mut connection = directory.connect("bench").await?;
    let sql = "select oid::int from pg_database where datname = current_database()";
    let number: i32 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    server.stop()?;
    Ok(directory.data().join("base").join(number.to_string()))
}

/// Returns the milliseconds per copy.
fn time_copies(source: &Path, target: &Path) -> Result<f64> {
    std::fs::create_dir(target)?;
    let started = Instant::now();
    for number in 0..COUNT {
        copy(source, &target.join(number.to_string()))?;
    }
    let each = milliseconds(started) / f64::from(u32::try_from(COUNT)?);
    let size = |folder: &Path| -> Result<(usize, u64)> {
        let files: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
        let sizes: Vec<u64> =
            files.iter().map(|file| Ok(file.metadata()?.len())).collect::<std::io::Result<_>>()?;
        Ok((sizes.len(), sizes.iter().sum()))
    };
    ensure!(size(source)?.0 > 250, "{} is not a database", source.display());
    ensure!(size(source)? == size(&target.join("0"))?, "the copy is incomplete");
    std::fs::remove_dir_all(target)?;
    Ok(each)
}

/// Copies the folder of a database, which has no subfolders.
fn copy(source: &Path, target: &Path) -> Result<()> {
    std::fs::create_dir(target)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        std::fs::copy(entry.path(), target.join(entry.file_name()))
            .context("copying a file failed")?;
    }
    Ok(())
}

/// Our side: creates databases in sequence. Runs in a separate process.
pub async fn ours(folder: &Path, count: usize) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let mut sum = 0.0;
    for number in 0..count {
        let started = Instant::now();
        let database = server.migrated_database(&migrations).await?;
        let take = milliseconds(started);
        if number % CHECK_EVERY == CHECK_EVERY / 2 {
            proof::visit(database.url()).await?;
        }
        report("database", database.name());
        let close_started = Instant::now();
        database.close().await?;
        let close = milliseconds(close_started);
        report("take", take);
        report("close", close);
        sum += take + close;
    }
    report("each", sum / f64::from(u32::try_from(count)?));
    server.close().await?;
    Ok(())
}
