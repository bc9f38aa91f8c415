//! What an observation says, in the words of the spec: units, spans, and the lines that the probes
//! recognise. Read once, and passed to everything that judges.

use std::collections::BTreeMap;

use super::expectation::Expected;
use super::link;
use crate::observation::{
    Deployment, Job, Line, Observation, ProcessRun, Rows, Span, SpanSource, TracerEvent,
    TrialRecord, Unit, unmasked_flags,
};
use crate::spec::{Attempt, Banner, Spec};
use crate::upstream::Exchange;

/// A line that a probe recognised, with what it says.
#[derive(Debug, Clone)]
pub(super) struct Match<'a, T> {
    pub(super) line: Line<'a>,
    pub(super) what: T,
}

/// An observation, interpreted by its spec.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) spec: &'a Spec,
    pub(super) observation: &'a Observation,
    /// The spans that each unit should have in this case, the unit's own first.
    pub(super) rules: Vec<Expected<'a>>,
    /// How many units the job has.
    pub(super) expected: usize,
    pub(super) banners: Vec<Match<'a, Banner>>,
    pub(super) attempts: Vec<Match<'a, Attempt>>,
    pub(super) acknowledged: Vec<Match<'a, ()>>,
    pub(super) refused: Vec<Match<'a, ()>>,
    pub(super) unfinished: Vec<Match<'a, ()>>,
    pub(super) jobs: Vec<Job>,
    pub(super) units: Vec<Unit>,
    pub(super) spans: Vec<Span>,
    /// What people call the place where spans are recorded.
    pub(super) span_place: String,
    /// Why spans can't be read.
    pub(super) unreadable: Option<String>,
}

impl<'a> Facts<'a> {
    /// Reads an observation.
    pub(super) fn read(spec: &'a Spec, observation: &'a Observation) -> Self {
        let case = &observation.case;
        let unmasked = unmasked_flags(spec, case);
        let rules = Expected::group(spec, spec.required_spans(&unmasked.facts()));
        let tables = &observation.tables;
        let mut units = Unit::from_rows(&spec.tables, tables.units.all());
        units.sort_by(|one, other| one.key.cmp(&other.key));
        let source = observation.span_source(spec);
        let (spans, unreadable) = match source.spans() {
            Ok(spans) => (link::to_units(spec, spans), None),
            Err(why) => (Vec::new(), Some(why.to_owned())),
        };
        let job = spec.jobs.iter().find(|job| job.name == case.job);
        let expected = match observation.deployment() {
            // How many units a job of others has, only its rows tell.
            Some(_) => units.len(),
            None => job.map_or(0, |job| job.units),
        };
        let mut facts = Self {
            spec,
            observation,
            rules,
            expected,
            banners: Vec::new(),
            attempts: Vec::new(),
            acknowledged: Vec::new(),
            refused: Vec::new(),
            unfinished: Vec::new(),
            jobs: Job::from_rows(&spec.tables, tables.jobs.all()),
            units,
            spans,
            span_place: source.source_name().to_owned(),
            unreadable,
        };
        for line in observation.lines() {
            facts.take(line);
        }
        if let Some(deployment) = observation.deployment() {
            // A log may hold many starts: the last one counts.
            facts.banners.drain(..facts.banners.len().saturating_sub(1));
            facts.drop_lines_of_other_work(deployment);
        }
        facts
    }

    fn take(&mut self, line: Line<'a>) {
        for event in TracerEvent::parse(&self.spec.probes, line.text) {
            match event {
                TracerEvent::Banner(what) => self.banners.push(Match { line, what }),
                TracerEvent::Attempt(what) => self.attempts.push(Match { line, what }),
                TracerEvent::Acknowledged => self.acknowledged.push(Match { line, what: () }),
                TracerEvent::Refused => self.refused.push(Match { line, what: () }),
                TracerEvent::Unfinished => self.unfinished.push(Match { line, what: () }),
            }
        }
    }

    /// Takes away the lines that are about spans of other work: as many as such spans are there.
    fn drop_lines_of_other_work(&mut self, deployment: &'a Deployment) {
        let mut theirs: BTreeMap<&str, usize> = BTreeMap::new();
        for span in &deployment.concurrent_spans {
            *theirs.entry(&span.name).or_default() += 1;
        }
        let before = self.attempts.len();
        self.attempts.retain(|attempt| {
            let name = attempt.what.name.as_deref().unwrap_or_default();
            match theirs.get_mut(name).filter(|left| **left > 0 && attempt.what.enabled) {
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => true,
            }
        });
        let taken = before - self.attempts.len();
        self.acknowledged.drain(..taken.min(self.acknowledged.len()));
    }

