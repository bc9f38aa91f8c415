//! Tests of the views and functions of the database that read traces: their results and limits.

mod diagnose;
mod ownership;
mod root_cause;
mod similar;
mod views;
mod world;
