//! Documents as text for people. Imports [`spanproof_format`] and nothing else of the harness, and
//! computes nothing about a document, so no two reports can disagree.

mod diagnosis;
mod explain;
mod line;
mod preflight;
mod proof;
mod replay;
mod table;
mod terminal;
mod timing;
mod watch;
mod waterfall;

pub use diagnosis::diagnosis;
pub use explain::{codes, explanation, reference};
pub use preflight::preflight;
pub use proof::proofs;
pub use replay::{incidents, rejudge, replay};
pub use terminal::{plan, summary, terminal};
pub use timing::timings;
pub use watch::{change, frame};
pub use waterfall::{Canvas, waterfall};
