//! Clones that were made ahead are handed out once each, to whoever waits.

use std::collections::BTreeSet;
use std::time::Duration;

use spanproof_postgres::{Options, Server, Source};

use super::{ask, migrations};

#[tokio::test]
async fn no_database_is_handed_out_twice() {
    let server = Server::start(Options::default()).await.unwrap();
    let (_folder, migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (server, migrations) = (server.clone(), migrations.clone());
        tasks.spawn(async move {
            let database = server.migrated(&migrations).await.unwrap();
            assert_eq!(ask::<i64>(&database, "select count(*) from a").await, 0);
            ask::<i32>(&database, "insert into a values (1) returning n").await;
            let name = database.name().to_owned();
            database.close().await.unwrap();
            name
        });
    }
    let names: BTreeSet<String> = tasks.join_all().await.into_iter().collect();
    assert_eq!(names.len(), 40);
    server.close().await.unwrap();
}

#[tokio::test]
async fn who_gives_up_waiting_takes_no_database_from_others() {
    let server = Server::start(Options::default()).await.unwrap();
    let (_folder, migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    server.prepare(&migrations).await.unwrap();
    for _ in 0..20 {
        let given_up = server.migrated(&migrations);
        assert!(tokio::time::timeout(Duration::from_micros(1), given_up).await.is_err());
    }
    let database = server.migrated(&migrations).await.unwrap();
    assert_eq!(ask::<i64>(&database, "select count(*) from a").await, 0);
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn on_a_given_server_everything_of_ours_goes_with_close() {
    let host = Server::start(Options::default()).await.unwrap();
    let database = host.empty().await.unwrap();
    let sql = "select coalesce(string_agg(datname, ' '), '') from pg_database \
               where datname like 'spanproof%' and datname <> current_database()";
    let before: String = ask(&database, sql).await;
    let source = Source::Url(database.url().to_owned());
    let given = Server::exactly(Options { source, ..Options::default() }).await.unwrap();
    let (_folder, migrations) = migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(given.migrated(&migrations).await.unwrap());
    }
    let during: String = ask(&database, sql).await;
    assert!(during.contains("_template_") && during.contains("_case_"), "{during}");
    given.close().await.unwrap();
    assert_eq!(ask::<String>(&database, sql).await, before, "what was held goes too");
    drop(held);
    database.close().await.unwrap();
    host.close().await.unwrap();
}
