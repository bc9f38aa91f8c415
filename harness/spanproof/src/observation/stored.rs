//! The stored form of an observation: one flat object, which readers of version 1 understand.
//!
//! What can't be known of an existing system has a fixed value there: a service that is ready, an exit
//! that is `unseen`. The lines of its log are those of a stream `log`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Deployment, Log, LogFacts, LogLine, Neighbour, Observation, Origin, ProcessRun, Reached, Rows,
    Second, Service, StartupCut, Submission, Tables, TrialRecord, Witness, Work,
};
use crate::matrix::Case;
use crate::process::{Ending, Exit, Line, Output, Stream};
use crate::upstream::Exchange;

/// The version that is written: a reader understands every minor version of its own major one.
pub const FORMAT: &str = "1.3";

/// An observation as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredObservation {
    format: String,
    case: Case,
    command: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    environment: BTreeMap<String, String>,
    names: Vec<(String, String)>,
    output: StoredOutput,
    startup: StartupCut,
    ready: Reached,
    submission: Option<Submission>,
    settled: Option<Reached>,
    pub(crate) jobs: Rows,
    pub(crate) units: Rows,
    pub(crate) spans: Rows,
    #[serde(default)]
    witness: Option<Witness>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<StoredSecond>,
    pub(crate) exchanges: Vec<Exchange>,
    exit: StoredExit,
    timings: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deployment: Option<Box<DeploymentSummary>>,
}

/// The second job of a case under a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredSecond {
    output: StoredOutput,
    startup: StartupCut,
    ready: Reached,
    submission: Option<Submission>,
    settled: Option<Reached>,
    jobs: Rows,
    units: Rows,
    spans: Rows,
    exit: StoredExit,
}

/// Output or a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct StoredOutput {
    lines: Vec<StoredLine>,
    invalid_lines: usize,
    dropped_bytes: u64,
}

