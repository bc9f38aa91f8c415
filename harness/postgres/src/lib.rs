//! A disposable Postgres for tests: a server that leaves nothing behind, and a migrated database
//! for each test.
//!
//! # A migrated database
//!
//! All tests of a test run share one server, whether they are threads of one process (`cargo test`)
//! or processes (`cargo nextest run`). The migrations are applied once, and each test gets a clone:
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), spanproof_postgres::Error> {
//! use spanproof_postgres::Database;
//!
//! let database = Database::migrated("examples/migrations").await?;
//! println!("{}", database.url());
//! database.close().await
//! # }
//! ```
//!
//! # An unshared server
//!
//! [`Server::start`] starts a server for its caller alone. [`Options`] choose the source, the
//! version and the [prefix](Prefix) of all names. [`Server::empty_database`] creates an empty
//! database.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), spanproof_postgres::Error> {
//! use spanproof_postgres::{Migrations, Options, Server};
//!
//! let server = Server::start(Options::default()).await?;
//! println!("{}", server.origin());
//!
//! let migrations = Migrations::read("examples/migrations")?;
//! let one = server.migrated_database(&migrations).await?;
//! let other = server.migrated_database(&migrations).await?;
//! assert_ne!(one.name(), other.name());
//!
//! one.close().await?;
//! other.close().await?;
//! server.close().await
//! # }
//! ```
//!
//! # Tests that are not async
//!
//! ```
//! # fn main() -> Result<(), spanproof_postgres::Error> {
//! use spanproof_postgres::blocking;
//!
//! let database = blocking::migrated("examples/migrations")?;
//! assert!(database.url().starts_with("postgres://"));
//! blocking::close(database)
//! # }
//! ```
//!
//! # Features
//!
//! No feature is on by default. `docker` runs a server in a container, `download` downloads server
//! binaries, and `tls` allows TLS connections to an existing server. A call that needs a missing
//! feature fails, and the error names the feature.
//!
//! # Environment
//!
//! `SPANPROOF_POSTGRES` sets the [`Source`] and overrides [`Options::source`]. [`Source`] lists the
//! accepted values.

mod admin;
mod allocator;
mod background;
mod binaries;
pub mod blocking;
mod cache;
mod capture;
mod cluster;
mod collected_log;
mod connection;
mod copy;
mod database;
mod databases;
#[cfg(feature = "docker")]
mod docker;
#[cfg(feature = "download")]
mod download;
mod drop_queue;
mod engine;
mod environment;
mod error;
mod existing;
mod handle;
pub mod kept;
mod local;
mod log;
mod migration;
mod options;
mod origin;
mod password;
mod pool;
mod prefix;
#[cfg(feature = "docker")]
mod process;
mod query_limit;
mod run;
mod server;
mod server_error;
mod settings;
mod sharing;
mod source;
mod sweep;
mod user;

pub use binaries::client_programs;
pub use cache::{Cache, CacheEntry};
pub use connection::{Address, connect_options};
pub use database::Database;
pub use error::Error;
pub use log::LogEntry;
pub use migration::{Migrations, SameVersion};
pub use options::Options;
pub use origin::Origin;
pub use prefix::Prefix;
pub use server::Server;
pub use server_error::ServerError;
pub use source::Source;

/// Tests the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
