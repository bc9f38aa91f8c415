//! Visits every text of an observation that may contain a secret or personal data. An observation is the
//! evidence of one trial (one run of the service by spanproof) or of an existing system.
//!
//! Every struct is destructured without `..`, so a new field does not compile until this file
//! visits or ignores it.

use std::collections::BTreeMap;

use super::{
    BlindSpot, ConcurrentSpan, Deployment, Failure, JobRun, Log, LogFacts, LogLine, Observation,
    Origin, OtherTable, ProcessRun, Rows, RunningStatement, SecondJob, Service, Submission, Table,
    TableRows, TrialRecord, WaitResult, Witness,
};
use crate::matrix::Case;
use crate::observation::Row;
use crate::process::{Exit, Line, Output};
use crate::spec::Value;
use crate::upstream::{Answer, Exchange};

/// The part of an observation that a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The command line of the service.
    Command,
    /// URLs and ports that differ from run to run.
    Addresses,
    /// The service's environment.
    Environment,
    /// Output, log lines, states seen while waiting, and errors of spanproof.
    Output,
    /// The service's answer to a job.
    Submission,
    /// Requests to the upstream.
    Upstream,
    /// The database server's log, and statements that the server was executing.
    Witness,
    /// The database of an existing system, its query plans, and what could not be read from it.
    Database,
    /// A text from a table that is not a row, or the reason why the table can't be read.
    Table(Table),
}

/// Reads or changes the texts of an observation.
pub(crate) trait Visitor {
    /// Visits a free text.
    fn text(&mut self, part: Part, text: &mut String);
    /// Visits the value of a variable or header. The name can show that the value is a secret.
    fn named_value(&mut self, part: Part, name: &str, value: &mut String);
    /// Visits the value of a flag.
    fn flag(&mut self, name: &str, value: &mut Value);
    /// Visits a line of output or log.
    fn line(&mut self, text: &mut String);
    /// Visits the body of a request to the upstream.
    fn body(&mut self, body: &mut String);
    /// Visits a row.
    fn row(&mut self, table: Table, row: &mut Row);
}

impl Observation {
    /// Passes every text to a visitor, which may change it.
    pub(crate) fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { case, tables, origin } = self;
        // Route, upstream, job and fault are names from the spec, and the id is a hash: they
        // contain no secret.
        let Case { id: _, flags, route: _, upstream: _, job: _, fault: _ } = case;
        for (name, value) in flags {
            visitor.flag(name, value);
        }
        tables.visit(visitor);
        match origin {
            Origin::Trial(trial) => trial.visit(visitor),
            Origin::Deployment(deployment) => deployment.visit(visitor),
        }
    }
}

impl TableRows {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { jobs, units, spans } = self;
        for (table, rows) in [(Table::Jobs, jobs), (Table::Units, units), (Table::Spans, spans)] {
            rows.visit(table, visitor);
        }
    }
}

impl Rows {
    /// Passes every row of a table to a visitor.
    pub(crate) fn visit(&mut self, table: Table, visitor: &mut dyn Visitor) {
        if let Self::Unreadable(why) = self {
            visitor.text(Part::Table(table), why);
        }
        for row in self.found_mut().into_iter().flatten() {
            visitor.row(table, row);
        }
    }
}

impl TrialRecord {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self {
            service,
            run,
            job_run,
            exchanges,
            strangers,
            witness,
            server_errors,
            server_log_read: _,
            other_tables: _,
            helpers,
            second_job,
            further_jobs,
            request_counts: _,
            is_later_job: _,
            period: _,
            variations,
            repetitions,
            job_times: _,
            spans_before_stop: _,
            most_spans: _,
            running_statements,
            spans_arriving: _,
            row_gains,
            timings: _,
        } = self;
        service.visit(visitor);
        run.visit(visitor);
        job_run.visit(visitor);
        for exchange in exchanges {
            visit_exchange(exchange, visitor);
        }
        visit_strangers(strangers, visitor);
        if let Some(witness) = witness {
            witness.visit(visitor);
        }
        for failure in server_errors {
            failure.visit(visitor);
        }
        for running in running_statements {
            running.visit(visitor);
        }
        for output in helpers {
            output.visit(visitor);
        }
        let errors = repetitions.iter_mut().filter_map(|repetition| repetition.error.as_mut());
        for error in errors.chain(row_gains.iter_mut().filter_map(|gain| gain.error.as_mut())) {
            visitor.text(Part::Output, error);
        }
        if let Some(keys) = variations {
            let masked = std::mem::take(keys).into_iter().map(|mut key| {
                visitor.text(Part::Table(Table::Units), &mut key);
                key
            });
            *keys = masked.collect();
        }
        for job in second_job.as_deref_mut().into_iter().chain(further_jobs) {
            job.visit(visitor);
        }
    }
}

