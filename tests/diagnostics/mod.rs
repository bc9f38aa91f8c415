//! The views and functions that read traces: what they say, and where they begin to say it.

mod diagnose;
mod ownership;
mod root_cause;
mod similar;
mod views;
mod world;
