//! Preflight: checks whether a deployment can record spans. Examines its database, its manifests and
//! its log, and also reports what could not be checked.

mod check;
mod clock;
mod column;
mod database;
mod declared;
mod flag;
mod index;
mod login;
mod manifest;
mod migrations;
mod privilege;
mod row;
mod script;
mod search_path;
mod table;
mod trial_insert;

pub use database::check_database;
pub use flag::{Startup, check_manifest, check_startup};
pub use manifest::ManifestFlag;
pub(crate) use manifest::{label, selected_processes};
pub(crate) use script::{ScriptLine, Scripts};