/// Visits the names of processes that do not belong to the case.
fn visit_strangers(strangers: &mut BTreeMap<String, u64>, visitor: &mut dyn Visitor) {
    let masked = std::mem::take(strangers).into_iter().map(|(mut process, requests)| {
        visitor.text(Part::Upstream, &mut process);
        (process, requests)
    });
    *strangers = masked.collect();
}

impl Service {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { command, program: _, environment, placeholders } = self;
        visitor.text(Part::Command, command);
        for (name, value) in environment {
            visitor.named_value(Part::Environment, name, value);
        }
        for (_, value) in placeholders {
            visitor.text(Part::Addresses, value);
        }
    }
}

impl Output {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { lines, invalid_lines: _, dropped_bytes: _ } = self;
        for Line { stream: _, at_ms: _, text, process: _ } in lines {
            visitor.line(text);
        }
    }
}

impl ProcessRun {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { output, startup: _, ready, exit } = self;
        output.visit(visitor);
        ready.visit(visitor);
        let Exit {
            ending: _,
            stop_requested: _,
            killed: _,
            at_ms: _,
            stop_ms: _,
            strays,
            process: _,
        } = exit;
        for stray in strays {
            visitor.text(Part::Output, stray);
        }
    }
}

impl WaitResult {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        if let Self::NotReached(why) = self {
            visitor.text(Part::Output, why);
        }
    }
}

impl JobRun {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { submission, settled } = self;
        if let Some(Submission { request, status: _, body }) = submission {
            visitor.text(Part::Submission, request);
            visitor.text(Part::Submission, body);
        }
        if let Some(settled) = settled {
            settled.visit(visitor);
        }
    }
}

fn visit_exchange(exchange: &mut Exchange, visitor: &mut dyn Visitor) {
    let Exchange { at_ms: _, answered: _, method: _, path, headers, body, answer } = exchange;
    visitor.text(Part::Upstream, path);
    for (name, value) in headers {
        visitor.named_value(Part::Upstream, name, value);
    }
    visitor.body(body);
    match answer {
        Answer::Unmatched(reply) => visitor.text(Part::Upstream, reply),
        Answer::Status(_) | Answer::Closed | Answer::Hanging => {}
    }
}

impl Witness {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self {
            statements: _,
            attempted_rows: _,
            written_rows: _,
            removed_rows: _,
            overwritten_rows: _,
            rollbacks: _,
            failures,
            blind_spots,
            other_tables: _,
            unattributed,
        } = self;
        for text in unattributed {
            visitor.text(Part::Witness, text);
        }
        for BlindSpot { what, effect: _, statements: _ } in blind_spots {
            visitor.text(Part::Witness, what);
        }
        for failure in failures {
            failure.visit(visitor);
        }
    }
}

impl SecondJob {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { run, job_run, tables, server_errors } = self;
        for failure in server_errors.iter_mut().flatten() {
            failure.visit(visitor);
        }
        run.visit(visitor);
        job_run.visit(visitor);
        tables.visit(visitor);
    }
}

impl RunningStatement {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { statement, running_ms: _, blocked_by } = self;
        for text in std::iter::once(statement).chain(blocked_by) {
            visitor.text(Part::Witness, text);
        }
    }
}

impl Failure {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { state: _, message, statement } = self;
        visitor.text(Part::Witness, message);
        if let Some(statement) = statement {
            visitor.text(Part::Witness, statement);
        }
    }
}

impl Deployment {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { database, log, other_tables, concurrent_spans, unread, plans, shared_spans } =
            self;
        for span in &mut shared_spans.rows {
            visitor.row(Table::Spans, span);
        }
        for OtherTable { name: _, rows: _, spans } in other_tables {
            for span in spans {
                visitor.row(Table::Spans, span);
            }
        }
        if let Some(database) = database {
            visitor.text(Part::Database, database);
        }
        if let Some(Log { facts, lines, dropped_bytes: _ }) = log {
            let LogFacts {
                name,
                lines: _,
                first: _,
                last: _,
                last_start: _,
                crashes,
                contradictions: _,
                line_format: _,
                unclear,
                lacks_zone: _,
                fitting_zone: _,
                has_begin_lines: _,
                doubts,
                outside,
                outside_lines: _,
                is_foreign: _,
            } = facts;
            visitor.text(Part::Output, name);
            for line in crashes.iter_mut().chain(unclear).chain(doubts).chain(outside) {
                visitor.line(line);
            }
            for LogLine { number: _, at: _, text, process } in lines {
                visitor.line(text);
                if let Some(process) = process {
                    visitor.text(Part::Output, process);
                }
            }
        }
        for ConcurrentSpan { started: _, name } in concurrent_spans {
            visitor.text(Part::Table(Table::Spans), name);
        }
        for text in unread.iter_mut().chain(plans) {
            visitor.text(Part::Database, text);
        }
    }
}
