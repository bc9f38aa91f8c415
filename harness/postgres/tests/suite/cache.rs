//! Tests that servers work with an empty, filled or damaged cache. An entry of the cache is a
//! migrated data directory, which a new server copies.

use std::path::Path;

use spanproof_postgres::{Cache, Migrations, Options, Server};

use crate::{chain, execute, migrations, query, table_migration};

/// Starts a server for one test alone. Its cache is in `folder`. The server has a template database
/// with `migrations` from the start.
async fn start(folder: &Path, migrations: &Migrations) -> Server {
    let options = Options {
        migrations: Some(migrations.clone()),
        cache: Some(folder.to_owned()),
        ..Options::default()
    };
    Server::start(options).await.unwrap()
}

/// Starts a server and checks that its databases are migrated and empty. Returns the server's
/// notes, which report problems with the cache.
async fn check_server(folder: &Path, migrations: &Migrations) -> Vec<String> {
    let server = start(folder, migrations).await;
    let (one, other) = (
        server.migrated_database(migrations).await.unwrap(),
        server.migrated_database(migrations).await.unwrap(),
    );
    assert_ne!(one.name(), other.name());
    for database in [one, other] {
        assert_eq!(query::<i64>(&database, "select count(*) from a").await, 0);
        execute(&database, "insert into a values (1)").await;
        database.close().await.unwrap();
    }
    let notes = server.origin().notes.clone();
    server.close().await.unwrap();
    notes
}

/// Returns the names of the files in a cache that belong to no entry.
fn other_files(folder: &Path) -> Vec<String> {
    let entries: Vec<_> = Cache::new(folder).entries().into_iter().map(|entry| entry.key).collect();
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !entries.contains(name))
        .collect()
}

#[tokio::test]
async fn the_second_server_uses_the_entry_of_the_first() {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table_migration());
    assert_eq!(check_server(cache.path(), &migrations).await, Vec::<String>::new());
    let entries = Cache::new(cache.path()).entries();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].label.contains(" with 1 migration of "), "{}", entries[0].label);
    // A new entry would not have this file.
    let extra_file = cache.path().join(&entries[0].key).join("data/PG_VERSION.mark");
    std::fs::write(&extra_file, "").unwrap();
    assert_eq!(check_server(cache.path(), &migrations).await, Vec::<String>::new());
    assert!(extra_file.exists());
    assert_eq!(Cache::new(cache.path()).entries().len(), 1);
}

#[tokio::test]
async fn different_migrations_get_different_entries() {
    let (cache, (_folder, one)) = (tempfile::tempdir().unwrap(), table_migration());
    let (_other, two) = migrations(&[("0001_a.up.sql", "create table a (n int, m int)")]);
    check_server(cache.path(), &one).await;
    check_server(cache.path(), &two).await;
    assert_eq!(Cache::new(cache.path()).entries().len(), 2);
}

#[tokio::test]
async fn servers_that_start_at_the_same_time_create_one_entry() {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table_migration());
    let checks = (0..3).map(|_| check_server(cache.path(), &migrations));
    for notes in join_all(checks).await {
        assert_eq!(notes, Vec::<String>::new());
    }
    assert_eq!(Cache::new(cache.path()).entries().len(), 1);
    assert_eq!(other_files(cache.path()), Vec::<String>::new());
}

#[rstest::rstest]
#[case::missing_file(|data: &Path| std::fs::remove_file(data.join("global/pg_control")).unwrap())]
#[case::truncated_file(|data: &Path| {
    let wal = std::fs::read_dir(data.join("pg_wal")).unwrap().flatten()
        .find(|entry| entry.file_type().unwrap().is_file()).unwrap();
    std::fs::File::options().write(true).open(wal.path()).unwrap().set_len(4096).unwrap();
})]
#[tokio::test]
async fn a_damaged_entry_is_replaced_with_a_note(#[case] damage: fn(&Path)) {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table_migration());
    check_server(cache.path(), &migrations).await;
    let key = Cache::new(cache.path()).entries()[0].key.clone();
    damage(&cache.path().join(&key).join("data"));
    let notes = check_server(cache.path(), &migrations).await;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("replaced a damaged cache entry: "), "{notes:?}");
    assert_eq!(check_server(cache.path(), &migrations).await, Vec::<String>::new());
}

/// The file `complete.json` marks an entry as complete.
#[rstest::rstest]
#[case::missing(|file: &Path| std::fs::remove_file(file).unwrap())]
#[case::truncated(|file: &Path| std::fs::write(file, "{").unwrap())]
#[tokio::test]
async fn an_entry_without_a_valid_complete_json_is_replaced(#[case] damage: fn(&Path)) {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table_migration());
    check_server(cache.path(), &migrations).await;
    let key = Cache::new(cache.path()).entries()[0].key.clone();
    let entry = cache.path().join(&key);
    damage(&entry.join("complete.json"));
    // Only a new entry has this file again.
    std::fs::remove_file(entry.join("data/global/pg_control")).unwrap();
    assert_eq!(check_server(cache.path(), &migrations).await, Vec::<String>::new());
    assert!(entry.join("data/global/pg_control").exists(), "the entry was not replaced");
    assert_eq!(Cache::new(cache.path()).entries().len(), 1, "the new entry is not complete");
}

#[tokio::test]
async fn a_cache_that_is_a_file_is_reported_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (_folder, migrations) = table_migration();
    let notes = check_server(&file, &migrations).await;
    assert_eq!(notes.len(), 1, "{notes:?}");
    let expected = format!("nothing is cached: {} can't be written to: ", file.display());
    assert!(notes[0].starts_with(&expected), "{notes:?}");
}

#[tokio::test]
async fn a_fresh_server_does_not_use_the_cache() {
    let (cache, (_folder, migrations)) = (tempfile::tempdir().unwrap(), table_migration());
    let options = Options {
        migrations: Some(migrations.clone()),
        cache: Some(cache.path().to_owned()),
        fresh: true,
        ..Options::default()
    };
    let server = Server::start(options).await.unwrap();
    let database = server.migrated_database(&migrations).await.unwrap();
    assert_eq!(query::<i64>(&database, "select count(*) from a").await, 0);
    database.close().await.unwrap();
    server.close().await.unwrap();
    assert_eq!(Cache::new(cache.path()).entries(), Vec::new());
}

#[tokio::test]
async fn a_failed_migration_is_reported_and_not_cached() {
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
    assert_eq!(Cache::new(cache.path()).entries(), Vec::new());
}

/// Runs all futures at the same time, and returns their values in the order in which they end.
async fn join_all<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
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
