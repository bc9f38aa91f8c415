//! `check` and its neighbours as a user meets them: errors, exit codes, and what stays behind.

mod deprecated;
mod interrupted;
mod kept;
pub(crate) mod project;
mod refused;
mod runs;
mod services;
mod worlds;
