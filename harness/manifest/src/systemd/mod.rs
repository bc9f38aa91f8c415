//! Units of systemd, with drop-ins; and units of Podman (`.container`).
//!
//! Source: systemd.exec(5), "Environment"; systemd.unit(5); systemd.syntax(7). Seen with systemd 252:
//! - `EnvironmentFile=` wins over `Environment=`, whatever their order, and a later file over an earlier
//!   one. `PassEnvironment=` is the weakest. `UnsetEnvironment=` comes last.
//! - An empty assignment resets what earlier lines and files gave.
//! - One `Environment=` has several assignments. Quotes around or inside a word are dropped.
//! - Drop-ins are read after the unit, sorted by name.

mod manifest;
mod unit;

pub(crate) use manifest::read;
