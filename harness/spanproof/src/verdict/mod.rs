//! The verdict: an observation against expectation. Pure: no clock, no file, no process, so an
//! observation that was stored can be judged again at any time.

mod deployed;
mod diagnosis;
mod evidence;
mod expected;
mod facts;
mod fault;
mod finding;
mod funnel;
mod judge;
mod judgement;
mod lost;
mod off;
mod outcome;
mod peer;
mod reason;
mod stage;
mod stored;
#[cfg(test)]
mod tests;
mod tree;
mod witness;

pub use diagnosis::{DiagnosedJobs, Diagnosis, diagnose};
pub use evidence::Evidence;
pub use expected::expect;
pub use finding::Finding;
pub use funnel::Funnel;
pub use judge::{Judged, judge, observe};
pub use judgement::{Experiment, Judgement, NotPassed, Verdict, explains};
pub use peer::{compare, judge_all};
