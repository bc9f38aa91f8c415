//! Kubernetes.
//!
//! Source: <https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/>
//! and the reference of `EnvVar`, `EnvFromSource` and `Secret`:
//! - A later `envFrom` overrides an earlier one, and `env` overrides `envFrom` in any order.
//! - `$(NAME)` is filled in with variables of `envFrom` and of earlier entries of `env`; otherwise it
//!   stays unchanged. `$$(NAME)` is a literal `$(NAME)`.
//! - `stringData` of a Secret overrides `data`, which is base64.
//! - An empty `value` is an empty string, and overrides the image.
//! - Values must be strings: the server refuses an unquoted `true` or `1`.

mod base64;
mod manifest;
mod objects;
mod pod;

pub(crate) use manifest::{container_variables, is_object, read};
