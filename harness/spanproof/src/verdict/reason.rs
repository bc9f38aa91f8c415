//! What speaks for and against a verdict on an existing system.

use super::deployed::given;
use super::facts::Facts;
use super::judgement::Judgement;
use super::missing::counts;
use crate::observation::{LogFacts, Observation};
use crate::spec::Spec;
use spanproof_format::{Code, Reason, Stage};

/// Weighs a verdict: stages that were passed and facts that leave no other reason speak for it,
/// what was not seen speaks against.
pub(super) fn weigh(spec: &Spec, observation: &Observation, judgement: &Judgement) -> Vec<Reason> {
    let (Some(code), Some(deployment)) = (judgement.code(), observation.deployment()) else {
        return Vec::new();
    };
    let facts = Facts::read(spec, observation);
    let mut weighing = Weighing { facts: &facts, code, reasons: Vec::new() };
    weighing.flag();
    weighing.work();
    let log = deployment.log.as_ref().map(|log| &log.facts);
    if let Some(log) = log {
        weighing.attempts(log);
        weighing.log(log);
    }
    weighing.rows();
    weighing.another_process(log);
    for unread in &deployment.unread {
        weighing.against(format!("not looked at: {unread}"));
    }
    weighing.reasons
}

struct Weighing<'a> {
    facts: &'a Facts<'a>,
    code: Code,
    reasons: Vec<Reason>,
}

impl Weighing<'_> {
    fn supports(&mut self, text: impl Into<String>) {
        self.reasons.push(Reason::new(true, text));
    }

    fn against(&mut self, text: impl Into<String>) {
        self.reasons.push(Reason::new(false, text));
    }

    /// Whether the verdict's stage comes after this one.
    fn is_past(&self, stage: Stage) -> bool {
        self.code.stage() > stage
    }

    fn flag(&mut self) {
        let Some(banner) = self.facts.banners.last() else {
            if let Some(value) = given(self.facts) {
                self.supports(format!("the flag is said to be `{value}`"));
            }
            return;
        };
        let line = banner.line;
        if banner.what.enabled && self.is_past(Stage::Enabled) {
            self.supports(format!(
                "the flag arrived, and a tracer was built and is on ({line}): not flag-unset, \
                 flag-unrecognised-value or tracer-not-constructed"
            ));
        }
        if !banner.what.enabled && self.facts.spans.is_empty() {
            self.supports(format!(
                "the service itself says that tracing is off ({line}), and no span is stored"
            ));
        }
    }

    fn work(&mut self) {
        let units = self.facts.units.len();
        if units > 0 && self.is_past(Stage::Executed) {
            let table = &self.facts.spec.tables.units.table;
            self.supports(format!(
                "the work was done: {units} rows in `{table}`: not job-not-picked-up or job-failed-early"
            ));
        }
    }

    fn attempts(&mut self, log: &LogFacts) {
        let Facts { spec, attempts, refused, units, .. } = self.facts;
        let (knows, idle) = (spec.probes.has_attempt(), attempts.is_empty());
        if !knows {
            self.against(
                "the spec has no probe `attempt`: whether spans were begun, the log can't tell",
            );
        } else if idle && self.code == Code::PathNotExecuted {
            self.supports(format!(
                "no line about the start of a span in {} lines of log: nothing was tried, so nothing was refused, \
                 rolled back or discarded",
                log.lines
            ));
        } else if self.code == Code::PathNotExecuted {
            self.supports(format!("{} starts of spans for {} units", attempts.len(), units.len()));
        }
        if refused.is_empty() && !idle && self.is_past(Stage::Attempted) {
            self.against("the log has no line about a write that failed");
        }
    }

    /// What is not known of the log.
    fn log(&mut self, log: &LogFacts) {
        if log.contradictions > 0 {
            self.against(format!(
                "{} earlier tracer lines in the log say otherwise than the last one: starts with other values, or \
                 other processes; only the last one was taken",
                log.contradictions
            ));
        }
        if log.first.is_none() && !self.facts.units.is_empty() {
            self.against(
                "the lines of the log have no times: whether it is of the time of these jobs is not known \
                 (`docker logs --timestamps`, `journalctl -o short-iso`)",
            );
        }
        if log.last_start.is_none() && self.facts.banners.is_empty() {
            self.against("no line of the log says that the service started: it may begin later");
        }
        for line in &log.crashes {
            if self.code == Code::ProcessCrashed {
                self.supports(line.clone());
            } else {
                self.against(format!("the log tells of a process that died: {line}"));
            }
        }
    }

    fn rows(&mut self) {
        if let Some(why) = &self.facts.unreadable
            && !self.facts.units.is_empty()
        {
            self.against(format!("spans can't be read, so some may be there: {why}"));
        }
        let some = !self.facts.spans.is_empty() && !counts(self.facts).is_empty();
        if some && self.code == Code::PathNotExecuted {
            self.against("some spans are there: the tracer is reached by a part of the work");
        }
    }

    /// Rows do not say who did the work.
    fn another_process(&mut self, log: Option<&LogFacts>) {
        if self.code == Code::PathNotExecuted && self.facts.all_attempts() == 0 {
            let of = log
                .map_or(String::new(), |log| format!(" than the one whose log is `{}`", log.name));
            self.against(format!(
                "another process{of} may have done the work: rows do not say who wrote them; look for a second \
                 deployment, or an old one, on the same queue"
            ));
        }
    }
}
