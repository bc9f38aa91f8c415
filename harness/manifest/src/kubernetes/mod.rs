//! Kubernetes.
//!
//! Source: <https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/>
//! and the reference of `EnvVar`, `EnvFromSource` and `Secret`:
//! - A later `envFrom` wins over an earlier one, and `env` over `envFrom`, whatever their order.
//! - `$(NAME)` is filled in with variables of `envFrom` and of earlier entries of `env`; otherwise it
//!   stays as it is. `$$(NAME)` is a plain `$(NAME)`.
//! - `stringData` of a Secret wins over `data`, which is base64.
//! - An empty `value` is an empty text, and wins over the image.
//! - Values must be texts: the server refuses `true` and `1` without quotes.

mod base64;
mod manifest;
mod objects;
mod pod;

pub(crate) use manifest::{container_variables, is_object, read};
