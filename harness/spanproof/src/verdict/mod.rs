//! Verdicts: compares an observation (the evidence of one run of the service) with the spec, and
//! names the reason if spans are missing. Verdicts are computed without clock, files and processes,
//! so a stored observation can be judged again at any time.

mod answer;
mod below;
mod cause;
mod concurrent;
mod contract;
mod deployed;
mod diagnosis;
mod duration;
mod evidence;
mod expected_spans;
mod fact;
mod facts;
mod fault;
mod finding;
mod flaky;
mod full_disk;
mod funnel;
mod gap;
mod impossible;
mod index;
mod inert_flag;
mod judge;
mod judgement;
mod known_failure;
mod last_lines;
mod link;
mod log_alone;
mod missing;
mod off;
mod outcome;
mod peer;
mod propagation;
mod reason;
mod refusal;
mod repetition;
mod same_job;
mod server_errors;
mod sign;
mod slowdown;
mod span_lines;
mod stage;
mod stored;
mod stored_twice;
#[cfg(test)]
mod tests;
mod time_unit;
mod tree;
mod unclear_log;
mod witness;

pub(crate) use contract::{ContractCheck, contract_checks};
pub use diagnosis::diagnose;
pub use evidence::Evidence;
pub use finding::Finding;
pub use funnel::Funnel;
pub use judge::judge;
pub(crate) use judge::{Judged, observe};
pub use judgement::{Experiment, Judgement, NotPassed, Verdict};
pub(crate) use judgement::{explains, shape};
pub(crate) use known_failure::expect;
pub(crate) use peer::compare;
pub use peer::judge_all;
pub(crate) use repetition::comparable_jobs;
pub(crate) use same_job::{different_units, unrepeated};
pub(crate) use slowdown::slow_pairs;
