//! Facts: an observation (the evidence of one run of the service) as read with the spec. Contains
//! units, which are the parts of a job that should leave spans, the spans, and the lines that match a
//! probe, which is a pattern of the spec for the service's output. Each check gets these facts.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::expected_spans::ExpectedSpans;
use super::index::Index;
use super::link;
use crate::observation::{
    Job, Line, Observation, ProcessRun, Rows, Span, SpanSource, TracerEvent, TrialRecord, Unit,
    current_startup_lines, process_name, unmasked_flags,
};
use crate::spec::{Attempt, Banner, SpanRule, Spec, UnitLink};
use crate::upstream::Exchange;

/// A line that matches a probe, and what the line reports.
#[derive(Debug, Clone)]
pub(super) struct Match<'a, T> {
    pub(super) line: Line<'a>,
    pub(super) report: T,
}

/// An observation as read with the spec.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) spec: &'a Spec,
    pub(super) observation: &'a Observation,
    /// The spans that each unit must have, by name. The unit's own span comes first.
    pub(super) expected_spans: Vec<ExpectedSpans<'a>>,
    /// How many units the job should have.
    pub(super) expected_units: usize,
    /// Startup lines in which the service reports whether tracing is on.
    pub(super) startup_lines: Vec<Match<'a, Banner>>,
    /// Begin lines: lines that report the start of a span.
    pub(super) begin_lines: Vec<Match<'a, Attempt>>,
    /// Lines that report that spans were written, with their number.
    pub(super) written_lines: Vec<Match<'a, usize>>,
    /// Lines that report that spans could not be written, with their number.
    pub(super) refused_lines: Vec<Match<'a, usize>>,
    /// Lines that report that spans could not be completed, with their number.
    pub(super) unfinished_lines: Vec<Match<'a, usize>>,
    pub(super) jobs: Vec<Job>,
    /// The units that were executed.
    pub(super) units: Vec<Unit>,
    /// The stored spans.
    pub(super) spans: Vec<Span>,
    /// The indexes of units and spans by their ids: a job may have many thousands.
    index: Index,
    /// Whether a unit lacks spans; computed on first use.
    lacks_spans: OnceCell<bool>,
    /// The name of the span table.
    pub(super) span_table: String,
    /// Why the spans can't be read; `None` if they were read.
    pub(super) unreadable: Option<String>,
}

impl<'a> Facts<'a> {
    /// Reads an observation.
    pub(super) fn read(spec: &'a Spec, observation: &'a Observation) -> Self {
        let case = &observation.case;
        let unmasked = unmasked_flags(spec, case);
        let expected_spans = ExpectedSpans::group(spec, spec.required_spans(&unmasked.facts()));
        let tables = &observation.tables;
        let mut units = Unit::from_rows(&spec.tables, tables.units.all());
        units.sort_by(|one, other| one.key.cmp(&other.key));
        let source = observation.span_source(spec);
        let (spans, unreadable) = match source.spans() {
            Ok(spans) => (link::to_units(spec, spans, &units), None),
            Err(why) => (Vec::new(), Some(why.to_owned())),
        };
        let job = spec.jobs.iter().find(|job| job.name == case.job);
        let expected_units = match observation.deployment() {
            // The spec does not describe the jobs of an existing system, so the executed units are expected.
            Some(_) => units.len(),
            None => job.map_or(0, |job| job.units),
        };
        let mut facts = Self {
            spec,
            observation,
            expected_spans,
            expected_units,
            startup_lines: Vec::new(),
            begin_lines: Vec::new(),
            written_lines: Vec::new(),
            refused_lines: Vec::new(),
            unfinished_lines: Vec::new(),
            jobs: Job::from_rows(&spec.tables, tables.jobs.all()),
            index: Index::new(&units, &spans),
            lacks_spans: OnceCell::new(),
            units,
            spans,
            span_table: source.source_name().to_owned(),
            unreadable,
        };
        for line in observation.lines() {
            facts.add_line(line);
        }
        if let Some(deployment) = observation.deployment() {
            facts.keep_current_startup_lines();
            facts.drop_lines_of_other_jobs(deployment);
        }
        facts
    }

