//! Docker Compose.
//!
//! Source: <https://docs.docker.com/reference/compose-file/>, and for the merge order
//! <https://docs.docker.com/compose/how-tos/multiple-compose-files/merge/>. Observed with compose 2.40:
//! - `.env` beside the first file fills in variables; the shell that deploys overrides it.
//! - In a container, `environment` overrides `env_file`, a later `env_file` overrides an earlier one, and
//!   all of them override the image. A name without a value takes its value from the shell or `.env`. If
//!   neither has the variable, it is unset, even if `env_file` sets it.
//! - `<<` on a service adds `environment` only if the service has none itself.
//! - A later file replaces single variables; with `!override` it replaces all of them, and with `!reset` it
//!   removes them.
//! - The including project's `.env` overrides that of an `include`.
//! - Unquoted numbers and booleans are normalised: `True` is `true`, `010` is `8`, `1.0` is `1`.
//! - `build.args` and labels are not part of the environment.

mod environment;
mod load;
mod manifest;
mod scalar;
mod service;
mod settings;

pub(crate) use load::is_project;
pub(crate) use manifest::{project_files, read};
