//! Tests of the crate: many forms of manifests, each with the value that a process gets and the line that
//! decides it.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod cloud;
mod compose;
mod detection;
mod host;
mod kubernetes;
mod selection;
mod shape;
