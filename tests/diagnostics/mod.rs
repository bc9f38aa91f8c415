//! The views and functions that read traces: their results and their limits.

mod diagnose;
mod ownership;
mod root_cause;
mod similar;
mod views;
mod world;
