//! The finding for jobs of an existing system without an executed unit. A unit is one part of a job.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use crate::observation::{Job, Line, LogFacts, has_id};
use spanproof_format::Code;

/// Returns the finding for jobs without any executed unit.
pub(super) fn finding(facts: &Facts<'_>, log: Option<&LogFacts>) -> Finding {
    let jobs = &facts.spec.tables.jobs;
    let statuses = facts.jobs.iter().filter_map(|job| job.status.clone());
    let statuses: Vec<String> = statuses.collect();
    let all_are = |meaning: &[String]| {
        !statuses.is_empty() && statuses.iter().all(|status| meaning.contains(status))
    };
    let lines = Evidence::jobs(facts, true);
    let crashes = log.map(crashes).unwrap_or_default();
    let status = statuses.join(", ");
    let (code, message) = if !crashes.is_empty() {
        (
            Code::ProcessCrashed,
            format!(
                "the log reports a process that died; the job is `{status}`, and none of it was executed"
            ),
        )
    } else if all_are(&jobs.waiting) {
        return waiting(facts, log, &status);
    } else if all_are(&jobs.done) {
        (Code::JobFailedEarly, format!("the job is `{status}`, and none of it was executed"))
    } else {
        (Code::JobNotFinished, format!("the job is `{status}`, and none of it is executed yet"))
    };
    Finding::new(code, message, [lines, crashes].concat())
}

/// Returns the finding for jobs that wait. It is undetermined if a line names such a job, or if the log ends
/// before a job was submitted: then the job may have been taken later.
fn waiting(facts: &Facts<'_>, log: Option<&LogFacts>, status: &str) -> Finding {
    let rows = Evidence::jobs(facts, true);
    let named: Vec<Evidence> = lines_about(facts).into_iter().map(Evidence::from).collect();
    if !named.is_empty() {
        let message = format!(
            "the job is `{status}`, and none of it was executed, but the log names it: a worker may have taken it after \
             the rows were read, or without changing its row; read the rows again"
        );
        return Finding::new(Code::Undetermined, message, [rows, named].concat());
    }
    let last = log.and_then(|log| log.last);
    let is_later = |job: &&Job| job.created.zip(last).is_some_and(|(created, last)| created > last);
    if let (Some(created), Some(last)) =
        (facts.jobs.iter().find(is_later).and_then(|job| job.created), last)
    {
        let text = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S%.3fZ");
        let message = format!(
            "the job is `{status}`, and none of it was executed, but it was submitted at {}, after the last line of the \
             log, at {}: a worker may take it soon; read the rows and the log again",
            text(created),
            text(last)
        );
        return Finding::new(Code::Undetermined, message, rows);
    }
    let message = format!("the job is `{status}`, and none of it was executed: nobody took it");
    Finding::new(Code::JobNotPickedUp, message, rows)
}

/// Returns the lines that name one of these jobs.
fn lines_about<'a>(facts: &'a Facts<'_>) -> Vec<Line<'a>> {
    let jobs = facts.jobs.iter().flat_map(|job| [job.id.clone(), job.name.clone()]).flatten();
    let ids = jobs.collect();
    let lines = facts.observation.lines().into_iter();
    lines.filter(|line| has_id(line.text, &ids)).take(4).collect()
}

/// Returns the log lines that report that a process crashed.
pub(super) fn crashes(log: &LogFacts) -> Vec<Evidence> {
    log.crashes.iter().cloned().map(Evidence::Note).collect()
}
