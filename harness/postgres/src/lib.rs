//! A disposable Postgres: a server from the first source that works, a template with the
//! migrations applied once, and a database of its own for whoever asks.
//!
//! Usable on its own, from any async test (from others: [`blocking`]):
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), spanproof_postgres::Error> {
//! use spanproof_postgres::Database;
//!
//! let database = Database::migrated("../../migrations").await?;
//! println!("{}", database.url());
//! database.close().await
//! # }
//! ```
//!
//! All tests of a run share one server, whether they are threads of one process (`cargo test`) or
//! processes (`cargo nextest run`). [`Server`] gives more of a say: a server of one's own, another
//! source, another version.

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
pub use server_error::{ServerError, line_of, refusal, server_message};
pub use source::Source;
