//! Settings of one trial (one run of the service) that replace those of the spec.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use super::progress::Progress;
use crate::observation::Failure;
use crate::spec::{self, Value};
use crate::upstream::{Behaviour, Exchange};

/// Time for the steps of a trial that have no limit in the spec, such as creating the database and reading
/// rows, on a busy machine.
const TRIAL_SLACK: Duration = Duration::from_mins(2);
/// How often a trial may use the whole time of each limit, because it starts the service again or submits
/// further jobs.
const TRIAL_ROUNDS: u32 = 5;

/// Everything in which one trial can differ from its spec and its case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// Environment variables to set or remove, in place of those of the spec and the case.
    pub env: BTreeMap<String, Value>,
    /// SQL to run before the service starts.
    pub sql_before: String,
    /// SQL to run after the service has stopped, before any row is read.
    pub sql_after: String,
    /// The behaviour of the upstream; `None` for the one that the case names.
    pub upstream: Option<Behaviour>,
    /// The job to submit; `None` for the one that the case names.
    pub job: Option<Json>,
    /// Whether to add the witness: triggers that log each attempt to insert a span.
    pub witness: bool,
    /// Errors in the server's log that also occur with tracing off. They do not count as evidence if they
    /// occur in a database other than that of the trial.
    pub background: Vec<Failure>,
    /// Whether to kill the service right after the job is submitted.
    pub kill_after_submit: bool,
    /// A header to remove from the recorded upstream requests.
    pub drop_header: Option<String>,
    /// Whether the trial is a retry, because another process may have taken a port of an earlier attempt.
    pub is_retry: bool,
    /// Timeouts that replace those of the spec.
    pub timeouts: Timeouts,
    /// Records the steps of the trial that have ended.
    pub progress: Progress,
}

/// Timeouts that replace those of the spec; `None` keeps the spec's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// From the start of the service until it is ready.
    pub ready: Option<Duration>,
    /// From the submission until every job has ended.
    pub settle: Option<Duration>,
    /// How long after the end of its job a span may still be written.
    pub flush: Option<Duration>,
    /// Between SIGTERM and SIGKILL.
    pub grace: Option<Duration>,
    /// The whole trial. Every wait has its own limit; this one ends a trial that hangs elsewhere.
    pub trial: Option<Duration>,
}

impl Overrides {
    /// Removes [`drop_header`](Self::drop_header) from every request to the upstream.
    pub(super) fn without_header(&self, mut exchanges: Vec<Exchange>) -> Vec<Exchange> {
        if let Some(name) = self.drop_header.as_deref().map(str::to_lowercase) {
            for exchange in &mut exchanges {
                exchange.headers.remove(&name);
            }
        }
        exchanges
    }
}

/// The timeouts of one trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct EffectiveTimeouts {
    pub(super) ready: Duration,
    pub(super) settle: Duration,
    pub(super) flush: Duration,
    pub(super) grace: Duration,
    pub(super) trial: Duration,
}

impl EffectiveTimeouts {
    /// Takes each timeout from `timeouts`, or else from the spec.
    pub(super) fn new(service: &spec::Service, timeouts: Timeouts) -> Self {
        let or = |timeout: Option<Duration>, ms: u64| timeout.unwrap_or(Duration::from_millis(ms));
        let ready = or(timeouts.ready, service.ready.timeout_ms);
        let settle = or(timeouts.settle, service.settle_ms);
        let flush = or(timeouts.flush, service.flush_ms);
        let grace = or(timeouts.grace, service.stop.grace_ms);
        let waits = ready.saturating_add(settle).saturating_add(flush).saturating_add(grace);
        let trial = TRIAL_SLACK.saturating_add(waits.saturating_mul(TRIAL_ROUNDS));
        Self { ready, settle, flush, grace, trial: timeouts.trial.unwrap_or(trial) }
    }
}
