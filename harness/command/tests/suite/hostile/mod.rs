//! Tests with input and surroundings that are meant to break the command: numbers at their limits,
//! control characters, secrets of every kind, files that can't be written, other processes that
//! interfere, and a Postgres server that fails.

mod limits;
mod lost_folders;
mod numbers;
mod other_processes;
mod secrets;
mod server;
mod terminal;
