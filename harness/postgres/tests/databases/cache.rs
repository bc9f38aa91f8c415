//! Data directories from the cache: the same databases, whatever state the cache is in.

use std::path::Path;

use spanproof_postgres::{Cache, Migrations, Options, Server};

use super::{ask, chain, migrations};

/// A server of one's own that has `migrations` from the start, with its cache in `folder`.
async fn start(folder: &Path, migrations: &Migrations) -> Server {
    let options = Options {
        migrations: Some(migrations.clone()),
        cache: Some(folder.to_owned()),
        ..Options::default()
    };
    Server::start(options).await.unwrap()
}

/// What is told about the server, once its databases were seen to be migrated and empty.
async fn works(folder: &Path, migrations: &Migrations) -> Vec<String> {
    let server = start(folder, migrations).await;
    let (one, other) =
        (server.migrated(migrations).await.unwrap(), server.migrated(migrations).await.unwrap());
    assert_ne!(one.name(), other.name());
    for database in [one, other] {
        assert_eq!(ask::<i64>(&database, "select count(*) from a").await, 0);
        ask::<Option<i32>>(&database, "insert into a values (1) returning n").await;
        database.close().await.unwrap();
    }
    let notes = server.origin().notes.clone();
    server.close().await.unwrap();
    notes
}

/// The names in a cache that are neither an entry nor a memo.
fn others(folder: &Path) -> Vec<String> {
    let cached: Vec<_> = Cache::at(folder).entries().into_iter().map(|entry| entry.key).collect();
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !cached.contains(name))
        .collect()
}

#[tokio::test]
async fn the_second_start_takes_what_the_first_one_made() {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table());
    assert_eq!(works(cache.path(), &migrations).await, Vec::<String>::new());
    let entries = Cache::at(cache.path()).entries();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].label.contains(" with 1 migrations of "), "{}", entries[0].label);
    // Something that only this data directory has: were it made anew, it would be gone.
    let mark = cache.path().join(&entries[0].key).join("data/PG_VERSION.mark");
    std::fs::write(&mark, "").unwrap();
    assert_eq!(works(cache.path(), &migrations).await, Vec::<String>::new());
    assert!(mark.exists());
    assert_eq!(Cache::at(cache.path()).entries().len(), 1);
}

#[tokio::test]
async fn other_migrations_are_another_entry() {
    let (cache, (_folder, one)) = (tempfile::tempdir().unwrap(), table());
    let (_other, two) = migrations(&[("0001_a.up.sql", "create table a (n int, m int)")]);
    works(cache.path(), &one).await;
    works(cache.path(), &two).await;
    assert_eq!(Cache::at(cache.path()).entries().len(), 2);
}

#[tokio::test]
async fn makers_at_the_same_time_make_one_entry_and_all_work() {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table());
    let all = (0..3).map(|_| works(cache.path(), &migrations));
    for notes in join(all).await {
        assert_eq!(notes, Vec::<String>::new());
    }
    assert_eq!(Cache::at(cache.path()).entries().len(), 1);
    assert_eq!(others(cache.path()), Vec::<String>::new());
}

#[rstest::rstest]
#[case::without_a_file(|data: &Path| std::fs::remove_file(data.join("global/pg_control")).unwrap())]
#[case::cut_short(|data: &Path| {
    let wal = std::fs::read_dir(data.join("pg_wal")).unwrap().flatten()
        .find(|entry| entry.file_type().unwrap().is_file()).unwrap();
    std::fs::File::options().write(true).open(wal.path()).unwrap().set_len(4096).unwrap();
})]
#[tokio::test]
async fn a_damaged_entry_is_made_anew_and_told(#[case] damage: fn(&Path)) {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table());
    works(cache.path(), &migrations).await;
    let key = Cache::at(cache.path()).entries()[0].key.clone();
    damage(&cache.path().join(&key).join("data"));
    let notes = works(cache.path(), &migrations).await;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("made anew: what was cached is no good: "), "{notes:?}");
    assert_eq!(works(cache.path(), &migrations).await, Vec::<String>::new());
}

#[rstest::rstest]
#[case::missing(|mark: &Path| std::fs::remove_file(mark).unwrap())]
#[case::torn(|mark: &Path| std::fs::write(mark, "{").unwrap())]
#[tokio::test]
async fn an_entry_without_its_completion_mark_is_none(#[case] damage: fn(&Path)) {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table());
    works(cache.path(), &migrations).await;
    let key = Cache::at(cache.path()).entries()[0].key.clone();
    let entry = cache.path().join(&key);
    damage(&entry.join("complete.json"));
    std::fs::remove_file(entry.join("data/global/pg_control")).unwrap();
    assert_eq!(works(cache.path(), &migrations).await, Vec::<String>::new());
    assert!(entry.join("data/global/pg_control").exists(), "it was made anew");
    assert_eq!(Cache::at(cache.path()).entries().len(), 1, "and is complete");
}

#[tokio::test]
async fn a_cache_that_can_not_be_written_is_told_and_done_without() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (_folder, migrations) = table();
    let notes = works(&file, &migrations).await;
    assert_eq!(notes.len(), 1, "{notes:?}");
    let expected = format!("nothing is cached: {} can't be written to: ", file.display());
    assert!(notes[0].starts_with(&expected), "{notes:?}");
}

#[tokio::test]
async fn a_fresh_server_asks_no_cache_and_fills_none() {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table());
    let options = Options {
        migrations: Some(migrations.clone()),
        cache: Some(cache.path().to_owned()),
        fresh: true,
        ..Options::default()
    };
    let server = Server::start(options).await.unwrap();
    let database = server.migrated(&migrations).await.unwrap();
    assert_eq!(ask::<i64>(&database, "select count(*) from a").await, 0);
    database.close().await.unwrap();
    server.close().await.unwrap();
    assert_eq!(Cache::at(cache.path()).entries(), Vec::new());
}

#[tokio::test]
async fn a_migration_that_fails_is_named_and_nothing_of_it_is_cached() {
    let cache = tempfile::tempdir().unwrap();
    let (_folder, migrations) =
        migrations(&[("0001_a.up.sql", "create table a (n int);\ncreate tabel b ();")]);
    let options = Options {
        migrations: Some(migrations),
        cache: Some(cache.path().to_owned()),
        ..Options::default()
    };
    let error = Server::start(options).await.map_err(chain).unwrap_err();
    let expected = "migration `0001_a.up.sql`:2 failed: syntax error at or near \"tabel\"";
    assert!(error.starts_with(expected), "{error}");
    assert_eq!(Cache::at(cache.path()).entries(), Vec::new());
}

fn table() -> (tempfile::TempDir, Migrations) {
    migrations(&[("0001_a.up.sql", "create table a (n int)")])
}

async fn join<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut waiting: Vec<_> = all.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|one| match one.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}
