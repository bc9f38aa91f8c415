//! Tests that servers with different prefixes have separate databases, roles and kept folders. The
//! names of databases and roles begin with the prefix, which is `spanproof` by default. A kept
//! database or folder stays after its test, until it is removed on request.

use std::time::Duration;

use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Cache, Database, Error, Options, Prefix, Server, Source, kept};

use crate::{chain, data_directory, execute, query, table_migration};

/// The id of a dead run: a process that used the server and has ended. Every later run with the same
/// prefix drops the databases whose names contain this id, unless they are kept.
const DEAD_RUN: &str = "fedcba9876543210";

fn acme() -> Prefix {
    Prefix::new("acme").unwrap()
}

async fn existing_server(url: &str, prefix: Prefix) -> Server {
    let source = Source::Url(url.to_owned());
    Server::start_ignoring_env(Options { source, prefix, ..Options::default() }).await.unwrap()
}

async fn create(database: &Database, name: &str) {
    execute(database, &format!("create database {name}")).await;
}

async fn exists(database: &Database, name: &str) -> bool {
    let sql = format!("select exists (select from pg_database where datname = '{name}')");
    query(database, &sql).await
}

#[tokio::test]
async fn a_server_neither_lists_nor_drops_databases_of_another_prefix() {
    let host = Server::start(Options::default()).await.unwrap();
    let database = host.empty_database().await.unwrap();
    let dead_name = |prefix: &Prefix| format!("{prefix}_{DEAD_RUN}_case_0");
    let kept_name = |prefix: &Prefix| format!("{prefix}_kept_{DEAD_RUN}_case_0");
    for prefix in [Prefix::default(), acme()] {
        create(&database, &dead_name(&prefix)).await;
        create(&database, &kept_name(&prefix)).await;
    }
    for (own, other) in [(acme(), Prefix::default()), (Prefix::default(), acme())] {
        let server = existing_server(database.url(), own.clone()).await;
        let empty = server.empty_database().await.unwrap();
        assert!(empty.name().starts_with(&format!("{own}_")), "{}", empty.name());
        assert_eq!(kept::databases(&server).await.unwrap(), [kept_name(&own)]);
        let refused = kept::drop_databases(&server, vec![kept_name(&other)]).await.unwrap_err();
        assert!(matches!(refused, Error::NotKept { .. }), "{refused}");
        // Closing the server waits until it has dropped the databases of ended runs.
        server.close().await.unwrap();
        assert!(
            !exists(&database, &dead_name(&own)).await,
            "the dead run of {own} left a database"
        );
        assert!(
            exists(&database, &kept_name(&own)).await,
            "the kept database of {own} was dropped"
        );
        assert!(
            exists(&database, &kept_name(&other)).await,
            "the kept database of {other} was dropped"
        );
        // In the second round, the server of the first round has dropped this database.
        if own == acme() {
            assert!(
                exists(&database, &dead_name(&other)).await,
                "the database of the dead run of {other} was dropped"
            );
        }
        drop(empty);
    }
    let server = existing_server(database.url(), Prefix::default()).await;
    kept::drop_databases(&server, vec![format!("spanproof_kept_{DEAD_RUN}_case_0")]).await.unwrap();
    assert_eq!(kept::databases(&server).await.unwrap(), Vec::<String>::new());
    server.close().await.unwrap();
    database.close().await.unwrap();
    host.close().await.unwrap();
}

#[tokio::test]
async fn the_prefix_names_the_role_the_databases_and_the_kept_folder() {
    let cache = tempfile::tempdir().unwrap();
    let (_folder, migrations) = table_migration();
    let options = Options {
        prefix: acme(),
        cache: Some(cache.path().to_owned()),
        migrations: Some(migrations.clone()),
        ..Options::default()
    };
    // The first server fills the cache, and the second one starts from it.
    Server::start(options.clone()).await.unwrap().close().await.unwrap();
    let server = Server::start(options).await.unwrap();
    assert_eq!(Cache::new(cache.path()).entries().len(), 1);
    let database = server.migrated_database(&migrations).await.unwrap();
    assert_eq!(query::<String>(&database, "select current_user::text").await, "acme");
    assert!(database.name().starts_with("acme_"), "{}", database.name());
    let data = data_directory(&database).await;
    let folder = std::path::Path::new(&data).parent().unwrap().to_owned();
    database.keep().await.unwrap();
    server.close().await.unwrap();
    let listed = [acme(), Prefix::default()].map(|prefix| kept::folders(&prefix).contains(&folder));
    // A folder in use can't be removed. A process that another test starts inherits the open files
    // of this process for a moment, and counts as a user of the folder.
    let removed =
        wait::until("the removal of the kept folder", Duration::from_secs(10), || async {
            match kept::remove_folder(&folder) {
                Ok(()) => Attempt::Done(()),
                Err(error) => Attempt::NotYet(chain(error)),
            }
        });
    removed.await.unwrap();
    assert_eq!(listed, [true, false]);
    assert!(!folder.exists());
}

#[tokio::test]
async fn two_prefixes_share_no_server() {
    let mut servers = Vec::new();
    for prefix in [Prefix::default(), acme()] {
        let options = Options { prefix, ..Options::default() };
        let database = Server::join(options).await.unwrap().empty_database().await.unwrap();
        servers.push(data_directory(&database).await);
        database.close().await.unwrap();
    }
    assert_ne!(servers[0], servers[1]);
}
