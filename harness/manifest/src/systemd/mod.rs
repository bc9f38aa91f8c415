//! systemd units with their drop-ins, and Podman units (`.container`).
//!
//! Source: systemd.exec(5), "Environment"; systemd.unit(5); systemd.syntax(7). Observed with systemd 252:
//! - `EnvironmentFile=` overrides `Environment=` in any order, and a later file overrides an earlier one.
//!   All of them override `PassEnvironment=`. `UnsetEnvironment=` comes last.
//! - An empty assignment resets the setting, also what earlier files gave to it.
//! - One `Environment=` may have several assignments. Quotes around or inside a word are dropped.
//! - Drop-ins are read after the unit, sorted by name.

mod manifest;
mod unit;

pub(crate) use manifest::read;
