//! One observation, and where it comes from.

use super::{Deployment, Line, Place, Second, SpanRows, SpanSource, Tables, TrialRecord};
use crate::matrix::Case;
use crate::process::Stream;
use crate::spec::Spec;

/// What was seen of one piece of work: its rows, and what only its origin can know.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The case; of an existing system, what is known of one.
    pub case: Case,
    /// The rows of jobs, units and spans.
    pub tables: Tables,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where an observation comes from, with what can be known there and nowhere else.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A trial of our own: its process, its upstream and its server were ours.
    Trial(Box<TrialRecord>),
    /// An existing system: a live database or a dump, and its log.
    Deployment(Box<Deployment>),
}

impl Observation {
    /// What only a trial knows; `None` for an existing system.
    pub fn trial(&self) -> Option<&TrialRecord> {
        match &self.origin {
            Origin::Trial(trial) => Some(trial),
            Origin::Deployment(_) => None,
        }
    }

    /// What was read of an existing system besides its rows and the lines of its log; `None` for a
    /// trial.
    pub fn sources(&self) -> Option<spanproof_format::Deployment> {
        self.deployment().map(Into::into)
    }

    /// What is known of an existing system; `None` for a trial.
    pub(crate) fn deployment(&self) -> Option<&Deployment> {
        match &self.origin {
            Origin::Trial(_) => None,
            Origin::Deployment(deployment) => Some(deployment),
        }
    }

    /// The second job alone, as if there had been no fault; `None` if there was none.
    pub(crate) fn second(&self) -> Option<Self> {
        let trial = self.trial()?;
        let Second { run, work, tables } = trial.second.as_deref()?.clone();
        let case = Case { fault: None, ..self.case.clone() };
        let (second, witness) = (None, None);
        let record = TrialRecord { run, work, witness, second, ..trial.clone() };
        Some(Self { case, tables, origin: Origin::Trial(Box::new(record)) })
    }

    /// Where its spans come from.
    pub(crate) fn span_source<'a>(&'a self, spec: &'a Spec) -> impl SpanSource + 'a {
        SpanRows { mapping: &spec.tables.spans, rows: &self.tables.spans }
    }

    /// Every line of output or log that was kept, with its place.
    pub(crate) fn lines(&self) -> Vec<Line<'_>> {
        match &self.origin {
            Origin::Trial(trial) => {
                let (mut stdout, mut stderr) = (0, 0);
                let lines = trial.run.output.lines.iter().map(|line| {
                    let place = match line.stream {
                        Stream::Stdout => Place::Stdout(increment(&mut stdout)),
                        Stream::Stderr => Place::Stderr(increment(&mut stderr)),
                    };
                    Line { place, at: None, text: &line.text }
                });
                lines.collect()
            }
            Origin::Deployment(deployment) => {
                let lines = deployment.log.iter().flat_map(|log| &log.lines);
                lines.map(Line::from).collect()
            }
        }
    }

    /// Bytes of output or log that were too many to keep: lines may be among them.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        match &self.origin {
            Origin::Trial(trial) => trial.run.output.dropped_bytes,
            Origin::Deployment(deployment) => {
                deployment.log.as_ref().map_or(0, |log| log.dropped_bytes)
            }
        }
    }
}

fn increment(count: &mut u64) -> u64 {
    *count += 1;
    *count
}
