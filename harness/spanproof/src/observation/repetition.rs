//! Further trials of a case that failed. A trial is one run of the service.

use spanproof_format::{self as format, Code, LongerWait};

/// A further trial of a case that failed, and why spans are missing in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repetition {
    /// Whether the trial had the database witness.
    pub witness: bool,
    /// The codes of the reasons why spans are missing; empty if none is missing.
    pub codes: Vec<Code>,
    /// Why the trial did not start; `None` if it did.
    pub error: Option<String>,
    /// The wait for spans, if it was longer than in the first trial; `None` if it was as long.
    pub longer_wait: Option<LongerWait>,
}

impl From<Repetition> for format::Repetition {
    fn from(repetition: Repetition) -> Self {
        let Repetition { witness, codes, error, longer_wait } = repetition;
        let mut stored = Self::new(witness, codes, error);
        stored.longer_wait = longer_wait;
        stored
    }
}

impl From<format::Repetition> for Repetition {
    fn from(stored: format::Repetition) -> Self {
        let format::Repetition { witness, codes, error, longer_wait, .. } = stored;
        Self { witness, codes, error, longer_wait }
    }
}
