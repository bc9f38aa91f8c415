//! A disposable Postgres: a server from the first source that works, a template with the
//! migrations applied once, and a database of its own for whoever asks.
//!
//! Usable on its own, from any Rust test:
//!
//! ```no_run
//! # async fn example() -> Result<(), spanproof::postgres::Error> {
//! use spanproof::postgres::{Migrations, Server};
//!
//! let server = Server::shared().await?;
//! let database = server.migrated(&Migrations::read("migrations")?).await?;
//! println!("{}", database.url());
//! database.close().await
//! # }
//! ```

mod admin;
mod binaries;
mod database;
#[cfg(feature = "docker")]
mod docker;
mod error;
mod given;
mod local;
mod migration;
mod server;
mod source;

pub use database::Database;
pub use error::Error;
pub use migration::Migrations;
pub use server::Server;
pub use source::{Options, Picked, Source};
