//! The verdict: evidence against expectation. Pure: no clock, no file, no process, so evidence
//! that was stored can be judged again at any time.

mod code;
mod deployed;
mod diagnosis;
mod expected;
mod explanation;
mod fault;
mod finding;
mod funnel;
mod judge;
mod lost;
mod off;
mod outcome;
mod peer;
mod reading;
mod reason;
mod stage;
#[cfg(test)]
mod tests;
mod tree;
mod witness;

pub use code::{Code, Stage};
pub use diagnosis::{Diagnosis, JobSeen, Reason, diagnose};
pub use expected::{expect, known_codes};
pub use explanation::Explanation;
pub use finding::Finding;
pub use funnel::Funnel;
pub use judge::{Judgement, NotPassed, Verdict, judge};
pub use peer::judge_all;
