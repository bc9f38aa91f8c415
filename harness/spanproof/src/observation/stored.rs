//! Converts observations to their stored form in [`spanproof_format`], and back. An observation is the
//! evidence of one trial (one run of the service by spanproof) or of an existing system.
//!
//! The stored form is the same flat object for both. For an existing system, fields about the process get
//! fixed values: the service is ready, and its exit is `unseen`. Its log lines are stored as output of
//! the stream `log`.

use chrono::DateTime;
use spanproof_format as format;

use super::{
    ConcurrentSpan, Deployment, JobRun, LineCounts, Location, Log, LogFacts, LogLine, Observation,
    Origin, OtherTable, Period, ProcessRun, Rows, SecondJob, Service, SharedSpans, Submission,
    TableRows, TrialRecord, WaitResult,
};
use crate::matrix::Case;

impl From<&Observation> for format::Observation {
    fn from(observation: &Observation) -> Self {
        let Observation { case, tables, origin } = observation.clone();
        let mut stored = match origin {
            Origin::Trial(trial) => from_trial(case, *trial),
            Origin::Deployment(deployment) => from_deployment(case, *deployment),
        };
        let TableRows { jobs, units, spans } = tables;
        (stored.jobs, stored.units, stored.spans) = (jobs.into(), units.into(), spans.into());
        stored
    }
}

fn from_trial(case: Case, trial: TrialRecord) -> format::Observation {
    let TrialRecord {
        service,
        run,
        job_run,
        exchanges,
        strangers,
        witness,
        server_errors,
        server_log_read,
        other_tables,
        helpers,
        second_job,
        further_jobs,
        request_counts,
        is_later_job: _,
        period,
        variations,
        repetitions,
        job_times,
        spans_before_stop,
        most_spans,
        running_statements,
        spans_arriving,
        row_gains,
        timings,
    } = trial;
    let Service { command, program, environment, placeholders } = service;
    let ProcessRun { output, startup, ready, exit } = run;
    let JobRun { submission, settled } = job_run;
    let mut stored = format::Observation::new(case.into(), ready.into(), exit.into());
    stored.command = command;
    (stored.program, stored.environment) = (program, environment);
    stored.placeholders = placeholders;
    stored.output = output.into();
    stored.startup = startup.into();
    stored.submission = submission.map(Into::into);
    stored.settled = settled.map(Into::into);
    stored.witness = witness.map(Into::into);
    stored.server_errors = server_errors.into_iter().map(Into::into).collect();
    (stored.server_log_read, stored.other_tables) = (server_log_read, other_tables);
    stored.helpers = helpers.into_iter().map(Into::into).collect();
    stored.second_job = second_job.map(|second_job| (*second_job).into());
    stored.request_counts = request_counts;
    stored.further_jobs = further_jobs.into_iter().map(Into::into).collect();
    stored.exchanges = exchanges.into_iter().map(Into::into).collect();
    stored.strangers = strangers;
    stored.period = period.map(|Period { submitted, stopped }| [submitted, stopped]);
    stored.variations = variations;
    stored.repetitions = repetitions.into_iter().map(Into::into).collect();
    stored.job_times = job_times;
    (stored.spans_before_stop, stored.most_spans) = (spans_before_stop, most_spans);
    stored.spans_arriving = spans_arriving;
    stored.running_statements = running_statements.into_iter().map(Into::into).collect();
    stored.row_gains = row_gains;
    stored.timings = timings;
    stored
}