    fn add_line(&mut self, line: Line<'a>) {
        for event in TracerEvent::parse(&self.spec.probes, line.text) {
            match event {
                TracerEvent::Banner(report) => self.startup_lines.push(Match { line, report }),
                TracerEvent::Attempt(report) => self.begin_lines.push(Match { line, report }),
                TracerEvent::Acknowledged(report) => {
                    self.written_lines.push(Match { line, report });
                }
                TracerEvent::Refused(report) => self.refused_lines.push(Match { line, report }),
                TracerEvent::Unfinished(report) => {
                    self.unfinished_lines.push(Match { line, report });
                }
            }
        }
    }

    /// Removes startup lines that newer ones replaced. Sorts the others: those that say that tracing is on
    /// come first.
    fn keep_current_startup_lines(&mut self) {
        let all = self.observation.lines();
        let startup: Vec<_> = self.startup_lines.iter().map(|line| line.line).collect();
        let current = current_startup_lines(&startup, &all);
        let mut lines: Vec<_> = current.iter().map(|at| self.startup_lines[*at].clone()).collect();
        lines.sort_by_key(|line| !line.report.enabled);
        self.startup_lines = lines;
        let processes: BTreeSet<_> = all.iter().map(|line| line.process).collect();
        if processes.len() > 1 {
            return;
        }
        // If all lines are from one process, its name is redundant.
        let startup = self.startup_lines.iter_mut().map(|line| &mut line.line);
        let begun = self.begin_lines.iter_mut().map(|line| &mut line.line);
        let others = [&mut self.written_lines, &mut self.refused_lines, &mut self.unfinished_lines];
        let others = others.into_iter().flatten().map(|line| &mut line.line);
        for line in startup.chain(begun).chain(others) {
            line.process = None;
        }
    }

    /// Returns a startup line that says that tracing is on, and one that says that it is off; `None` if they
    /// agree.
    pub(super) fn contradicting_startup_lines(&self) -> Option<[&Match<'a, Banner>; 2]> {
        let on = self.startup_lines.iter().find(|line| line.report.enabled)?;
        let off = self.startup_lines.iter().find(|line| !line.report.enabled)?;
        Some([on, off])
    }

