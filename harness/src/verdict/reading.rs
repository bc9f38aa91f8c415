//! What evidence says, in the words of the spec: units, spans, and the lines the probes recognise.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Row, text};
use crate::spec::{Attempt, Banner, SpanRule, Spec};

/// A line that a probe recognised, as `stderr:12  text`, with what it says.
#[derive(Debug, Clone)]
pub(super) struct Said<T> {
    pub(super) line: String,
    pub(super) what: T,
}

/// Evidence, read with the eyes of its spec.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) spec: &'a Spec,
    pub(super) evidence: &'a Evidence,
    /// The spans that each unit should have in this case, the unit's own first.
    pub(super) rules: Vec<&'a SpanRule>,
    /// How many units the job has.
    pub(super) expected: usize,
    pub(super) banners: Vec<Said<Banner>>,
    pub(super) attempts: Vec<Said<Attempt>>,
    pub(super) acknowledged: Vec<Said<()>>,
    pub(super) refused: Vec<Said<()>>,
    pub(super) unfinished: Vec<Said<()>>,
    pub(super) units: Vec<Unit<'a>>,
    pub(super) spans: Vec<Span<'a>>,
}

/// One unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit<'a> {
    pub(super) row: &'a Row,
    spec: &'a Spec,
}

/// One span.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) row: &'a Row,
    spec: &'a Spec,
}

impl<'a> Reading<'a> {
    pub(super) fn of(spec: &'a Spec, evidence: &'a Evidence) -> Self {
        let case = &evidence.case;
        let facts = case.facts();
        let wanted = |rule: &&SpanRule| {
            rule.when.holds(&facts) && rule.unless.as_ref().is_none_or(|c| !c.holds(&facts))
        };
        let mut rules: Vec<_> = spec.spans.iter().filter(wanted).collect();
        rules.sort_by_key(|rule| rule.parent.is_some());
        let job = spec.jobs.iter().find(|job| job.name == case.job);
        let probes = &spec.probes;
        let yes = |found: bool| found.then_some(());
        let mut units: Vec<_> = evidence.units.all().iter().map(|row| Unit { row, spec }).collect();
        units.sort_by_key(Unit::key);
        let deployed = evidence.deployment.is_some();
        let mut banners = said(evidence, |line| probes.banner(line));
        if deployed {
            // A log may hold many starts: the last one counts.
            banners = banners.split_off(banners.len().saturating_sub(1));
        }
        let mut read = Self {
            spec,
            evidence,
            rules,
            // How many units a job of others has, only its rows tell.
            expected: if deployed { units.len() } else { job.map_or(0, |job| job.units) },
            banners,
            attempts: said(evidence, |line| probes.attempt(line)),
            acknowledged: said(evidence, |line| yes(probes.acknowledged(line))),
            refused: said(evidence, |line| yes(probes.refused(line))),
            unfinished: said(evidence, |line| yes(probes.unfinished(line))),
            units,
            spans: evidence.spans.all().iter().map(|row| Span { row, spec }).collect(),
        };
        read.leave_to_neighbours();
        read
    }

