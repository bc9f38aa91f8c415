//! What differs, in one trial, from the world that the spec declares.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value as Json;

use crate::spec::{self, Value};
use crate::upstream::Behaviour;

/// Everything that one trial does otherwise than the spec says. Sabotages, replays, second looks
/// and tests are trials with overrides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    /// Variables that the service gets otherwise than the case says, or not at all.
    pub env: BTreeMap<String, Value>,
    /// SQL that is run before the service starts.
    pub before: String,
    /// SQL that is run when the service has stopped, before anything is read.
    pub after: String,
    /// How the upstream behaves.
    pub upstream: Option<Behaviour>,
    /// The job that is submitted.
    pub job: Option<Json>,
    /// Whether the server is a witness: it counts the attempts to write spans, and its log is read.
    pub witness: bool,
    /// Whether the service is killed as soon as the job is submitted.
    pub kill: bool,
    /// A header that is taken off the requests that the upstream has recorded.
    pub forget: Option<String>,
    /// Deadlines.
    pub timeouts: Timeouts,
}

/// Deadlines that differ from the spec's; `None` is as the spec says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the service is ready.
    pub ready: Option<Duration>,
    /// Until every job has ended.
    pub settle: Option<Duration>,
    /// How long a span may be on its way after the end of its job.
    pub flush: Option<Duration>,
    /// Between SIGTERM and SIGKILL.
    pub grace: Option<Duration>,
}

/// The deadlines of one trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    pub(super) ready: Duration,
    pub(super) settle: Duration,
    pub(super) flush: Duration,
    pub(super) grace: Duration,
}

impl Deadlines {
    /// Those of the spec, where nothing overrides them.
    pub(super) fn new(service: &spec::Service, timeouts: Timeouts) -> Self {
        let or = |given: Option<Duration>, ms: u64| given.unwrap_or(Duration::from_millis(ms));
        Self {
            ready: or(timeouts.ready, service.ready.timeout_ms),
            settle: or(timeouts.settle, service.settle_ms),
            flush: or(timeouts.flush, service.flush_ms),
            grace: or(timeouts.grace, service.stop.grace_ms),
        }
    }
}
