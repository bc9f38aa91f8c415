//! Lists what supports a verdict on an existing system, and what makes it less certain. A unit is one
//! part of a job and should leave spans.

use super::deployed::user_flag_value;
use super::facts::Facts;
use super::gap::gap_texts;
use super::judgement::Judgement;
use super::unclear_log::is_about_date;
use crate::identifier;
use crate::observation::{KnownError, LogFacts, Observation};
use crate::spec::Spec;
use spanproof_format::{Code, Reason, Stage, count_phrase};

/// Lists the reasons for and against a verdict. Evidence that excludes other codes supports the verdict;
/// evidence that is lacking or contradictory speaks against it. Empty for a pass.
pub(super) fn weigh(spec: &Spec, observation: &Observation, judgement: &Judgement) -> Vec<Reason> {
    let (Some(code), Some(deployment)) = (judgement.code(), observation.deployment()) else {
        return Vec::new();
    };
    let facts = Facts::read(spec, observation);
    let mut reasons = Reasons { facts: &facts, code, list: Vec::new() };
    reasons.add_flag();
    reasons.add_executed_units();
    let log = deployment.log.as_ref().map(|log| &log.facts);
    if let Some(log) = log {
        reasons.add_begun_spans(log);
        reasons.add_log_quality(log);
    }
    reasons.add_span_rows();
    reasons.add_other_process(log);
    for unread in &deployment.unread {
        reasons.against(format!("not looked at: {unread}"));
    }
    reasons.list
}

/// The reasons for and against the code of a verdict, and the evidence that supplies them.
struct Reasons<'a> {
    facts: &'a Facts<'a>,
    code: Code,
    list: Vec<Reason>,
}

