//! Tests of the command `spanproof` and of the structure of this repository. All tests are in this
//! one binary, with one module per topic.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first failure"
)]

mod architecture;
mod check;
mod deployed;
mod excerpt;
mod flags;
mod folder;
mod frozen;
mod fuzz;
mod guard;
mod hostile;
mod incident;
mod markdown;
mod preflight;
mod preflight_migrations;
mod readme;
mod reference;
mod repository;
mod run;
mod schema;
mod test_files;
mod traces;
mod wait;
mod watch;
