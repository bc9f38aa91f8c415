//! May a deployment record spans? Its database, its manifests and its log are tried, and whatever
//! was not tried is said.

mod check;
mod clock;
mod column;
mod database;
mod declared;
mod flag;
mod index;
mod login;
mod manifest;
mod privilege;
mod row;
mod table;
mod trial_insert;

pub use database::check_database;
pub use flag::{Startup, check_manifest, check_startup};
pub use manifest::{FlagSetting, SettingValue, manifest_settings};
