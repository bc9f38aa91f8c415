//! Divides the database server's log of a case with a fault into phases. A fault is a disturbance
//! that spanproof causes on purpose, so errors while it is active are no evidence about the service. Errors
//! before and after it are.

use super::witness::failures;
use crate::observation::Failure;
use spanproof_postgres::LogEntry;

/// The numbers of log entries that existed when a phase began; `None` without a fault, or if the log can't be
/// read.
#[derive(Debug, Default)]
pub(super) struct Phases {
    /// The number of entries when the fault was applied.
    pub(super) before_fault: Option<usize>,
    /// The number of entries after the fault was removed, when the second job was submitted.
    pub(super) before_second_job: Option<usize>,
}

/// The errors of the phases without an active fault.
#[derive(Debug, Default)]
pub(super) struct PhaseErrors {
    /// Errors before the fault, or of the whole case if no fault was applied.
    pub(super) before_fault: Vec<Failure>,
    /// Whether `before_fault` contains all errors that occurred during the first job.
    pub(super) covers_first_job: bool,
    /// Errors since the submission of the second job; `None` if there was none, or if the log can't
    /// be read.
    pub(super) after_fault: Option<Vec<Failure>>,
}

impl Phases {
    /// Returns the errors of each phase. `entries` is `None` if the log can't be read.
    pub(super) fn errors(&self, entries: Option<&[LogEntry]>) -> PhaseErrors {
        let Some(entries) = entries else { return PhaseErrors::default() };
        let before = &entries[..self.before_fault.unwrap_or(entries.len()).min(entries.len())];
        PhaseErrors {
            before_fault: failures(before),
            covers_first_job: self.before_fault.is_none(),
            after_fault: self
                .before_second_job
                .and_then(|start| entries.get(start..))
                .map(failures),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_while_the_fault_is_active_belong_to_no_phase() {
        let entry = |message: &str| LogEntry {
            database: "one".into(),
            pid: 1,
            severity: "ERROR".into(),
            sqlstate: "42P01".into(),
            message: message.into(),
            statement: None,
        };
        let entries = ["start", "fault", "recovery"].map(entry);
        let texts = |failures: &[Failure]| {
            failures.iter().map(|failure| failure.message.clone()).collect::<Vec<_>>()
        };
        let whole = Phases::default().errors(Some(&entries));
        assert!(whole.covers_first_job && whole.after_fault.is_none());
        assert_eq!(texts(&whole.before_fault), ["start", "fault", "recovery"]);
        let phases = Phases { before_fault: Some(1), before_second_job: Some(2) };
        let split = phases.errors(Some(&entries));
        assert!(!split.covers_first_job);
        assert_eq!(texts(&split.before_fault), ["start"]);
        assert_eq!(texts(&split.after_fault.unwrap()), ["recovery"]);
        let unread = phases.errors(None);
        assert!(!unread.covers_first_job && unread.after_fault.is_none());
    }
}
