//! Tests of incident files: capturing, reading, replaying, adopting and bisecting them. The code
//! calls an incident file a bundle.

mod adopt;
mod bisect;
mod bundle;
mod capture;
mod secret;

/// The path of an incident in which no spans were recorded.
const INCIDENT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/incidents/zero-spans.jsonl");
