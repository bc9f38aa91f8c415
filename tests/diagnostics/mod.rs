//! Tests of the views and functions in the runner's database that read traces.

mod database;
mod diagnose;
mod ownership;
mod root_cause;
mod similar;
mod views;
