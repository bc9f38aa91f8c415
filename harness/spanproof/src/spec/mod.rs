//! The spec: what a user declares in `spanproof.toml`, read with errors that name file and line.

mod check;
mod condition;
mod expected;
mod fault;
mod file;
mod overlay;
mod placeholder;
mod probe;
mod section;
mod table;
mod value;

pub use condition::{Condition, Facts};
pub use expected::{Day, Expected};
pub use fault::{Fault, FaultKind};
pub use file::Spec;
pub use overlay::Overlay;
pub use probe::{Attempt, Banner, Probes};
pub use section::{
    Cargo, Database, Flag, Job, Matrix, Ready, Redaction, Route, Service, SpanRule, Startup, Stop,
    UpstreamRule,
};
pub use table::{JobTable, SpanTable, Tables, UnitTable};
pub use value::{Intent, Value};

/// The spec of this repository, with its text changed: the spec of tests.
#[cfg(test)]
pub(crate) fn example(change: impl FnOnce(String) -> String) -> Spec {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
    let text = change(std::fs::read_to_string(&path).unwrap());
    Spec::from_document(&crate::document::Document::new(path, text)).unwrap()
}

/// The spec's usual file name.
pub const FILE: &str = "spanproof.toml";