impl Reasons<'_> {
    fn supports(&mut self, text: impl Into<String>) {
        self.list.push(Reason::new(true, text));
    }

    fn against(&mut self, text: impl Into<String>) {
        self.list.push(Reason::new(false, text));
    }

    /// Whether the code belongs to a later stage, which means that this stage was passed.
    fn is_past(&self, stage: Stage) -> bool {
        self.code.stage() > stage
    }

    /// The value of the tracing flag, from the service's startup line or from the user.
    fn add_flag(&mut self) {
        let Some(startup_line) = self.facts.startup_lines.first() else {
            if let Some(value) = user_flag_value(self.facts) {
                self.supports(format!("according to the user, the flag is `{value}`"));
            }
            return;
        };
        if let Some([_, off]) = self.facts.contradicting_startup_lines() {
            return self.against(format!(
                "the log is from several processes, and one of them says that tracing is off: {}",
                off.line
            ));
        }
        let line = startup_line.line;
        if startup_line.report.enabled && self.is_past(Stage::Enabled) {
            self.supports(format!(
                "the flag arrived, and a tracer was built and is on ({line}): not flag-unset, \
                 flag-unrecognised-value or tracer-not-constructed"
            ));
        }
        if !startup_line.report.enabled && self.facts.spans.is_empty() {
            self.supports(format!(
                "the service itself says that tracing is off ({line}), and no span is stored"
            ));
        }
    }

    fn add_executed_units(&mut self) {
        let units = self.facts.units.len();
        if units > 0 && self.is_past(Stage::Executed) {
            let table = &self.facts.spec.tables.units.table;
            self.supports(format!(
                "the work was done: {units} rows in `{table}`: not job-not-picked-up or job-failed-early"
            ));
        }
    }

    /// The lines about begun spans, and about failed writes.
    fn add_begun_spans(&mut self, log: &LogFacts) {
        let Facts { spec, begin_lines, refused_lines, units, .. } = self.facts;
        if !spec.probes.has_attempt() {
            self.against(
                "the spec has no probe `attempt`, so the log can't tell whether spans were begun",
            );
        } else if begin_lines.is_empty() && self.code == Code::PathNotExecuted {
            self.supports(format!(
                "no line about the start of a span in {} lines of log: nothing was tried, so nothing was refused, \
                 rolled back or discarded",
                log.lines
            ));
        } else if self.code == Code::PathNotExecuted {
            self.supports(format!(
                "{} begun for {}",
                count_phrase(begin_lines.len(), "span was", "spans were"),
                count_phrase(units.len(), "unit", "units")
            ));
        }
        let (_, table) = identifier::parts(&spec.tables.spans.table);
        let lines = self.facts.observation.lines();
        let has_error = !refused_lines.is_empty()
            || lines.iter().any(|line| KnownError::is_in(line.text, &table));
        if !has_error && !begin_lines.is_empty() && self.is_past(Stage::Attempted) {
            self.against("the log has no line about a write that failed");
        }
    }

    /// Whether the log is complete, and from the time and the process of the jobs.
    fn add_log_quality(&mut self, log: &LogFacts) {
        if log.contradictions > 0 {
            let lines = count_phrase(
                log.contradictions,
                "earlier tracer line of the log contradicts",
                "earlier tracer lines of the log contradict",
            );
            self.against(format!(
                "{lines} the last one of the same process, which may have been started with different values; only the \
                 last one was used"
            ));
        }
        if log.first.is_none() && !self.facts.units.is_empty() {
            self.against(
                "the lines of the log have no timestamps, so it may not cover the time of these jobs \
                 (`docker logs --timestamps`, `journalctl -o short-iso`)",
            );
        }
        if let Some(line) = log.unclear.first() {
            self.against(unclear_line(line));
        }
        if !log.lacks_zone && !log.fitting_zone.is_empty() {
            self.supports(format!(
                "the timestamps of the log have no time zone; they are in {}: in this zone, the line follows the row that it names",
                log.fitting_zone
            ));
        }
        self.add_lines_outside(log);
        if log.is_foreign && log.last_start.is_some() {
            self.against(
                "only startup lines of the log match a probe, and no line names these jobs: the log may be of another \
                 service",
            );
        }
        if self.code == Code::Undetermined {
            log.doubts.iter().for_each(|doubt| self.against(doubt.clone()));
        }
        if log.last_start.is_none() && self.facts.startup_lines.is_empty() {
            self.against(
                "no line of the log says that the service started: the log may begin later",
            );
        }
        for line in &log.crashes {
            if self.code == Code::ProcessCrashed {
                self.supports(line.clone());
            } else {
                self.against(format!("the log reports a process that died: {line}"));
            }
        }
    }

    /// The lines about spans whose times are outside those of the jobs.
    fn add_lines_outside(&mut self, log: &LogFacts) {
        if log.outside_lines > 0 && self.code == Code::PathNotExecuted {
            let (one, several) = ("line about spans was", "lines about spans were");
            let lines = count_phrase(log.outside_lines, one, several);
            self.against(format!(
                "{lines} not written at the time of these jobs: they are from other jobs, or the clocks differ"
            ));
            for line in &log.outside {
                self.against(line.clone());
            }
        }
    }

    /// Whether spans can't be read, or some are stored.
    fn add_span_rows(&mut self) {
        if let Some(why) = &self.facts.unreadable
            && !self.facts.units.is_empty()
        {
            self.against(format!("spans can't be read, so some may be stored: {why}"));
        }
        let has_some_spans = !self.facts.spans.is_empty() && !gap_texts(self.facts).is_empty();
        if has_some_spans && self.code == Code::PathNotExecuted {
            self.against("some spans are stored: a part of the work reaches the tracer");
        }
    }

    /// Whether another process may have executed the units: their rows do not name the process.
    fn add_other_process(&mut self, log: Option<&LogFacts>) {
        if self.code == Code::PathNotExecuted && self.facts.total_begun() == 0 {
            let other = log.map_or("another process".to_owned(), |log| {
                format!("a process other than the one whose log is `{}`", log.name)
            });
            self.against(format!(
                "{other} may have done the work: rows do not say who wrote them; look for a second \
                 deployment, or an old one, on the same queue"
            ));
        }
    }
}

/// Returns why a line of the log was not used, and what to do.
fn unclear_line(line: &str) -> String {
    if is_about_date(line) {
        return format!(
            "the dates of some lines are not known; give a log with dates such as `2025-10-22`: {line}"
        );
    }
    format!(
        "this line has other text before or after the part that a probe with `^` or `$` matches, so the probe does not \
         match the line; remove the other text, or change the probe: {line}"
    )
}
