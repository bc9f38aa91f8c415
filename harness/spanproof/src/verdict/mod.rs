//! The verdict: an observation against expectation. Pure: no clock, no file, no process, so an
//! observation that was stored can be judged again at any time.

mod answer;
mod cause;
mod deployed;
mod diagnosis;
mod evidence;
mod expectation;
mod expected;
mod fact;
mod facts;
mod fault;
mod finding;
mod flaky;
mod funnel;
mod gap;
mod impossible;
mod judge;
mod judgement;
mod known_error;
mod link;
mod missing;
mod off;
mod outcome;
mod peer;
mod propagation;
mod reason;
mod repetition;
mod server_errors;
mod sign;
mod slowdown;
mod stage;
mod stored;
#[cfg(test)]
mod tests;
mod tree;
mod witness;

pub use diagnosis::diagnose;
pub use evidence::Evidence;
pub(crate) use expected::expect;
pub use finding::Finding;
pub use funnel::Funnel;
pub use judge::judge;
pub(crate) use judge::{Judged, observe};
pub use judgement::{Experiment, Judgement, NotPassed, Verdict};
pub(crate) use judgement::{explains, shape};
pub use peer::judge_all;
pub(crate) use peer::{compare, different_units, unrepeated};
pub(crate) use repetition::comparable_jobs;
pub(crate) use slowdown::{job_ms, slow_pairs};
