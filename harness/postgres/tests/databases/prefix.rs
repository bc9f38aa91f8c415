//! Things of two prefixes never meet, and the default is the prefix of every version before.

use std::time::Duration;

use spanproof_lease::wait::{self, Look};
use spanproof_postgres::{Cache, Database, Error, Options, Prefix, Server, Source, kept};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{ask, chain, migrations};

/// A run that has ended: nobody holds its lock.
const DEAD: &str = "fedcba9876543210";

fn acme() -> Prefix {
    Prefix::new("acme").unwrap()
}

async fn given(url: &str, prefix: Prefix) -> Server {
    let source = Source::Url(url.to_owned());
    Server::exactly(Options { source, prefix, ..Options::default() }).await.unwrap()
}

async fn create(database: &Database, name: &str) {
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let sql = AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn exists(database: &Database, name: &str) -> bool {
    let sql = format!("select exists (select from pg_database where datname = '{name}')");
    ask(database, &sql).await
}

#[tokio::test]
async fn on_one_server_two_prefixes_neither_list_nor_sweep_each_others_databases() {
    let host = Server::start(Options::default()).await.unwrap();
    let database = host.empty().await.unwrap();
    let dead = |prefix: &Prefix| format!("{prefix}_{DEAD}_case_0");
    let kept_name = |prefix: &Prefix| format!("{prefix}_kept_{DEAD}_case_0");
    for prefix in [Prefix::default(), acme()] {
        create(&database, &dead(&prefix)).await;
        create(&database, &kept_name(&prefix)).await;
    }
    for (own, other) in [(acme(), Prefix::default()), (Prefix::default(), acme())] {
        let server = given(database.url(), own.clone()).await;
        let fresh = server.empty().await.unwrap();
        assert!(fresh.name().starts_with(&format!("{own}_")), "{}", fresh.name());
        assert_eq!(kept::databases(&server).await.unwrap(), [kept_name(&own)]);
        let refused = kept::drop(&server, vec![kept_name(&other)]).await.unwrap_err();
        assert!(matches!(refused, Error::NotKept { .. }), "{refused}");
        // It waits for the end of its sweep.
        server.close().await.unwrap();
        assert!(!exists(&database, &dead(&own)).await, "{own}'s is left");
        assert!(exists(&database, &kept_name(&own)).await, "{own}'s kept one is gone");
        assert!(exists(&database, &kept_name(&other)).await, "{other}'s kept one is gone");
        if own == acme() {
            assert!(exists(&database, &dead(&other)).await, "{other}'s is gone");
        }
        drop(fresh);
    }
    let server = given(database.url(), Prefix::default()).await;
    kept::drop(&server, vec![format!("spanproof_kept_{DEAD}_case_0")]).await.unwrap();
    assert_eq!(kept::databases(&server).await.unwrap(), Vec::<String>::new());
    server.close().await.unwrap();
    database.close().await.unwrap();
    host.close().await.unwrap();
}

#[tokio::test]
async fn a_server_of_another_prefix_has_its_own_role_cache_and_place_among_kept_ones() {
    let cache = tempfile::tempdir().unwrap();
    let (_folder, migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    let options = Options {
        prefix: acme(),
        cache: Some(cache.path().to_owned()),
        migrations: Some(migrations.clone()),
        ..Options::default()
    };
    // From nothing, then from the cache.
    Server::start(options.clone()).await.unwrap().close().await.unwrap();
    let server = Server::start(options).await.unwrap();
    assert_eq!(Cache::at(cache.path()).entries().len(), 1);
    let database = server.migrated(&migrations).await.unwrap();
    assert_eq!(ask::<String>(&database, "select current_user::text").await, "acme");
    assert!(database.name().starts_with("acme_"), "{}", database.name());
    let data: String = ask(&database, "select current_setting('data_directory')").await;
    let folder = std::path::Path::new(&data).parent().unwrap().to_owned();
    database.keep().await.unwrap();
    server.close().await.unwrap();
    let listed = [acme(), Prefix::default()].map(|prefix| kept::folders(&prefix).contains(&folder));
    // A process that another test starts has our end of everything for a moment.
    let removed = wait::until("the removal", Duration::from_secs(10), || async {
        match kept::remove(&folder) {
            Ok(()) => Look::Done(()),
            Err(error) => Look::NotYet(chain(error)),
        }
    });
    removed.await.unwrap();
    assert_eq!(listed, [true, false]);
    assert!(!folder.exists());
}

#[tokio::test]
async fn two_prefixes_share_no_server() {
    let mut places = Vec::new();
    for prefix in [Prefix::default(), acme()] {
        let options = Options { prefix, ..Options::default() };
        let database = Server::join(options).await.unwrap().empty().await.unwrap();
        places.push(ask::<String>(&database, "select current_setting('data_directory')").await);
        database.close().await.unwrap();
    }
    assert_ne!(places[0], places[1]);
}
