//! Row `clone`: migrated databases one after the other, beside copying the folder of one.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spanproof_postgres::{Migrations, Options, Server};
use sqlx::Connection;

use crate::part::{Start, say};
use crate::place::Place;
use crate::plain::Directory;
use crate::stats::{Times, milliseconds};
use crate::table::{Outcome, Row};
use crate::{proof, start};

/// Databases in a row; each sample has a server of its own, so that none is made ahead before.
const COUNT: usize = 30;
/// Every so many, one is looked into.
const LOOK: usize = 10;

pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    // The first one fills the cache.
    Start::of(place, &["clones", "2"]).finish()?;
    let source = tokio::runtime::Runtime::new()?.block_on(source(place))?;
    let (mut ours, mut copies) = (Vec::new(), Vec::new());
    let (mut takes, mut closes) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let said = Start::of(place, &["clones", &COUNT.to_string()]).finish()?;
        proof::distinct(&said.texts("database"), COUNT)?;
        ours.push(said.number("each")?);
        takes.extend(said.numbers("take"));
        closes.extend(said.numbers("close"));
        copies.push(copied(&source, &place.path("copies"))?);
    }
    let outcome = Outcome::at_most(Row::Clone, &Times::of(ours), &Times::of(copies), 1.3);
    Ok(outcome.note(format!(
        "{COUNT} in sequence on a new server, each taken and closed; the take alone {}, the close {}",
        Times::of(takes).shown(),
        Times::of(closes).shown()
    )))
}

/// The folder of a migrated database whose server has stopped.
async fn source(place: &Place) -> Result<PathBuf> {
    let folder = start::new_folder(place, "clone")?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    let server = start::plain(&directory, &place.path("migrations")).await?;
    let mut connection = directory.login("bench").await?;
    let sql = "select oid::int from pg_database where datname = current_database()";
    let number: i32 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    server.stop()?;
    Ok(directory.data().join("base").join(number.to_string()))
}

/// Milliseconds for one copy.
fn copied(source: &Path, target: &Path) -> Result<f64> {
    std::fs::create_dir(target)?;
    let begun = Instant::now();
    for number in 0..COUNT {
        copy(source, &target.join(number.to_string()))?;
    }
    let each = milliseconds(begun) / f64::from(u32::try_from(COUNT)?);
    let bytes = |folder: &Path| -> Result<(usize, u64)> {
        let files: Vec<_> = std::fs::read_dir(folder)?.collect::<std::io::Result<_>>()?;
        let sizes: Vec<u64> =
            files.iter().map(|file| Ok(file.metadata()?.len())).collect::<std::io::Result<_>>()?;
        Ok((sizes.len(), sizes.iter().sum()))
    };
    ensure!(bytes(source)?.0 > 250, "{} is no database", source.display());
    ensure!(bytes(source)? == bytes(&target.join("0"))?, "the copy is not complete");
    std::fs::remove_dir_all(target)?;
    Ok(each)
}

/// A database's folder has no folders in it.
fn copy(source: &Path, target: &Path) -> Result<()> {
    std::fs::create_dir(target)?;
    for entry in std::fs::read_dir(source)? {
        let entry = entry?;
        std::fs::copy(entry.path(), target.join(entry.file_name())).context("a copy")?;
    }
    Ok(())
}

/// In a process of its own: our databases, one after the other.
pub async fn ours(folder: &Path, count: usize) -> Result<()> {
    let migrations = Migrations::read(folder)?;
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::start(options).await?;
    let mut sum = 0.0;
    for number in 0..count {
        let begun = Instant::now();
        let database = server.migrated(&migrations).await?;
        let take = milliseconds(begun);
        if number % LOOK == LOOK / 2 {
            proof::visit(database.url()).await?;
        }
        say("database", database.name());
        let closing = Instant::now();
        database.close().await?;
        let close = milliseconds(closing);
        say("take", take);
        say("close", close);
        sum += take + close;
    }
    say("each", sum / f64::from(u32::try_from(count)?));
    server.close().await?;
    Ok(())
}
