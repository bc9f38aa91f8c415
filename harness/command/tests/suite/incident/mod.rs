//! Incidents as files: captured, read wherever they come from, replayed and bisected.

mod adopt;
mod bisect;
mod bundle;
mod capture;
mod secret;

/// The incident that led to this tool.
const INCIDENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/incidents/zero-spans.jsonl");
