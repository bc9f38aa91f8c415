//! What came after a fault of the world was over.

use serde::{Deserialize, Serialize};

use super::{Evidence, Reached, Row, Rows, StartupCut, Submission};
use crate::process::{Exit, Output};

/// The second job of a case under a fault, submitted when the fault was over, and what it left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// What the service said: at its startup, and since the fault was over. Of a service that was
    /// killed and started again, all that the second process said.
    pub output: Output,
    /// How much of it came before the service was ready.
    pub startup: StartupCut,
    /// Whether the service was ready.
    pub ready: Reached,
    /// What the service answered to the second job.
    pub submission: Option<Submission>,
    /// Whether the job ended in time.
    pub settled: Option<Reached>,
    /// The rows of jobs that are new, or not as they were.
    pub jobs: Rows,
    /// The rows of units that are new, or not as they were.
    pub units: Rows,
    /// The rows of spans that were not there before.
    pub spans: Rows,
    /// How the process ended that did the second job.
    pub exit: Exit,
}

impl Recovery {
    /// The texts that can be masked without regard to what they are.
    pub(super) fn texts(&mut self) -> Vec<&mut String> {
        let mut texts: Vec<_> = self.output.lines.iter_mut().map(|line| &mut line.text).collect();
        for reached in [Some(&mut self.ready), self.settled.as_mut()].into_iter().flatten() {
            if let Reached::No(why) = reached {
                texts.push(why);
            }
        }
        if let Some(submission) = &mut self.submission {
            texts.extend([&mut submission.request, &mut submission.body]);
        }
        texts.extend(&mut self.exit.strays);
        texts
    }

    /// Its tables: jobs, units and spans.
    pub(super) fn tables(&mut self) -> [&mut Rows; 3] {
        [&mut self.jobs, &mut self.units, &mut self.spans]
    }
}

impl Rows {
    /// The rows that are not among `before`, by what `same` compares; a table that could not be
    /// read before was empty.
    #[must_use]
    pub fn since(self, before: &Self, same: impl Fn(&Row, &Row) -> bool) -> Self {
        let known = |row: &Row| before.all().iter().any(|old| same(old, row));
        match self {
            Self::Found(rows) => Self::Found(rows.into_iter().filter(|row| !known(row)).collect()),
            unreadable @ Self::Unreadable(_) => unreadable,
        }
    }
}

impl Evidence {
    /// The evidence of the second job alone, as if no fault had ever been; nothing where there
    /// was no fault.
    pub fn recovered(&self) -> Option<Self> {
        let recovery = self.recovery.clone()?;
        let case = crate::matrix::Case { fault: None, ..self.case.clone() };
        Some(Self {
            case,
            output: recovery.output,
            startup: recovery.startup,
            ready: recovery.ready,
            submission: recovery.submission,
            settled: recovery.settled,
            jobs: recovery.jobs,
            units: recovery.units,
            spans: recovery.spans,
            exit: recovery.exit,
            recovery: None,
            witness: None,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(values: &[serde_json::Value]) -> Rows {
        Rows::Found(values.iter().map(|value| value.as_object().unwrap().clone()).collect())
    }

    #[test]
    fn rows_since_are_those_that_were_not_there() {
        let before = rows(&[json!({"id": 1, "status": "open"}), json!({"id": 2})]);
        let after = rows(&[json!({"id": 1, "status": "done"}), json!({"id": 2}), json!({"id": 3})]);
        let same_id = |old: &Row, new: &Row| old["id"] == new["id"];
        assert_eq!(after.clone().since(&before, same_id), rows(&[json!({"id": 3})]));
        let changed = rows(&[json!({"id": 1, "status": "done"}), json!({"id": 3})]);
        assert_eq!(after.clone().since(&before, Row::eq), changed);
        let missing = Rows::Unreadable("no such table".into());
        assert_eq!(after.clone().since(&missing, Row::eq), after);
    }
}
