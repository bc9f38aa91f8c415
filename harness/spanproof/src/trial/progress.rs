//! What a trial waits for, for whoever has to end it.

use std::sync::{Arc, Mutex, PoisonError};

/// The step of a trial that ended last. Its clones share the step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<String>>);

impl Progress {
    /// Records the end of a step.
    pub(super) fn end_step(&self, step: &str) {
        step.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Returns what the trial waits for.
    pub(crate) fn awaited(&self) -> &'static str {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_str() {
            "" => "the database of the case",
            "clone" | "helpers" | "upstream" => "the start of its processes",
            "launch" => "the service to become ready",
            "ready" => "the answer to the job's submission",
            "submit" => "the end of the job",
            "settle" | "flush" => "spans, or the exit of the service",
            "stop" => "the rows of its tables",
            _ => "its evidence",
        }
    }
}
