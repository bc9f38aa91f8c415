//! Docker Compose.
//!
//! Source: <https://docs.docker.com/reference/compose-file/>, and for the order of merging
//! <https://docs.docker.com/compose/how-tos/multiple-compose-files/merge/>. Seen with compose 2.40:
//! - `.env` beside the first file fills variables in; the shell that deploys wins over it.
//! - In a container `environment` wins over `env_file`, a later file of `env_file` over an earlier one,
//!   and all of them over the image. A name without a value is taken from the shell or `.env`; if
//!   neither has it, it is unset, also if `env_file` sets it.
//! - `<<` on a service brings `environment` only if the service has none itself.
//! - A later `-f` replaces single variables; `!override` replaces all, `!reset` removes.
//! - The including project's `.env` wins over that of an `include`.
//! - Numbers and booleans without quotes are written anew: `True` is `true`, `010` is `8`, `1.0` is `1`.
//! - `build.args` and labels are not part of the environment.

mod environment;
mod load;
mod manifest;
mod scalar;
mod service;
mod settings;

pub(crate) use load::is_project;
pub(crate) use manifest::{project_files, read};
