//! The command as users meet it: what it says to bad input, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod interrupted;
mod kept;
mod project;
mod refused;
mod runs;
mod services;
mod worlds;
