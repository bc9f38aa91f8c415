//! Tests of `check`, `doctor` and `clean`: errors, exit codes, and what a run leaves behind.

mod deprecated;
mod faults;
mod helpers;
mod interrupted;
mod kept;
mod migrate;
mod placeholders;
mod plan;
pub(crate) mod project;
mod refused;
mod rules;
mod runs;
mod services;
mod snapshots;
mod worlds;
