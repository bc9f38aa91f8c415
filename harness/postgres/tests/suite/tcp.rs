//! Tests of a server with a TCP port, for drivers that can't use a Unix socket.

use spanproof_postgres::{Address, Options, Server, Source};
use sqlx::{Connection, PgConnection};

use crate::{query, start_with, table_migration};

fn options() -> Options {
    Options { source: Source::Binaries(None), tcp: true, ..Options::default() }
}

async fn log_in(url: &str) -> Result<(), String> {
    let connection = PgConnection::connect(url).await.map_err(|error| error.to_string())?;
    connection.close().await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_login_over_tcp_needs_the_generated_password() {
    let server = start_with(options()).await.unwrap();
    let (_folder, migrations) = table_migration();
    let database = server.migrated_database(&migrations).await.unwrap();
    let address = Address::parse(database.url()).unwrap();
    assert_eq!(address.host, "127.0.0.1");
    assert_eq!(query::<i64>(&database, "select count(*) from a").await, 0);
    let Address { user, password, port, .. } = &address;
    let wrong = database.url().replace(password.as_str(), "wrong");
    assert!(log_in(&wrong).await.unwrap_err().contains("password authentication failed"));
    let without = format!("postgres://{user}@127.0.0.1:{port}/{}", database.name());
    assert!(log_in(&without).await.is_err());
    database.close().await.unwrap();
    server.close().await.unwrap();
    assert!(log_in(&wrong).await.unwrap_err().contains("refused"), "the server still listens");
}

/// Both servers start from the same cached data directory, and each gets a new password.
#[tokio::test]
async fn each_server_has_its_own_port_and_password() {
    let cache = tempfile::tempdir().unwrap();
    let options = Options { cache: Some(cache.path().to_owned()), ..options() };
    let first = start_with(options.clone()).await.unwrap();
    let second = start_with(options).await.unwrap();
    let mut addresses = Vec::new();
    for server in [&first, &second] {
        let database = server.empty_database().await.unwrap();
        log_in(database.url()).await.unwrap();
        addresses.push(Address::parse(database.url()).unwrap());
        database.close().await.unwrap();
    }
    assert_ne!(addresses[0].port, addresses[1].port);
    assert_ne!(addresses[0].password, addresses[1].password);
    first.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test]
async fn a_server_with_a_tcp_port_is_not_shared_with_tests_that_use_a_socket() {
    let tcp = Server::join(options()).await.unwrap();
    let socket = Server::join(Options { tcp: false, ..options() }).await.unwrap();
    let (over_tcp, over_socket) =
        (tcp.empty_database().await.unwrap(), socket.empty_database().await.unwrap());
    assert!(!Address::parse(over_tcp.url()).unwrap().is_socket(), "{}", over_tcp.name());
    assert!(Address::parse(over_socket.url()).unwrap().is_socket(), "{}", over_socket.name());
    over_tcp.close().await.unwrap();
    over_socket.close().await.unwrap();
}
