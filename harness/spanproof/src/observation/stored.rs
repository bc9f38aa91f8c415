//! The stored form of an observation: conversions between the model and [`spanproof_format`].
//!
//! The stored form is one flat object for trials and existing systems. What can't be known of an
//! existing system has a fixed value there: a service that is ready, an exit that is `unseen`. The
//! lines of its log are those of a stream `log`.

use chrono::DateTime;
use spanproof_format as format;

use super::{
    Deployment, Failure, Log, LogFacts, LogLine, Neighbour, Observation, Origin, Place, ProcessRun,
    Reached, Rows, Second, Service, StartupCut, Submission, Tables, TrialRecord, Witness, Work,
};
use crate::matrix::Case;

impl From<&Observation> for format::Observation {
    fn from(observation: &Observation) -> Self {
        let Observation { case, tables, origin } = observation.clone();
        let mut stored = match origin {
            Origin::Trial(trial) => of_trial(case, *trial),
            Origin::Deployment(deployment) => of_deployment(case, *deployment),
        };
        let Tables { jobs, units, spans } = tables;
        (stored.jobs, stored.units, stored.spans) = (jobs.into(), units.into(), spans.into());
        stored
    }
}

fn of_trial(case: Case, trial: TrialRecord) -> format::Observation {
    let TrialRecord { service, run, work, exchanges, witness, second, timings } = trial;
    let Service { command, program, environment, names } = service;
    let ProcessRun { output, startup, ready, exit } = run;
    let Work { submission, settled } = work;
    let mut stored = format::Observation::new(case.into(), ready.into(), exit.into());
    stored.command = command;
    stored.program = program;
    stored.environment = environment;
    stored.names = names;
    stored.output = output.into();
    stored.startup = startup.into();
    stored.submission = submission.map(Into::into);
    stored.settled = settled.map(Into::into);
    stored.witness = witness.map(Into::into);
    stored.recovery = second.map(|second| (*second).into());
    stored.exchanges = exchanges.into_iter().map(Into::into).collect();
    stored.timings = timings;
    stored
}

fn of_deployment(case: Case, deployment: Deployment) -> format::Observation {
    let flags = case.flags.iter();
    let environment = flags.filter_map(|(name, value)| Some((name.clone(), value.text()?.into())));
    let environment = environment.collect();
    let exit = format::ProcessExit::new(format::Ending::Unseen);
    let mut stored = format::Observation::new(case.into(), format::Reached::Yes, exit);
    stored.environment = environment;
    stored.deployment = Some(Box::new((&deployment).into()));
    if let Some(log) = deployment.log {
        stored.output.lines = log.lines.iter().map(Into::into).collect();
        stored.output.dropped_bytes = log.dropped_bytes;
    }
    stored
}

impl From<format::Observation> for Observation {
    fn from(stored: format::Observation) -> Self {
        let case = stored.case.into();
        let tables = Tables {
            jobs: stored.jobs.into(),
            units: stored.units.into(),
            spans: stored.spans.into(),
        };
        if let Some(deployment) = stored.deployment {
            let deployment = existing(*deployment, stored.output);
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
                startup: stored.startup.into(),
                ready: stored.ready.into(),
                exit: stored.exit.into(),
            },
            work: Work {
                submission: stored.submission.map(Into::into),
                settled: stored.settled.map(Into::into),
            },
            exchanges: stored.exchanges.into_iter().map(Into::into).collect(),
            witness: stored.witness.map(Into::into),
            second: stored.recovery.map(|second| Box::new(second.into())),
            timings: stored.timings,
        };
        Self { case, tables, origin: Origin::Trial(Box::new(trial)) }
    }
}

/// What is known of an existing system, with the lines of its log.
fn existing(stored: format::Deployment, output: format::Output) -> Deployment {
    // A bundle that was cut off has lines, and no facts about the log yet.
    let facts = stored.log.map(LogFacts::from);
    let facts = facts.or_else(|| (!output.lines.is_empty()).then(LogFacts::default));
    let lines = output.lines.into_iter().map(LogLine::from);
    let dropped_bytes = output.dropped_bytes;
    let log = facts.map(|facts| Log { facts, lines: lines.collect(), dropped_bytes });
    Deployment {
        database: stored.database,
        log,
        elsewhere: stored.elsewhere,
        neighbours: stored.neighbours.into_iter().map(Into::into).collect(),
        unread: stored.unread,
        plans: stored.plans,
    }
}

impl From<&Deployment> for format::Deployment {
    fn from(deployment: &Deployment) -> Self {
        let Deployment { database, log, elsewhere, neighbours, unread, plans } = deployment.clone();
        let mut stored = Self::default();
        stored.database = database;
        stored.log = log.map(|log| log.facts.into());
        stored.elsewhere = elsewhere;
        stored.neighbours = neighbours.into_iter().map(Into::into).collect();
        stored.unread = unread;
        stored.plans = plans;
        stored
    }
}

impl From<Second> for format::Recovery {
    fn from(second: Second) -> Self {
        let Second { run, work, tables } = second;
        let ProcessRun { output, startup, ready, exit } = run;
        let Work { submission, settled } = work;
        let Tables { jobs, units, spans } = tables;
        let mut stored = Self::new(ready.into(), exit.into());
        stored.output = output.into();
        stored.startup = startup.into();
        stored.submission = submission.map(Into::into);
        stored.settled = settled.map(Into::into);
        (stored.jobs, stored.units, stored.spans) = (jobs.into(), units.into(), spans.into());
        stored
    }
}

