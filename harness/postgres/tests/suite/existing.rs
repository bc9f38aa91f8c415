//! Tests of the errors about existing servers that can't be used. Each error says what to do.

use std::time::Duration;

use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Database, Source};
use sqlx::{Connection, PgConnection};

use crate::{chain, data_directory, execute, server_and_database, start};

#[tokio::test]
async fn a_wrong_password_is_reported_and_not_printed() {
    let (server, database) = server_and_database().await;
    execute(&database, "create role guarded login password 'right'").await;
    require_password(&database, "guarded").await;
    let right = database.url().replace("spanproof@", "guarded:right@");
    PgConnection::connect(&right).await.unwrap().close().await.unwrap();
    let wrong = right.replace(":right@", ":wr0ng@");
    let error = start(Source::Url(wrong)).await.map_err(chain).unwrap_err();
    assert!(
        error.starts_with("could not log in to postgres://guarded:***@localhost:5432/"),
        "{error}"
    );
    let expected = ": password authentication failed for user \"guarded\" (SQLSTATE 28P01); \
                    put the right user and password into the URL, with `%40` for an `@` in them";
    assert!(error.ends_with(expected), "{error}");
    assert!(!error.contains("wr0ng"), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

/// Returns the error of starting with an existing server whose URL has the user `role`.
async fn start_error(database: &Database, role: &str) -> String {
    let url = database.url().replace("spanproof@", &format!("{role}@"));
    start(Source::Url(url)).await.map_err(chain).unwrap_err()
}

#[tokio::test]
async fn a_role_that_may_not_create_databases_is_rejected_with_advice() {
    let (server, database) = server_and_database().await;
    execute(&database, "create role plain login").await;
    let error = start_error(&database, "plain").await;
    let expected = ": the role `plain` may not create databases; as an administrator, run \
                    `alter role plain createdb`";
    assert!(error.starts_with("no database can be created on postgres://plain@"), "{error}");
    assert!(error.ends_with(expected), "{error}");
    execute(&database, "alter role plain createdb").await;
    let url = database.url().replace("spanproof@", "plain@");
    let existing = start(Source::Url(url)).await.unwrap();
    existing.empty_database().await.unwrap().close().await.unwrap();
    existing.close().await.unwrap();
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_role_with_read_only_transactions_is_rejected_with_advice() {
    let (server, database) = server_and_database().await;
    let settings = "default_transaction_read_only = on";
    execute(
        &database,
        &format!("create role reader login createdb; alter role reader set {settings}"),
    )
    .await;
    let error = start_error(&database, "reader").await;
    let expected = ": it is read-only (`default_transaction_read_only` is on); name another server, \
                    or run `alter role reader set default_transaction_read_only = off`";
    assert!(error.starts_with("no database can be created on postgres://reader@"), "{error}");
    assert!(error.ends_with(expected), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_server_without_free_connections_is_reported_with_advice() {
    let (server, database) = server_and_database().await;
    execute(&database, "create role narrow login createdb connection limit 1").await;
    let url = database.url().replace("spanproof@", "narrow@");
    let only = PgConnection::connect(&url).await.unwrap();
    let error = start_error(&database, "narrow").await;
    let expected = "last seen: too many connections for role \"narrow\" (SQLSTATE 53300); end some of \
                its connections, or raise its `max_connections` or the role's `connection limit`";
    assert!(error.ends_with(expected), "{error}");
    drop(only);
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_missing_database_is_reported_with_advice() {
    let (server, database) = server_and_database().await;
    let url = database.url().replace(database.name(), "nowhere");
    let error = start(Source::Url(url)).await.map_err(chain).unwrap_err();
    let expected = ": database \"nowhere\" does not exist (SQLSTATE 3D000); \
                    name a database that exists, for instance `postgres`";
    assert!(error.ends_with(expected), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_is_reported_with_advice() {
    let url = "postgres://someone@127.0.0.1:1/db";
    let error = start(Source::Url(url.into())).await.map_err(chain).unwrap_err();
    let expected = "Connection refused (os error 111); is the server running, and are its host \
                    and port right?";
    assert!(error.ends_with(expected), "{error}");
}

/// Makes the server require a password from `role`, and waits until a login without one fails.
async fn require_password(database: &Database, role: &str) {
    let file = format!("{}/pg_hba.conf", data_directory(database).await);
    let rules = format!("('local all {role} scram-sha-256'), ('local all all trust')");
    execute(database, &format!("copy (values {rules}) to '{file}'")).await;
    execute(database, "select pg_reload_conf()").await;
    let without = database.url().replace("spanproof@", &format!("{role}@"));
    wait::until("a rejected login", Duration::from_secs(10), || async {
        match PgConnection::connect(&without).await {
            Ok(_) => Attempt::NotYet("a login without a password".into()),
            Err(_) => Attempt::Done(()),
        }
    })
    .await
    .unwrap();
}