    /// Whether a process of an existing system has begin lines with this `enabled`, and its startup line is
    /// not in the log.
    pub(super) fn begun_without_startup_line(&self, enabled: bool) -> bool {
        // With disabled spans, a startup line counts for every process with this name, whatever its id.
        let name = |process: Option<&'a str>| {
            if enabled { process.unwrap_or_default() } else { process_name(process) }
        };
        let with_startup_line: BTreeSet<_> =
            self.startup_lines.iter().map(|line| name(line.line.process)).collect();
        let mut lines = self.begin_lines.iter().filter(|line| line.report.enabled == enabled);
        self.trial().is_none()
            && lines.any(|line| !with_startup_line.contains(name(line.line.process)))
    }

    /// The evidence that only a trial (one run of the service by spanproof) has; `None` for an
    /// existing system.
    pub(super) fn trial(&self) -> Option<&'a TrialRecord> {
        self.observation.trial()
    }

    /// The process that executed the job; `None` for an existing system.
    pub(super) fn process_run(&self) -> Option<&'a ProcessRun> {
        self.trial().map(|trial| &trial.run)
    }

    /// Whether spanproof killed the service. `false` for an existing system.
    pub(super) fn was_killed(&self) -> bool {
        self.process_run().is_some_and(|run| run.exit.killed)
    }

    /// The requests to the fake upstream and its answers during the job, or during the first one if the case
    /// repeats its job; empty for an existing system.
    pub(super) fn exchanges(&self) -> &'a [Exchange] {
        self.trial().map_or(&[], |trial| trial.requests_of_job(0))
    }

    /// The rows of the table of jobs, or why it can't be read.
    pub(super) fn job_rows(&self) -> &'a Rows {
        &self.observation.tables.jobs
    }

    /// The service's stored spans of this name, without those that are known to belong to no unit.
    pub(super) fn spans_named(&self, name: &str) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(move |span| self.is_named(span, name))
    }

    fn is_named(&self, span: &Span, name: &str) -> bool {
        let is_named = span.name.as_deref() == Some(name);
        is_named && !span.outside_units && is_of_service(self.spec, span)
    }

    /// The rules whose conditions hold in this case.
    pub(super) fn rules_that_apply(&self) -> Vec<&'a SpanRule> {
        let unmasked = unmasked_flags(self.spec, &self.observation.case);
        let values = unmasked.facts();
        self.spec.spans.iter().filter(|rule| rule.applies(&values)).collect()
    }

    /// The rules that say which parents spans of this name may have. Includes rules whose condition does not
    /// hold in this case, except those that exclude a rule of the same name whose condition holds.
    pub(super) fn rules_about(&self, name: &str) -> Vec<&'a SpanRule> {
        let applying = self.rules_that_apply();
        let is_counterpart = |rule: &SpanRule| {
            let mut same_name = applying.iter().filter(|other| other.name == rule.name);
            same_name.any(|other| other.excludes(rule))
        };
        let about = |rule: &&SpanRule| rule.matches(name) && !is_counterpart(rule);
        self.spec.spans.iter().filter(about).collect()
    }

    /// The service's stored spans of every name that the spec requires in this case.
    pub(super) fn required_spans(&self) -> impl Iterator<Item = &Span> {
        self.expected_spans.iter().flat_map(|expected| self.spans_named(expected.name))
    }

    /// The service's stored spans that belong to no unit according to a rule of the spec.
    pub(super) fn spans_outside_units(&self) -> impl Iterator<Item = &Span> {
        let is_outside =
            |rule: &SpanRule, name: &str| rule.unit == UnitLink::None && rule.matches(name);
        self.spans.iter().filter(move |span| {
            let name = span.name.as_deref().unwrap_or_default();
            is_of_service(self.spec, span)
                && self.spec.spans.iter().any(|rule| is_outside(rule, name))
        })
    }

    /// The spans that no span rule of the spec describes: they have an unknown name, or they are of
    /// another service.
    pub(super) fn spans_outside_spec(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().filter(|span| {
            let has_rule = |name: &String| self.spec.spans.iter().any(|rule| rule.matches(name));
            !(is_of_service(self.spec, span) && span.name.as_ref().is_some_and(has_rule))
        })
    }

    /// Number of lines that report the start of any span while the tracer was enabled.
    pub(super) fn total_begun(&self) -> usize {
        self.begin_lines.iter().filter(|line| line.report.enabled).count()
    }

    /// Number of lines that report the start of a span of this name while the tracer was enabled. A
    /// line without a name counts for the unit's own span.
    pub(super) fn begin_line_count(&self, name: &str) -> usize {
        let is_unit_span = self.is_unit_span(name);
        let counts = |attempt: &Attempt| match &attempt.name {
            Some(begun) => attempt.enabled && begun == name,
            None => attempt.enabled && is_unit_span,
        };
        self.begin_lines.iter().filter(|line| counts(&line.report)).count()
    }

    /// Whether the lines about the start of spans show how many spans of this name were begun. If no
    /// line contains a name, they show only how many of the units' own spans were begun.
    pub(super) fn can_count_begun(&self, name: &str) -> bool {
        let has_name = |attempt: &Match<'_, Attempt>| attempt.report.name.is_some();
        self.is_unit_span(name)
            || self.begin_lines.is_empty()
            || self.begin_lines.iter().any(has_name)
    }

    /// Whether this is the name of the units' own spans.
    fn is_unit_span(&self, name: &str) -> bool {
        let applying = self.rules_that_apply().into_iter().find(|rule| rule.is_root());
        applying.or_else(|| self.spec.unit_spans().next()).is_some_and(|rule| rule.name == name)
    }

    /// How many spans the service reports as written.
    pub(super) fn written_count(&self) -> usize {
        self.written_lines.iter().fold(0, |sum, line| sum.saturating_add(line.report))
    }

    /// How many spans the service reports as not written.
    pub(super) fn refused_count(&self) -> usize {
        self.refused_lines.iter().fold(0, |sum, line| sum.saturating_add(line.report))
    }

    /// How many spans of this name all units together must have.
    pub(super) fn required_count(&self, expected: &ExpectedSpans<'_>) -> usize {
        self.units.len().saturating_mul(expected.min_per_unit())
    }

    /// How many spans of this name are stored, without the surplus. Includes spans that name no unit.
    pub(super) fn stored_count(&self, expected: &ExpectedSpans<'_>) -> usize {
        self.spans_named(expected.name).count() - self.surplus(expected)
    }

    /// How many spans of this name were begun while the tracer was enabled, without the surplus.
    pub(super) fn begun_count(&self, expected: &ExpectedSpans<'_>) -> usize {
        self.begin_line_count(expected.name).saturating_sub(self.surplus(expected))
    }

    /// Number of spans that units have beyond those that they must have. These spans do not replace
    /// missing spans of other units. 0 if the spec forbids more spans: then another check reports
    /// duplicates.
    fn surplus(&self, expected: &ExpectedSpans<'_>) -> usize {
        let required = expected.min_per_unit();
        if expected.max_per_unit == Some(required) {
            return 0;
        }
        let counts = self.units.iter().map(|unit| self.spans_of_unit(unit, expected.name).len());
        let surplus: usize = counts.map(|count| count.saturating_sub(required)).sum();
        if surplus == 0 {
            return 0;
        }
        // Spans with a wrong unit id are not surplus: another check reports them, and their units lack
        // nothing.
        surplus.saturating_sub(self.misattributed(expected).len())
    }

    /// Whether a unit lacks required spans. References to a lost span are then not reported separately.
    pub(super) fn lacks_spans(&self) -> bool {
        let lacks = |expected: &ExpectedSpans<'_>| {
            self.stored_count(expected) < self.required_count(expected)
        };
        *self.lacks_spans.get_or_init(|| self.expected_spans.iter().any(lacks))
    }

    /// Returns the spans of one name that contain a wrong unit id: it differs from that of the parent, and either
    /// the parent's unit has too few spans of this name, and the span's unit has too many, or enough below its own
    /// spans; or the parent is in the span's trace, and no other span of the span's unit is.
    pub(super) fn misattributed(&self, expected: &ExpectedSpans<'_>) -> Vec<&Span> {
        let min = expected.min_per_unit();
        let max = expected.max_per_unit.unwrap_or(min);
        let count = |unit: &Option<String>| {
            let spans = self.spans_with_unit(unit.as_deref());
            spans.filter(|span| self.is_named(span, expected.name)).count()
        };
        let parent_unit = |span: &Span| {
            self.spans_with_id(span.parent.as_deref()).next().and_then(|parent| parent.unit.clone())
        };
        let below = |unit: &Option<String>| {
            self.spans_named(expected.name).filter(|span| parent_unit(span) == *unit).count()
        };
        let is_wrong = |span: &&Span| {
            let parent = parent_unit(span);
            let differs = span.unit.is_some() && parent.is_some() && span.unit != parent;
            let numbers_differ =
                || count(&parent) < min && (count(&span.unit) > max || below(&span.unit) >= min);
            differs && (numbers_differ() || self.is_only_in_trace_of_parent(span))
        };
        self.spans_named(expected.name).filter(is_wrong).collect()
    }

    /// Whether the parent of a span is in the same trace, and no span of the span's unit with another name is.
    fn is_only_in_trace_of_parent(&self, span: &Span) -> bool {
        let parent = self.only_span_with_id(span.parent.as_deref());
        let of_unit = self.spans_with_unit(span.unit.as_deref());
        let mut others = of_unit.filter(|other| other.name != span.name).peekable();
        span.trace.is_some()
            && parent.is_some_and(|parent| parent.trace == span.trace)
            && others.peek().is_some()
            && others.all(|other| other.trace != span.trace)
    }

    /// The spans of this name that contain the unit's id.
    pub(super) fn spans_of_unit(&self, unit: &Unit, name: &str) -> Vec<&Span> {
        let is_named = |span: &&Span| self.is_named(span, name);
        self.spans_with_unit(unit.id.as_deref()).filter(is_named).collect()
    }

    /// All spans with the id of a unit; empty if `id` is `None`.
    pub(super) fn spans_with_unit(&self, id: Option<&str>) -> impl Iterator<Item = &Span> {
        self.index.spans_of_unit(id).map(|at| &self.spans[at])
    }

    /// The spans with an id, in any trace; empty if `id` is `None`.
    pub(super) fn spans_with_id(&self, id: Option<&str>) -> impl Iterator<Item = &Span> {
        self.index.spans_with_id(id).map(|at| &self.spans[at])
    }

    /// The span with an id, in any trace; `None` if there is none, or if several spans share the id.
    pub(super) fn only_span_with_id(&self, id: Option<&str>) -> Option<&Span> {
        let mut found = self.spans_with_id(id);
        found.next().filter(|_| found.next().is_none())
    }

    /// The unit whose id a span has; `None` if there is none.
    pub(super) fn unit_of(&self, span: &Span) -> Option<&Unit> {
        let at = self.index.unit(span.unit.as_deref()?)?;
        Some(&self.units[at])
    }
}

/// Whether a span belongs to the service under test, as a span without `service.name` does.
pub(super) fn is_of_service(spec: &Spec, span: &Span) -> bool {
    span.service.as_ref().is_none_or(|name| *name == spec.service.name)
}
