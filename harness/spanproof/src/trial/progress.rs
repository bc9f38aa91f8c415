//! The step that a trial (one run of the service) has reached, and problems in its environment. Errors and
//! verdicts show them when the trial times out or is judged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The progress of a trial. All clones share one state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The step that ended last; empty before the first one.
    step: String,
    /// Why the service could not use the folder of the trial; `None` if it could.
    folder_problem: Option<String>,
    /// Why the trial ran again.
    retries: Vec<String>,
}

impl Progress {
    /// Records the end of a step.
    pub(super) fn end_step(&self, step: &str) {
        step.clone_into(&mut self.state().step);
    }

    /// Records why the trial runs again.
    pub(super) fn add_retry(&self, why: String) {
        self.state().retries.push(why);
    }

    /// Returns why the trial ran again; empty if it did not.
    pub(crate) fn retries(&self) -> Vec<String> {
        self.state().retries.clone()
    }

    /// Records why the service could not use the folder of the trial; `None` if it could.
    pub(super) fn set_folder_problem(&self, problem: Option<String>) {
        self.state().folder_problem = problem;
    }

    /// Returns why the service could not use the folder of the trial; `None` if it could.
    pub(crate) fn folder_problem(&self) -> Option<String> {
        self.state().folder_problem.clone()
    }

    /// Returns what the trial is waiting for, as a noun phrase.
    pub(crate) fn awaited(&self) -> &'static str {
        match self.state().step.as_str() {
            "" => "the database of the case",
            "clone" | "helpers" | "upstream" => "the start of the case's processes",
            "launch" => "the service to become ready",
            "ready" => "the answer to the job's submission",
            "submit" => "the end of the job",
            "settle" | "flush" => "spans, or the exit of the service",
            "stop" => "the rows of the case's tables",
            _ => "the evidence of the case",
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
