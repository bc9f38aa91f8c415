//! A server that runs already and will not do: each refusal says what to do about it.

use std::time::Duration;

use spanproof_lease::wait::{self, Look};
use spanproof_postgres::{Database, Source};
use sqlx::{Connection, PgConnection};

use crate::{chain, data_directory, own, run, start};

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let (server, database) = own().await;
    run(&database, "create role guarded login password 'right'").await;
    demand_a_password(&database, "guarded").await;
    let right = database.url().replace("spanproof@", "guarded:right@");
    PgConnection::connect(&right).await.unwrap().close().await.unwrap();
    let wrong = right.replace(":right@", ":wr0ng@");
    let error = start(Source::Url(wrong), None).await.map_err(chain).unwrap_err();
    assert!(error.starts_with("could not log in to postgres://guarded:***@localhost/"), "{error}");
    let expected = ": password authentication failed for user \"guarded\" (SQLSTATE 28P01); \
                    put the right user and password into the URL, with `%40` for an `@` in them";
    assert!(error.ends_with(expected), "{error}");
    assert!(!error.contains("wr0ng"), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

/// The error of a server whose URL names `role`, without the URL itself.
async fn refused(database: &Database, role: &str) -> String {
    let url = database.url().replace("spanproof@", &format!("{role}@"));
    start(Source::Url(url), None).await.map_err(chain).unwrap_err()
}

#[tokio::test]
async fn a_role_that_may_not_create_databases_is_told_so() {
    let (server, database) = own().await;
    run(&database, "create role plain login").await;
    let error = refused(&database, "plain").await;
    let expected = ": the role `plain` may not create databases; as an administrator, run \
                    `alter role plain createdb`";
    assert!(error.starts_with("no databases can be made on postgres://plain@"), "{error}");
    assert!(error.ends_with(expected), "{error}");
    run(&database, "alter role plain createdb").await;
    let url = database.url().replace("spanproof@", "plain@");
    let given = start(Source::Url(url), None).await.unwrap();
    given.empty().await.unwrap().close().await.unwrap();
    given.close().await.unwrap();
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_read_only_is_refused_at_the_start() {
    let (server, database) = own().await;
    let settings = "default_transaction_read_only = on";
    run(&database, &format!("create role reader login createdb; alter role reader set {settings}"))
        .await;
    let error = refused(&database, "reader").await;
    let expected = ": it is read-only (`default_transaction_read_only` is on); name another one, \
                    or run `alter role reader set default_transaction_read_only = off`";
    assert!(error.starts_with("no databases can be made on postgres://reader@"), "{error}");
    assert!(error.ends_with(expected), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_server_with_no_connection_left_is_named_with_what_to_do() {
    let (server, database) = own().await;
    run(&database, "create role narrow login createdb connection limit 1").await;
    let url = database.url().replace("spanproof@", "narrow@");
    let only = PgConnection::connect(&url).await.unwrap();
    let error = refused(&database, "narrow").await;
    let said = "last seen: too many connections for role \"narrow\" (SQLSTATE 53300); end some of \
                its connections, or raise its `max_connections` or the role's `connection limit`";
    assert!(error.ends_with(said), "{error}");
    drop(only);
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named_with_what_to_do() {
    let (server, database) = own().await;
    let url = database.url().replace(database.name(), "nowhere");
    let error = start(Source::Url(url), None).await.map_err(chain).unwrap_err();
    let expected = ": database \"nowhere\" does not exist (SQLSTATE 3D000); \
                    name a database that exists, for instance `postgres`";
    assert!(error.ends_with(expected), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_run_is_named_with_what_to_do() {
    let url = "postgres://someone@127.0.0.1:1/db";
    let error = start(Source::Url(url.into()), None).await.map_err(chain).unwrap_err();
    let expected = "Connection refused (os error 111); is the server running, and are its host \
                    and port right?";
    assert!(error.ends_with(expected), "{error}");
}

/// Lets the server ask `role` for its password, and waits until it does.
async fn demand_a_password(database: &Database, role: &str) {
    let file = format!("{}/pg_hba.conf", data_directory(database).await);
    let rules = format!("('local all {role} scram-sha-256'), ('local all all trust')");
    run(database, &format!("copy (values {rules}) to '{file}'")).await;
    run(database, "select pg_reload_conf()").await;
    let without = database.url().replace("spanproof@", &format!("{role}@"));
    wait::until("a refused login", Duration::from_secs(10), || async {
        match PgConnection::connect(&without).await {
            Ok(_) => Look::NotYet("a login without a password".into()),
            Err(_) => Look::Done(()),
        }
    })
    .await
    .unwrap();
}
