//! Traces of an existing system.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::deployment::{Answer, TraceMatches};
use crate::trace::{Trace, traces};

/// The traces that were found.
#[derive(Debug, Clone, PartialEq)]
pub struct TracesOutcome {
    /// The traces, the earliest first.
    pub traces: Vec<TraceOutcome>,
    /// What could not be read, each with its reason.
    pub unread: Vec<String>,
}

/// A trace with what the database says about it.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceOutcome {
    /// The tree of its spans.
    pub trace: Trace,
    /// The jobs that its spans name.
    pub jobs: BTreeSet<String>,
    /// The executions that its spans name.
    pub executions: BTreeSet<String>,
    /// What the diagnostic functions of the database return for these executions.
    pub answers: Vec<Answer>,
}

impl TracesOutcome {
    /// Creates the trees of the spans that were found.
    pub fn new(looked: &TraceMatches) -> Self {
        let traces = traces(looked.spans.clone());
        Self {
            traces: traces.into_iter().map(|trace| TraceOutcome::new(trace, looked)).collect(),
            unread: looked.unread.clone(),
        }
    }

    /// Returns the trees alone.
    pub fn trees(&self) -> impl Iterator<Item = &Trace> {
        self.traces.iter().map(|one| &one.trace)
    }
}

impl TraceOutcome {
    fn new(trace: Trace, looked: &TraceMatches) -> Self {
        let spans = || trace.spans.iter().map(|placed| &placed.span);
        let jobs = spans().filter_map(|span| match span.attributes.get(&looked.job)? {
            Json::String(name) => Some(name.clone()),
            other => Some(other.to_string()),
        });
        let jobs = jobs.collect();
        let executions = spans().filter_map(|span| span.unit.clone()).collect();
        let answers = looked.answers.iter().filter(|answer| trace.is_of(&answer.unit));
        let answers = answers.cloned().collect();
        Self { trace, jobs, executions, answers }
    }
}
