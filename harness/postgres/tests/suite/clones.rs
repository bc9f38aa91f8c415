//! Tests of clones, the databases that a server copies from a migrated template: the server returns
//! each clone to one caller only.

use std::collections::BTreeSet;
use std::time::Duration;

use spanproof_postgres::{Options, Server, Source};

use crate::{execute, migrations, query, table_migration};

#[tokio::test]
async fn each_clone_has_the_migrations_and_its_own_rows() {
    let server = Server::start(Options::default()).await.unwrap();
    let (_folder, migrations) = table_migration();
    let one = server.migrated_database(&migrations).await.unwrap();
    let other = server.migrated_database(&migrations).await.unwrap();
    execute(&one, "insert into a values (1)").await;
    assert_eq!(query::<i64>(&other, "select count(*) from a").await, 0);
    one.close().await.unwrap();
    other.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn no_clone_is_returned_twice() {
    let server = Server::start(Options::default()).await.unwrap();
    let (_folder, migrations) = table_migration();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (server, migrations) = (server.clone(), migrations.clone());
        tasks.spawn(async move {
            let database = server.migrated_database(&migrations).await.unwrap();
            assert_eq!(query::<i64>(&database, "select count(*) from a").await, 0);
            query::<i32>(&database, "insert into a values (1) returning n").await;
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
async fn a_server_returns_a_clone_after_cancelled_requests() {
    let server = Server::start(Options::default()).await.unwrap();
    let (_folder, migrations) = table_migration();
    server.prepare(&migrations).await.unwrap();
    let mut cancelled = 0;
    for _ in 0..20 {
        let request = server.migrated_database(&migrations);
        match tokio::time::timeout(Duration::from_micros(1), request).await {
            Ok(database) => database.unwrap().close().await.unwrap(),
            Err(_) => cancelled += 1,
        }
    }
    assert!(cancelled > 0, "every request was answered within 1 µs, so none was cancelled");
    let database = server.migrated_database(&migrations).await.unwrap();
    assert_eq!(query::<i64>(&database, "select count(*) from a").await, 0);
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn close_drops_every_database_created_on_an_existing_server() {
    // `host` starts the server. `existing` connects to the same server by its URL.
    let host = Server::start(Options::default()).await.unwrap();
    let database = host.empty_database().await.unwrap();
    let sql = "select coalesce(string_agg(datname, ' '), '') from pg_database \
               where datname like 'spanproof%' and datname <> current_database()";
    let before: String = query(&database, sql).await;
    let source = Source::Url(database.url().to_owned());
    let existing =
        Server::start_ignoring_env(Options { source, ..Options::default() }).await.unwrap();
    let (_folder, migrations) = table_migration();
    let mut clones = Vec::new();
    for _ in 0..4 {
        clones.push(existing.migrated_database(&migrations).await.unwrap());
    }
    let during: String = query(&database, sql).await;
    // The names of migrated templates contain `_template_`, those of clones `_case_`.
    assert!(during.contains("_template_") && during.contains("_case_"), "{during}");
    existing.close().await.unwrap();
    let after: String = query(&database, sql).await;
    assert_eq!(after, before, "clones that are still in use must also be dropped");
    drop(clones);
    database.close().await.unwrap();
    host.close().await.unwrap();
}

/// Changes settings of the database: a list of names, an empty list, a string, and a setting for one role.
const SETTINGS: &str = r#"create schema "My App"; create table "My App".inside (n int);
do $$ begin
  execute format('alter database %I set search_path = "My App", "a""b", public', current_database());
  execute format('alter database %I set temp_tablespaces = ''''', current_database());
  execute format('alter database %I set application_name = ''it''''s = "one", two''', current_database());
  execute format('alter role %I in database %I set lock_timeout = 1234', current_user, current_database());
end $$;"#;

/// Selects the settings of a session on a clone, and counts the rows of a table that only the clone's
/// `search_path` can find.
const SETTINGS_OF_SESSION: &str = "select concat_ws('|', current_setting('search_path'), \
    current_setting('temp_tablespaces'), current_setting('application_name'), current_setting('lock_timeout'), \
    (select count(*) from inside))";

/// When a server creates a database from a template, it copies the contents but not the settings of the
/// template. This crate copies the settings.
#[tokio::test]
async fn a_clone_has_the_settings_of_its_template() {
    let host = Server::start(Options::default()).await.unwrap();
    let owner = host.empty_database().await.unwrap();
    let role = format!("clones_plain_{}", std::process::id());
    execute(&owner, &format!("create role {role} login createdb password 'x'")).await;
    let plain = owner.url().replacen("spanproof@", &format!("{role}:x@"), 1);
    assert_ne!(plain, owner.url());
    let source = Source::Url(plain);
    let existing =
        Server::start_ignoring_env(Options { source, ..Options::default() }).await.unwrap();
    let (_folder, migrations) = migrations(&[("0001_settings.sql", SETTINGS)]);
    for server in [&host, &existing] {
        for _ in 0..2 {
            let clone = server.migrated_database(&migrations).await.unwrap();
            let settings = query::<String>(&clone, SETTINGS_OF_SESSION).await;
            assert_eq!(
                settings,
                "\"My App\", \"a\"\"b\", public|\"\"|it's = \"one\", two|1234ms|0"
            );
            clone.close().await.unwrap();
        }
    }
    existing.close().await.unwrap();
    execute(&owner, &format!("drop role {role}")).await;
    owner.close().await.unwrap();
    host.close().await.unwrap();
}
