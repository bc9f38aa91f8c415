//! The spec: what a user declares in `spanproof.toml`. Each section has a module. Errors name file
//! and line.

mod canonical;
mod check;
mod columns;
mod condition;
mod deprecated;
mod done;
mod expected;
mod fault;
mod file;
mod flag;
mod flag_check;
mod manifests;
mod overlay;
pub(crate) mod placeholder;
mod probe;
mod process;
mod schema;
mod section;
mod span;
mod span_check;
mod startup;
mod table;
mod value;

pub(crate) use columns::Columns;
pub(crate) use condition::{Condition, Facts};
pub(crate) use done::Done;
pub use expected::Day;
pub(crate) use expected::Expected;
pub(crate) use fault::Fault;
pub use fault::FaultKind;
pub use file::Spec;
pub use flag::Flag;
pub(crate) use flag::{Effects, FlagKind, FlagState, Pattern, Requests};
pub(crate) use flag_check::{is_query, rows_hash};
pub(crate) use manifests::{Expect, Manifests};
pub(crate) use overlay::Overlay;
pub(crate) use probe::{Attempt, Banner, Probes};
pub(crate) use process::{Process, Ready};
pub use schema::spec_schema;
pub(crate) use section::{Cargo, Job, Route, Service, Startup};
pub(crate) use span::{SpanRule, UnitLink};
pub(crate) use table::{JobTable, SpanTable, Tables};
pub(crate) use value::Intent;
pub use value::Value;

/// Returns the spec of this repository after `change` has edited its text.
#[cfg(test)]
pub(crate) fn example(change: impl FnOnce(String) -> String) -> Spec {
    try_example(change).unwrap()
}

/// Like [`example`], for an edited text that may be refused.
#[cfg(test)]
fn try_example(change: impl FnOnce(String) -> String) -> Result<Spec, crate::document::Error> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
    let text = change(std::fs::read_to_string(&path).unwrap());
    Spec::from_document(&crate::document::Document::new(path, text))
}

/// The default file name of a spec.
pub const FILE: &str = "spanproof.toml";