/// A line of output, or of a log of which only some lines were taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLine {
    stream: StoredStream,
    /// Milliseconds from the start of the process; of a log, since 1970, and 0 without a time.
    at_ms: u64,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoredStream {
    Stdout,
    Stderr,
    Log,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredExit {
    ending: StoredEnding,
    asked: bool,
    killed: bool,
    at_ms: u64,
    stop_ms: u64,
    strays: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoredEnding {
    Code(i32),
    Signal(i32),
    Unseen,
}

/// What is known of an existing system, without the lines of its log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSummary {
    /// The database's URL or the dump's name; `None` if none was given.
    pub database: Option<String>,
    /// The log as a whole; `None` if none was given.
    pub log: Option<LogFacts>,
    /// Tables of the span table's name in other schemas that have spans of these units.
    pub elsewhere: Vec<(String, u64)>,
    /// Spans of other work that began at the same time.
    #[serde(default)]
    pub neighbours: Vec<Neighbour>,
    /// What could not be read, each with its reason.
    pub unread: Vec<String>,
    /// How the server carried out each look-up.
    pub plans: Vec<String>,
}

impl StoredObservation {
    /// The lines of output or log.
    pub(crate) fn lines_mut(&mut self) -> &mut Vec<StoredLine> {
        &mut self.output.lines
    }

    /// Everything but the lists that a bundle keeps as records of their own.
    pub(crate) fn without_lists(mut self) -> Self {
        for rows in [&mut self.jobs, &mut self.units, &mut self.spans] {
            if let Rows::Found(rows) = rows {
                rows.clear();
            }
        }
        self.output.lines.clear();
        self.exchanges.clear();
        self
    }
}

impl From<&Observation> for StoredObservation {
    fn from(observation: &Observation) -> Self {
        let Observation { case, tables, origin } = observation.clone();
        match origin {
            Origin::Trial(trial) => of_trial(case, tables, *trial),
            Origin::Deployment(deployment) => of_deployment(case, tables, *deployment),
        }
    }
}

fn of_trial(case: Case, tables: Tables, trial: TrialRecord) -> StoredObservation {
    let TrialRecord { service, run, work, exchanges, witness, second, timings } = trial;
    let Service { command, program, environment, names } = service;
    let ProcessRun { output, startup, ready, exit } = run;
    let Work { submission, settled } = work;
    let Tables { jobs, units, spans } = tables;
    StoredObservation {
        format: FORMAT.into(),
        case,
        command,
        program,
        environment,
        names,
        output: output.into(),
        startup,
        ready,
        submission,
        settled,
        jobs,
        units,
        spans,
        witness,
        recovery: second.map(|second| StoredSecond::from(*second)),
        exchanges,
        exit: exit.into(),
        timings,
        deployment: None,
    }
}

fn of_deployment(case: Case, tables: Tables, mut deployment: Deployment) -> StoredObservation {
    let (lines, dropped_bytes) = match &mut deployment.log {
        Some(log) => (std::mem::take(&mut log.lines), log.dropped_bytes),
        None => (Vec::new(), 0),
    };
    let lines = lines.iter().map(StoredLine::from).collect();
    let Tables { jobs, units, spans } = tables;
    let set = |(name, value): &(String, crate::spec::Value)| {
        Some((name.clone(), value.text()?.to_owned()))
    };
    StoredObservation {
        format: FORMAT.into(),
        environment: case.flags.iter().filter_map(set).collect(),
        case,
        command: String::new(),
        program: None,
        names: Vec::new(),
        output: StoredOutput { lines, invalid_lines: 0, dropped_bytes },
        startup: StartupCut::default(),
        ready: Reached::Yes,
        submission: None,
        settled: None,
        jobs,
        units,
        spans,
        witness: None,
        recovery: None,
        exchanges: Vec::new(),
        exit: StoredExit {
            ending: StoredEnding::Unseen,
            asked: false,
            killed: false,
            at_ms: 0,
            stop_ms: 0,
            strays: Vec::new(),
        },
        timings: BTreeMap::new(),
        deployment: Some(Box::new(DeploymentSummary::from(&deployment))),
    }
}

impl From<StoredObservation> for Observation {
    fn from(stored: StoredObservation) -> Self {
        let StoredObservation { jobs, units, spans, case, .. } = stored;
        let tables = Tables { jobs, units, spans };
        if let Some(deployment) = stored.deployment {
            let deployment = deployment.with(stored.output);
            return Self { case, tables, origin: Origin::Deployment(Box::new(deployment)) };
        }
        let trial = TrialRecord {
            service: Service {
                command: stored.command,
                program: stored.program,
                environment: stored.environment,
                names: stored.names,
            },
            run: ProcessRun {
                output: stored.output.into(),
                startup: stored.startup,
                ready: stored.ready,
                exit: stored.exit.into(),
            },
            work: Work { submission: stored.submission, settled: stored.settled },
            exchanges: stored.exchanges,
            witness: stored.witness,
            second: stored.recovery.map(|second| Box::new(second.into())),
            timings: stored.timings,
        };
        Self { case, tables, origin: Origin::Trial(Box::new(trial)) }
    }
}

impl From<Second> for StoredSecond {
    fn from(second: Second) -> Self {
        let Second { run, work, tables } = second;
        Self {
            output: run.output.into(),
            startup: run.startup,
            ready: run.ready,
            submission: work.submission,
            settled: work.settled,
            jobs: tables.jobs,
            units: tables.units,
            spans: tables.spans,
            exit: run.exit.into(),
        }
    }
}

impl From<StoredSecond> for Second {
    fn from(stored: StoredSecond) -> Self {
        let StoredSecond { output, startup, ready, submission, settled, jobs, units, spans, exit } =
            stored;
        let run = ProcessRun { output: output.into(), startup, ready, exit: exit.into() };
        let tables = Tables { jobs, units, spans };
        Self { run, work: Work { submission, settled }, tables }
    }
}

impl From<&Deployment> for DeploymentSummary {
    fn from(deployment: &Deployment) -> Self {
        let Deployment { database, log, elsewhere, neighbours, unread, plans } = deployment.clone();
        let log = log.map(|log| log.facts);
        Self { database, log, elsewhere, neighbours, unread, plans }
    }
}

impl DeploymentSummary {
    /// The deployment with the lines of its log.
    fn with(self, output: StoredOutput) -> Deployment {
        let Self { database, log, elsewhere, neighbours, unread, plans } = self;
        let StoredOutput { lines, invalid_lines: _, dropped_bytes } = output;
        // A bundle that was cut off has lines, and no facts about the log yet.
        let facts = log.or_else(|| (!lines.is_empty()).then(LogFacts::default));
        let lines = lines.into_iter().map(LogLine::from);
        let log = facts.map(|facts| Log { facts, lines: lines.collect(), dropped_bytes });
        Deployment { database, log, elsewhere, neighbours, unread, plans }
    }
}

impl From<Output> for StoredOutput {
    fn from(output: Output) -> Self {
        let Output { lines, invalid_lines, dropped_bytes } = output;
        let lines = lines.into_iter().map(StoredLine::from).collect();
        Self { lines, invalid_lines, dropped_bytes }
    }
}

impl From<StoredOutput> for Output {
    fn from(stored: StoredOutput) -> Self {
        let StoredOutput { lines, invalid_lines, dropped_bytes } = stored;
        let lines = lines.into_iter().map(Line::from).collect();
        Self { lines, invalid_lines, dropped_bytes }
    }
}

impl From<Line> for StoredLine {
    fn from(line: Line) -> Self {
        let stream = match line.stream {
            Stream::Stdout => StoredStream::Stdout,
            Stream::Stderr => StoredStream::Stderr,
        };
        Self { stream, at_ms: line.at_ms, text: line.text, number: None }
    }
}

impl From<StoredLine> for Line {
    fn from(stored: StoredLine) -> Self {
        let stream = match stored.stream {
            StoredStream::Stdout => Stream::Stdout,
            // No trial writes lines of a log: whatever it is, it is no standard output.
            StoredStream::Stderr | StoredStream::Log => Stream::Stderr,
        };
        Self { stream, at_ms: stored.at_ms, text: stored.text }
    }
}

impl From<&LogLine> for StoredLine {
    fn from(line: &LogLine) -> Self {
        let at_ms = line.at.and_then(|at| u64::try_from(at.timestamp_millis()).ok());
        let (at_ms, text) = (at_ms.unwrap_or(0), line.text.clone());
        Self { stream: StoredStream::Log, at_ms, text, number: Some(line.number) }
    }
}

impl From<StoredLine> for LogLine {
    fn from(stored: StoredLine) -> Self {
        let at = i64::try_from(stored.at_ms).ok().filter(|ms| *ms > 0);
        let at: Option<DateTime<Utc>> = at.and_then(DateTime::from_timestamp_millis);
        Self { number: stored.number.unwrap_or(0), at, text: stored.text }
    }
}

impl From<Exit> for StoredExit {
    fn from(exit: Exit) -> Self {
        let Exit { ending, asked, killed, at_ms, stop_ms, strays } = exit;
        let ending = match ending {
            Ending::Code(code) => StoredEnding::Code(code),
            Ending::Signal(signal) => StoredEnding::Signal(signal),
        };
        Self { ending, asked, killed, at_ms, stop_ms, strays }
    }
}

impl From<StoredExit> for Exit {
    fn from(stored: StoredExit) -> Self {
        let StoredExit { ending, asked, killed, at_ms, stop_ms, strays } = stored;
        let ending = match ending {
            StoredEnding::Code(code) => Ending::Code(code),
            StoredEnding::Signal(signal) => Ending::Signal(signal),
            // Only an existing system has an end that nobody saw.
            StoredEnding::Unseen => Ending::Code(0),
        };
        Self { ending, asked, killed, at_ms, stop_ms, strays }
    }
}