fn from_deployment(case: Case, deployment: Deployment) -> format::Observation {
    let flags = case.flags.iter();
    let environment = flags.filter_map(|(name, value)| Some((name.clone(), value.text()?.into())));
    let environment = environment.collect();
    let exit = format::ProcessExit::new(format::Ending::Unseen);
    let mut stored = format::Observation::new(case.into(), format::WaitResult::Reached, exit);
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
        let tables = TableRows {
            jobs: stored.jobs.into(),
            units: stored.units.into(),
            spans: stored.spans.into(),
        };
        if let Some(deployment) = stored.deployment {
            let deployment = to_deployment(*deployment, stored.output);
            return Self { case, tables, origin: Origin::Deployment(Box::new(deployment)) };
        }
        let trial = TrialRecord {
            service: Service {
                command: stored.command,
                program: stored.program,
                environment: stored.environment,
                placeholders: stored.placeholders,
            },
            run: ProcessRun {
                output: stored.output.into(),
                startup: stored.startup.into(),
                ready: stored.ready.into(),
                exit: stored.exit.into(),
            },
            job_run: JobRun {
                submission: stored.submission.map(Into::into),
                settled: stored.settled.map(Into::into),
            },
            exchanges: stored.exchanges.into_iter().map(Into::into).collect(),
            strangers: stored.strangers,
            witness: stored.witness.map(Into::into),
            server_errors: stored.server_errors.into_iter().map(Into::into).collect(),
            server_log_read: stored.server_log_read,
            other_tables: stored.other_tables,
            helpers: stored.helpers.into_iter().map(Into::into).collect(),
            second_job: stored.second_job.map(|second_job| Box::new(second_job.into())),
            request_counts: stored.request_counts,
            is_later_job: false,
            further_jobs: stored.further_jobs.into_iter().map(Into::into).collect(),
            period: stored.period.map(|[submitted, stopped]| Period { submitted, stopped }),
            variations: stored.variations,
            repetitions: stored.repetitions.into_iter().map(Into::into).collect(),
            job_times: stored.job_times,
            spans_before_stop: stored.spans_before_stop,
            most_spans: stored.most_spans.or(stored.spans_before_stop),
            spans_arriving: stored.spans_arriving,
            running_statements: stored.running_statements.into_iter().map(Into::into).collect(),
            row_gains: stored.row_gains,
            timings: stored.timings,
        };
        Self { case, tables, origin: Origin::Trial(Box::new(trial)) }
    }
}

/// Converts the stored form of an existing system, whose log lines are stored as output.
fn to_deployment(stored: format::Deployment, output: format::Output) -> Deployment {
    // The file of an incident may be truncated, and contain lines but no facts about the log.
    let facts = stored.log.map(LogFacts::from);
    let facts = facts.or_else(|| (!output.lines.is_empty()).then(LogFacts::default));
    let lines = output.lines.into_iter().map(LogLine::from);
    let dropped_bytes = output.dropped_bytes;
    let mut spans = stored.other_table_spans;
    let other_tables = stored.other_tables.into_iter().map(|(name, rows)| OtherTable {
        spans: spans.remove(&name).unwrap_or_default(),
        name,
        rows,
    });
    let log = facts.map(|facts| Log { facts, lines: lines.collect(), dropped_bytes });
    Deployment {
        database: stored.database,
        log,
        other_tables: other_tables.collect(),
        concurrent_spans: stored.concurrent_spans.into_iter().map(Into::into).collect(),
        unread: stored.unread,
        plans: stored.plans,
        shared_spans: SharedSpans::default(),
    }
}

impl From<&Deployment> for format::Deployment {
    fn from(deployment: &Deployment) -> Self {
        let Deployment { database, log, other_tables, concurrent_spans, unread, plans, .. } =
            deployment.clone();
        let mut stored = Self::default();
        stored.database = database;
        stored.log = log.map(|log| log.facts.into());
        for OtherTable { name, rows, spans } in other_tables {
            stored.other_tables.push((name.clone(), rows));
            stored.other_table_spans.insert(name, spans);
        }
        stored.concurrent_spans = concurrent_spans.into_iter().map(Into::into).collect();
        stored.unread = unread;
        stored.plans = plans;
        stored
    }
}

impl From<SecondJob> for format::SecondJob {
    fn from(second_job: SecondJob) -> Self {
        let SecondJob { run, job_run, tables, server_errors } = second_job;
        let ProcessRun { output, startup, ready, exit } = run;
        let JobRun { submission, settled } = job_run;
        let TableRows { jobs, units, spans } = tables;
        let mut stored = Self::new(ready.into(), exit.into());
        stored.output = output.into();
        stored.startup = startup.into();
        stored.submission = submission.map(Into::into);
        stored.settled = settled.map(Into::into);
        (stored.jobs, stored.units, stored.spans) = (jobs.into(), units.into(), spans.into());
        stored.server_errors =
            server_errors.map(|errors| errors.into_iter().map(Into::into).collect());
        stored
    }
}

