//! The environment of a process, computed from deploy manifests.
//!
//! [`read`] reads manifests of Compose, Kubernetes, systemd, Docker, Fly, Heroku, AWS and GitHub, and
//! `.env` files. Each variable of a process has the value that the process gets, and its steps: the
//! lines that set, replaced or removed it. A value that can't be computed is [`Value::Unknown`], which
//! says how to get it.
//!
//! ```
//! use std::path::PathBuf;
//!
//! use spanproof_manifest::{MemoryFiles, Options, read};
//!
//! let files = MemoryFiles::default()
//!     .with("compose.yaml", "services:\n  api:\n    env_file: api.env\n    environment:\n      TRACING: 'true'\n")
//!     .with("api.env", "TRACING=false\n");
//! let manifests = read(&files, &[PathBuf::from("compose.yaml")], &Options::default()).unwrap();
//! let tracing = manifests[0].named("api")[0].variable("TRACING");
//! assert_eq!(tracing.value.literal(), Some("true"));
//! let steps: Vec<_> = tracing.steps.iter().map(ToString::to_string).collect();
//! assert_eq!(steps, ["api.env:1 shadowed: `false`", "compose.yaml:5 set: `true`"]);
//! ```
//!
//! The crate assumes that the shell that deploys has none of the variables that a `.env` file sets, and
//! that a base image without a local Dockerfile sets none of the requested variables.

mod app_json;
mod cloudformation;
mod command;
mod compose;
mod detection;
mod dockerfile;
mod dotenv;
mod ecs;
mod error;
mod files;
mod fly;
mod foreign;
mod format;
mod interpolation;
mod json;
mod kubernetes;
mod manifest;
mod node;
mod process;
mod procfile;
mod quote;
mod secrets;
mod systemd;
mod toml_nesting;
mod toml_tree;
mod values;
mod variable;
mod variables;
mod workflow;
mod yaml;

pub use error::Error;
pub use files::{DiskFiles, Files, MemoryFiles};
pub use format::{Format, Options, Secrets};
pub use manifest::{Manifest, read};
pub use process::{Process, Role};
pub use toml_nesting::deep_toml_bracket;
pub use variable::{Event, Place, Reason, Step, Value, Variable};
pub use yaml::yaml_value;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
