//! What a run came to, told to people and to programs. Sees outcomes only, so no two reports can
//! disagree.

mod diagnosis;
mod explain;
mod group;
mod json;
mod line;
mod otlp;
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
pub use otlp::otlp;
pub use preflight::{preflight, preflight_json};
pub use proof::{Proofs, proofs};
pub use replay::{adopted, rejudged, replayed};
pub use terminal::{Summary, plan, terminal};
pub use timing::timings;
pub use traces::traces_json;
pub use watch::{Watched, change, frame};
pub use waterfall::{Canvas, waterfall};