impl From<format::SecondJob> for SecondJob {
    fn from(stored: format::SecondJob) -> Self {
        Self {
            run: ProcessRun {
                output: stored.output.into(),
                startup: stored.startup.into(),
                ready: stored.ready.into(),
                exit: stored.exit.into(),
            },
            job_run: JobRun {
                submission: stored.submission.map(Into::into),
                settled: stored.settled.map(Into::into),
            },
            tables: TableRows {
                jobs: stored.jobs.into(),
                units: stored.units.into(),
                spans: stored.spans.into(),
            },
            server_errors: stored
                .server_errors
                .map(|errors| errors.into_iter().map(Into::into).collect()),
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

impl From<LineCounts> for format::LineCounts {
    fn from(counts: LineCounts) -> Self {
        Self::new(counts.stdout, counts.stderr)
    }
}

impl From<format::LineCounts> for LineCounts {
    fn from(stored: format::LineCounts) -> Self {
        Self { stdout: stored.stdout, stderr: stored.stderr }
    }
}

impl From<WaitResult> for format::WaitResult {
    fn from(result: WaitResult) -> Self {
        match result {
            WaitResult::Reached => Self::Reached,
            WaitResult::NotReached(state) => Self::NotReached(state),
        }
    }
}

impl From<format::WaitResult> for WaitResult {
    fn from(stored: format::WaitResult) -> Self {
        match stored {
            format::WaitResult::Reached => Self::Reached,
            format::WaitResult::NotReached(state) => Self::NotReached(state),
        }
    }
}

impl From<Submission> for format::Submission {
    fn from(submission: Submission) -> Self {
        Self::new(submission.request, submission.status, submission.body)
    }
}

impl From<format::Submission> for Submission {
    fn from(stored: format::Submission) -> Self {
        Self { request: stored.request, status: stored.status, body: stored.body }
    }
}

impl From<ConcurrentSpan> for format::ConcurrentSpan {
    fn from(span: ConcurrentSpan) -> Self {
        Self::new(span.started, span.name)
    }
}

impl From<format::ConcurrentSpan> for ConcurrentSpan {
    fn from(stored: format::ConcurrentSpan) -> Self {
        Self { started: stored.started, name: stored.name }
    }
}

impl From<LogFacts> for format::LogFacts {
    fn from(facts: LogFacts) -> Self {
        let LogFacts { name, lines, first, last, last_start, .. } = facts;
        let mut stored = Self::default();
        (stored.name, stored.lines) = (name, lines);
        (stored.first, stored.last, stored.last_start) = (first, last, last_start);
        (stored.crashes, stored.contradictions) = (facts.crashes, facts.contradictions);
        (stored.line_format, stored.unclear) = (facts.line_format, facts.unclear);
        (stored.lacks_zone, stored.fitting_zone) = (facts.lacks_zone, facts.fitting_zone);
        (stored.outside, stored.outside_lines) = (facts.outside, facts.outside_lines);
        (stored.doubts, stored.has_begin_lines) = (facts.doubts, facts.has_begin_lines);
        stored.is_foreign = facts.is_foreign;
        stored
    }
}

impl From<format::LogFacts> for LogFacts {
    fn from(stored: format::LogFacts) -> Self {
        Self {
            name: stored.name,
            lines: stored.lines,
            first: stored.first,
            last: stored.last,
            last_start: stored.last_start,
            crashes: stored.crashes,
            contradictions: stored.contradictions,
            line_format: stored.line_format,
            unclear: stored.unclear,
            lacks_zone: stored.lacks_zone,
            fitting_zone: stored.fitting_zone,
            has_begin_lines: stored.has_begin_lines,
            doubts: stored.doubts,
            outside: stored.outside,
            outside_lines: stored.outside_lines,
            is_foreign: stored.is_foreign,
        }
    }
}

impl From<&LogLine> for format::OutputLine {
    fn from(line: &LogLine) -> Self {
        let LogLine { number, at, text, process } = line;
        let at_ms = at.and_then(|at| u64::try_from(at.timestamp_millis()).ok());
        let mut stored = Self::new(format::Stream::Log, at_ms.unwrap_or(0), text);
        stored.number = Some(*number);
        stored.process.clone_from(process);
        stored
    }
}

impl From<format::OutputLine> for LogLine {
    fn from(stored: format::OutputLine) -> Self {
        let at = i64::try_from(stored.at_ms).ok().filter(|ms| *ms > 0);
        let at = at.and_then(DateTime::from_timestamp_millis);
        let (number, process) = (stored.number.unwrap_or(0), stored.process);
        Self { number, at, text: stored.text, process }
    }
}

impl From<Location> for format::Location {
    fn from(location: Location) -> Self {
        match location {
            Location::Stdout(number) => Self::Stdout(number),
            Location::Stderr(number) => Self::Stderr(number),
            Location::Log(number) => Self::Log(number),
        }
    }
}

impl From<format::Location> for Location {
    fn from(stored: format::Location) -> Self {
        match stored {
            format::Location::Stdout(number) => Self::Stdout(number),
            format::Location::Stderr(number) => Self::Stderr(number),
            format::Location::Log(number) => Self::Log(number),
        }
    }
}