    /// What only a trial knows.
    pub(super) fn trial(&self) -> Option<&'a TrialRecord> {
        self.observation.trial()
    }

    /// The process that did the work; `None` for an existing system.
    pub(super) fn run(&self) -> Option<&'a ProcessRun> {
        self.trial().map(|trial| &trial.run)
    }

    /// Whether the service was killed: what it had not written then is lost.
    pub(super) fn killed(&self) -> bool {
        self.run().is_some_and(|run| run.exit.killed)
    }

    /// What the upstream was asked; empty where nobody saw it.
    pub(super) fn exchanges(&self) -> &'a [Exchange] {
        self.trial().map_or(&[], |trial| &trial.exchanges)
    }

    /// The rows of jobs, as they were read.
    pub(super) fn job_rows(&self) -> &'a Rows {
        &self.observation.tables.jobs
    }

    /// The spans of one operation of the service under test, without those that are known to belong
    /// to no unit.
    pub(super) fn of_operation(&self, operation: &str) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(move |span| {
            let is_named = span.name.as_deref() == Some(operation);
            is_named && !span.outside_units && is_own(self.spec, span)
        })
    }

    /// The spans of operations that the spec does not have, or of another service than the one
    /// under test that no operation of the spec explains.
    pub(super) fn strangers(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|span| {
            let named = |name: &String| self.spec.spans.iter().any(|rule| rule.matches(name));
            !(is_own(self.spec, span) && span.name.as_ref().is_some_and(named))
        })
    }

    /// How many times any span was begun with the tracer enabled.
    pub(super) fn all_attempts(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.what.enabled).count()
    }

    /// How many times a span of this operation was begun with the tracer enabled. Lines that name
    /// no operation count for the unit's own span.
    pub(super) fn attempts(&self, operation: &str) -> usize {
        let own = self.spec.unit_span().is_some_and(|rule| rule.name == operation);
        let counts = |attempt: &Attempt| match &attempt.name {
            Some(name) => attempt.enabled && name == operation,
            None => attempt.enabled && own,
        };
        self.attempts.iter().filter(|attempt| counts(&attempt.what)).count()
    }

    /// Whether the lines about the start of spans tell which of them are of this operation.
    pub(super) fn counts_starts_of(&self, operation: &str) -> bool {
        let own = self.spec.unit_span().is_some_and(|rule| rule.name == operation);
        let is_unnamed = |attempt: &Match<'_, Attempt>| attempt.what.name.is_none();
        own || self.attempts.is_empty() || !self.attempts.iter().all(is_unnamed)
    }

    /// How many spans of one name all units should have together.
    pub(super) fn wanted(&self, rule: &Expected<'_>) -> usize {
        self.units.len() * rule.per_unit()
    }

    /// How many spans of one name are stored, without those that a unit has beyond what it needs: they
    /// don't stand in for the missing ones of another unit. Spans of no unit count.
    pub(super) fn stored(&self, rule: &Expected<'_>) -> usize {
        self.of_operation(rule.name).count() - self.surplus(rule)
    }

    /// How many spans of one name were begun with the tracer enabled, without the surplus.
    pub(super) fn begun(&self, rule: &Expected<'_>) -> usize {
        self.attempts(rule.name).saturating_sub(self.surplus(rule))
    }

    /// The spans that units have beyond what they need, if the spec allows that. Otherwise they are
    /// duplicates, which is another finding.
    fn surplus(&self, rule: &Expected<'_>) -> usize {
        let needed = rule.per_unit();
        if rule.at_most == Some(needed) {
            return 0;
        }
        let counts = self.units.iter().map(|unit| self.spans_of(unit, rule.name).len());
        counts.map(|count| count.saturating_sub(needed)).sum()
    }

    /// The spans of one unit that have this operation.
    pub(super) fn spans_of(&self, unit: &Unit, operation: &str) -> Vec<&Span> {
        let spans = self.of_operation(operation);
        spans.filter(|span| span.unit.is_some() && span.unit == unit.id).collect()
    }
}

/// Whether a span is of the service under test, or does not say whose it is.
fn is_own(spec: &Spec, span: &Span) -> bool {
    span.service.as_ref().is_none_or(|name| *name == spec.service.name)
}
