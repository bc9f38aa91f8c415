//! A disposable Postgres for tests: a server that leaves nothing behind, and a migrated database
//! for each test.
//!
//! # A migrated database
//!
//! All tests of a run share one server, whether they are threads of one process (`cargo test`) or
//! processes (`cargo nextest run`). The migrations are applied once, and each test gets a clone:
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
//! # A server of one's own
//!
//! A [`Server`] that is not shared takes [`Options`]: another source, another version, a
//! [prefix](Prefix) for its names. [`Server::empty`] makes a database with nothing in it.
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
//! let (one, other) = (server.migrated(&migrations).await?, server.migrated(&migrations).await?);
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
//! None is on by default. `docker` runs a server in a container, `download` fetches server binaries,
//! and `tls` speaks TLS to a server that is given by its URL. What needs a feature that is
//! off fails with [`Error::Feature`], which names it.
//!
//! # Environment
//!
//! `SPANPROOF_POSTGRES` names the [`Source`] in place of the one in the options, in the words that
//! [`Source`] parses.

mod admin;
mod background;
mod binaries;
pub mod blocking;
mod cache;
mod capture;
mod catalog;
mod cluster;
mod copy;
mod database;
mod databases;
mod discards;
#[cfg(feature = "docker")]
mod docker;
#[cfg(feature = "download")]
mod download;
mod engine;
mod environment;
mod error;
mod given;
mod handle;
pub mod kept;
mod local;
mod log;
mod migration;
mod options;
mod origin;
#[cfg(feature = "docker")]
mod owner;
mod password;
mod pool;
mod prefix;
mod run;
mod server;
mod server_error;
mod settings;
mod sharing;
mod source;
mod sweep;
mod user;

pub use cache::{Cache, CacheEntry};
pub use database::Database;
pub use error::Error;
pub use log::LogEntry;
pub use migration::Migrations;
pub use options::Options;
pub use origin::Origin;
pub use prefix::Prefix;
pub use server::Server;
pub use server_error::ServerError;
pub use source::Source;

/// The example of the README, which is tested with those above.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