    /// Takes away the lines that are about spans of other work: as many as such spans are there.
    fn leave_to_neighbours(&mut self) {
        let Some(deployment) = &self.evidence.deployment else { return };
        let mut theirs: BTreeMap<&str, usize> = BTreeMap::new();
        for neighbour in &deployment.neighbours {
            *theirs.entry(&neighbour.operation).or_default() += 1;
        }
        let before = self.attempts.len();
        self.attempts.retain(|said| {
            let name = said.what.operation.as_deref().unwrap_or_default();
            match theirs.get_mut(name).filter(|left| **left > 0 && said.what.enabled) {
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

    /// The spans of one operation of the service under test.
    pub(super) fn of_operation(&self, operation: &str) -> impl Iterator<Item = Span<'a>> {
        let spans = self.spans.iter().copied();
        let service = &self.spec.service.name;
        spans.filter(move |span| {
            span.operation().as_deref() == Some(operation)
                && span.service().is_none_or(|name| name == *service)
        })
    }

    /// The spans of operations that the spec does not have, or of another service than the one
    /// under test that no operation of the spec explains.
    pub(super) fn strangers(&self) -> impl Iterator<Item = Span<'a>> {
        let (spec, spans) = (self.spec, self.spans.iter().copied());
        spans.filter(move |span| {
            let named = |name: &String| spec.spans.iter().any(|rule| rule.operation == *name);
            let own = span.service().is_none_or(|name| name == spec.service.name);
            !(own && span.operation().as_ref().is_some_and(named))
        })
    }

    /// How many times any span was begun with the tracer enabled.
    pub(super) fn all_attempts(&self) -> usize {
        self.attempts.iter().filter(|said| said.what.enabled).count()
    }

    /// How many times a span of this operation was begun with the tracer enabled. Lines that name
    /// no operation count for the unit's own span.
    pub(super) fn attempts(&self, operation: &str) -> usize {
        let own = self.spec.unit_span().is_some_and(|rule| rule.operation == operation);
        let counts = |attempt: &Attempt| match &attempt.operation {
            Some(name) => attempt.enabled && name == operation,
            None => attempt.enabled && own,
        };
        self.attempts.iter().filter(|said| counts(&said.what)).count()
    }

    /// The spans of one unit that have this operation.
    pub(super) fn spans_of(&self, unit: Unit<'a>, operation: &str) -> Vec<Span<'a>> {
        let id = unit.id();
        self.of_operation(operation)
            .filter(|span| span.unit().is_some() && span.unit() == id)
            .collect()
    }
}

fn said<T>(evidence: &Evidence, read: impl Fn(&str) -> Option<T>) -> Vec<Said<T>> {
    evidence
        .numbered_lines()
        .filter_map(|(place, line)| {
            let what = read(&line.text)?;
            Some(Said { line: format!("{place}  {}", line.text), what })
        })
        .collect()
}

impl Unit<'_> {
    pub(super) fn id(&self) -> Option<String> {
        text(self.row, &self.spec.tables.units.id)
    }

    pub(super) fn status(&self) -> Option<String> {
        text(self.row, &self.spec.tables.units.status)
    }

    /// Which unit of its job it is.
    pub(super) fn key(&self) -> String {
        let columns = &self.spec.tables.units.key;
        let words: Vec<_> = columns.iter().filter_map(|column| text(self.row, column)).collect();
        words.join(" ")
    }

    /// `executions 7 (us-east m q): failed`.
    pub(super) fn shown(&self) -> String {
        let table = &self.spec.tables.units.table;
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "null".into());
        format!("{table} {} ({}): {}", or_null(self.id()), self.key(), or_null(self.status()))
    }
}

impl Span<'_> {
    fn column(&self, column: &str) -> Option<String> {
        text(self.row, column)
    }

    pub(super) fn id(&self) -> Option<String> {
        self.column(&self.spec.tables.spans.id)
    }

    pub(super) fn trace(&self) -> Option<String> {
        self.column(&self.spec.tables.spans.trace)
    }

    pub(super) fn parent(&self) -> Option<String> {
        self.column(&self.spec.tables.spans.parent)
    }

    pub(super) fn operation(&self) -> Option<String> {
        self.column(&self.spec.tables.spans.operation)
    }

    /// The service it is of; nothing where the table does not say.
    fn service(&self) -> Option<String> {
        self.column(&self.spec.tables.spans.service)
    }

    pub(super) fn unit(&self) -> Option<String> {
        self.column(&self.spec.tables.spans.unit)
    }

    /// What keeps it from being finished, or nothing.
    pub(super) fn unfinished(&self) -> Option<String> {
        let table = &self.spec.tables.spans;
        let status = self.column(&table.status);
        if status.as_ref().is_none_or(|status| table.open.contains(status)) {
            return Some(format!("{}={}", table.status, status.unwrap_or_else(|| "null".into())));
        }
        [&table.completed, &table.duration]
            .into_iter()
            .find(|column| !column.is_empty() && self.column(column).is_none())
            .map(|column| format!("{column}=null"))
    }

    /// Whether it ends before it starts, or has a negative duration.
    pub(super) fn is_impossible(&self) -> bool {
        let table = &self.spec.tables.spans;
        // ISO 8601 in one time zone: the order of the texts is the order of the times.
        let (started, completed) = (self.column(&table.started), self.column(&table.completed));
        let backwards = matches!((started, completed), (Some(start), Some(end)) if end < start);
        backwards || self.column(&table.duration).is_some_and(|text| text.starts_with('-'))
    }

    /// `trace_spans execute_question span 1f…: started`, with the columns of interest.
    pub(super) fn shown(&self, columns: &[&str]) -> String {
        let table = &self.spec.tables.spans;
        let operation = self.operation().unwrap_or_else(|| "no operation".into());
        let columns: Vec<_> = columns
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| format!("{name}={}", self.column(name).unwrap_or_else(|| "null".into())))
            .collect();
        format!(
            "{} {operation} span {}: {}",
            table.table,
            self.id().unwrap_or_default(),
            columns.join(" ")
        )
    }
}
