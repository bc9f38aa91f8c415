//! Outcomes as text for people and as JSON for programs. Imports outcomes only and computes
//! nothing about them, so no two reports can disagree.

mod diagnosis;
mod explain;
mod json;
mod line;
mod preflight;
mod proof;
mod replay;
mod table;
mod terminal;
mod timing;
mod traces;
mod watch;
mod waterfall;

pub use diagnosis::{diagnosis, diagnosis_json};
pub use explain::{codes, explanation, reference};
pub use json::json;
pub use preflight::{preflight, preflight_json};
pub use proof::proofs;
pub use replay::{incidents, rejudge, replay};
pub use terminal::{plan, summary, terminal};
pub use timing::timings;
pub use traces::traces_json;
pub use watch::{change, frame};
pub use waterfall::{Canvas, waterfall};