impl From<format::Recovery> for Second {
    fn from(stored: format::Recovery) -> Self {
        Self {
            run: ProcessRun {
                output: stored.output.into(),
                startup: stored.startup.into(),
                ready: stored.ready.into(),
                exit: stored.exit.into(),
            },
            work: Work {
                submission: stored.submission.map(Into::into),
                settled: stored.settled.map(Into::into),
            },
            tables: Tables {
                jobs: stored.jobs.into(),
                units: stored.units.into(),
                spans: stored.spans.into(),
            },
        }
    }
}

impl From<Rows> for format::Rows {
    fn from(rows: Rows) -> Self {
        match rows {
            Rows::Found(rows) => Self::Found(rows),
            Rows::Unreadable(why) => Self::Unreadable(why),
        }
    }
}

impl From<format::Rows> for Rows {
    fn from(stored: format::Rows) -> Self {
        match stored {
            format::Rows::Found(rows) => Self::Found(rows),
            format::Rows::Unreadable(why) => Self::Unreadable(why),
        }
    }
}

impl From<StartupCut> for format::StartupCut {
    fn from(cut: StartupCut) -> Self {
        Self::new(cut.stdout, cut.stderr)
    }
}

impl From<format::StartupCut> for StartupCut {
    fn from(stored: format::StartupCut) -> Self {
        Self { stdout: stored.stdout, stderr: stored.stderr }
    }
}

impl From<Reached> for format::Reached {
    fn from(reached: Reached) -> Self {
        match reached {
            Reached::Yes => Self::Yes,
            Reached::No(seen) => Self::No(seen),
        }
    }
}

impl From<format::Reached> for Reached {
    fn from(stored: format::Reached) -> Self {
        match stored {
            format::Reached::Yes => Self::Yes,
            format::Reached::No(seen) => Self::No(seen),
        }
    }
}

impl From<Submission> for format::Submission {
    fn from(submission: Submission) -> Self {
        let Submission { request, status, body } = submission;
        Self::new(request, status, body)
    }
}

impl From<format::Submission> for Submission {
    fn from(stored: format::Submission) -> Self {
        Self { request: stored.request, status: stored.status, body: stored.body }
    }
}

impl From<Witness> for format::Witness {
    fn from(witness: Witness) -> Self {
        let Witness { begun, tried, written, failures, elsewhere } = witness;
        let mut stored = Self::default();
        (stored.begun, stored.tried, stored.written) = (begun, tried, written);
        stored.failures = failures.into_iter().map(Into::into).collect();
        stored.elsewhere = elsewhere;
        stored
    }
}

impl From<format::Witness> for Witness {
    fn from(stored: format::Witness) -> Self {
        Self {
            begun: stored.begun,
            tried: stored.tried,
            written: stored.written,
            failures: stored.failures.into_iter().map(Into::into).collect(),
            elsewhere: stored.elsewhere,
        }
    }
}

impl From<Failure> for format::Failure {
    fn from(failure: Failure) -> Self {
        let Failure { state, message, statement } = failure;
        let mut stored = Self::new(state, message);
        stored.statement = statement;
        stored
    }
}

impl From<format::Failure> for Failure {
    fn from(stored: format::Failure) -> Self {
        let format::Failure { state, message, statement, .. } = stored;
        Self { state, message, statement }
    }
}

impl From<Neighbour> for format::Neighbour {
    fn from(neighbour: Neighbour) -> Self {
        let Neighbour { started, operation } = neighbour;
        Self::new(started, operation)
    }
}

impl From<format::Neighbour> for Neighbour {
    fn from(stored: format::Neighbour) -> Self {
        Self { started: stored.started, operation: stored.operation }
    }
}

impl From<LogFacts> for format::LogFacts {
    fn from(facts: LogFacts) -> Self {
        let LogFacts { name, lines, first, last, started, crashes, contradicted } = facts;
        let mut stored = Self::default();
        (stored.name, stored.lines) = (name, lines);
        (stored.first, stored.last, stored.started) = (first, last, started);
        (stored.crashes, stored.contradicted) = (crashes, contradicted);
        stored
    }
}

impl From<format::LogFacts> for LogFacts {
    fn from(stored: format::LogFacts) -> Self {
        let format::LogFacts { name, lines, first, last, started, crashes, contradicted, .. } =
            stored;
        Self { name, lines, first, last, started, crashes, contradicted }
    }
}

impl From<&LogLine> for format::OutputLine {
    fn from(line: &LogLine) -> Self {
        let LogLine { number, at, text } = line;
        let at_ms = at.and_then(|at| u64::try_from(at.timestamp_millis()).ok());
        let mut stored = Self::new(format::Stream::Log, at_ms.unwrap_or(0), text);
        stored.number = Some(*number);
        stored
    }
}

impl From<format::OutputLine> for LogLine {
    fn from(stored: format::OutputLine) -> Self {
        let at = i64::try_from(stored.at_ms).ok().filter(|ms| *ms > 0);
        let at = at.and_then(DateTime::from_timestamp_millis);
        Self { number: stored.number.unwrap_or(0), at, text: stored.text }
    }
}

impl From<Place> for format::Place {
    fn from(place: Place) -> Self {
        match place {
            Place::Stdout(number) => Self::Stdout(number),
            Place::Stderr(number) => Self::Stderr(number),
            Place::Log(number) => Self::Log(number),
        }
    }
}

impl From<format::Place> for Place {
    fn from(stored: format::Place) -> Self {
        match stored {
            format::Place::Stdout(number) => Self::Stdout(number),
            format::Place::Stderr(number) => Self::Stderr(number),
            format::Place::Log(number) => Self::Log(number),
        }
    }
}
