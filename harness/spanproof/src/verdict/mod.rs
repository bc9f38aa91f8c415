//! The verdict: an observation against expectation. Pure: no clock, no file, no process, so an
//! observation that was stored can be judged again at any time.

mod code;
mod deployed;
mod diagnosis;
mod evidence;
mod expected;
mod explanation;
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
#[cfg(test)]
mod tests;
mod tree;
mod witness;

pub use code::{Code, Stage};
pub use diagnosis::{DiagnosedJobs, Diagnosis, JobSeen, diagnose};
pub use evidence::Evidence;
pub use expected::{expect, known_codes};
pub use explanation::Explanation;
pub use finding::Finding;
pub use funnel::Funnel;
pub use judge::{Judged, judge, observe};
pub use judgement::{Experiment, Judgement, NotPassed, Verdict, explains};
pub use peer::{compare, judge_all};
pub use reason::Reason;
