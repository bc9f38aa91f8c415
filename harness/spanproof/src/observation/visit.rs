//! Visiting every text of an observation that may hold a secret or personal data.
//!
//! Each struct is destructured without `..`: a new field does not compile until it is decided here
//! whether it is visited.

use super::{
    Deployment, Failure, Log, LogFacts, LogLine, Neighbour, Observation, Origin, ProcessRun,
    Reached, Rows, Second, Service, Submission, Table, Tables, TrialRecord, Witness, Work,
};
use crate::matrix::Case;
use crate::observation::Row;
use crate::process::{Exit, Line, Output};
use crate::spec::Value;
use crate::upstream::{Answer, Exchange};

/// What kind of thing a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The command that started the service.
    Command,
    /// The addresses that differ from run to run.
    Addresses,
    /// The service's environment.
    Environment,
    /// Output, log lines, and what was seen while waiting.
    Output,
    /// What the service answered to a job.
    Submission,
    /// Requests to the upstream.
    Upstream,
    /// The server's log.
    Witness,
    /// A database that was already there, and what could not be read of it.
    Database,
    /// Why a table can't be read.
    Table(Table),
}

/// Changes the texts of an observation; each comes with the part that it belongs to.
pub(crate) trait Visitor {
    /// A text in which anything may stand.
    fn text(&mut self, part: Part, text: &mut String);
    /// A value whose name may say that it is a secret: a variable or a header.
    fn named(&mut self, part: Part, name: &str, value: &mut String);
    /// The value of a flag.
    fn flag(&mut self, name: &str, value: &mut Value);
    /// A line of output or log.
    fn line(&mut self, text: &mut String);
    /// The body of a request to the upstream.
    fn body(&mut self, body: &mut String);
    /// A row.
    fn row(&mut self, table: Table, row: &mut Row);
}

impl Observation {
    /// Shows every text to a visitor, which may change it.
    pub(crate) fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { case, tables, origin } = self;
        // Names of the spec identify a case; they are not data.
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

impl Tables {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { jobs, units, spans } = self;
        for (table, rows) in [(Table::Jobs, jobs), (Table::Units, units), (Table::Spans, spans)] {
            rows.visit(table, visitor);
        }
    }
}

impl Rows {
    /// Shows every row of one table to a visitor.
    pub(crate) fn visit(&mut self, table: Table, visitor: &mut dyn Visitor) {
        match self {
            Self::Found(rows) => {
                for row in rows {
                    visitor.row(table, row);
                }
            }
            Self::Unreadable(why) => visitor.text(Part::Table(table), why),
        }
    }
}

impl TrialRecord {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { service, run, work, exchanges, witness, second, timings: _ } = self;
        service.visit(visitor);
        run.visit(visitor);
        work.visit(visitor);
        for exchange in exchanges {
            visit_exchange(exchange, visitor);
        }
        if let Some(witness) = witness {
            witness.visit(visitor);
        }
        if let Some(second) = second {
            let Second { run, work, tables } = &mut **second;
            run.visit(visitor);
            work.visit(visitor);
            tables.visit(visitor);
        }
    }
}

impl Service {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { command, program: _, environment, names } = self;
        visitor.text(Part::Command, command);
        for (name, value) in environment {
            visitor.named(Part::Environment, name, value);
        }
        for (_, value) in names {
            visitor.text(Part::Addresses, value);
        }
    }
}

impl ProcessRun {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { output, startup: _, ready, exit } = self;
        let Output { lines, invalid_lines: _, dropped_bytes: _ } = output;
        for Line { stream: _, at_ms: _, text } in lines {
            visitor.line(text);
        }
        ready.visit(visitor);
        let Exit { ending: _, asked: _, killed: _, at_ms: _, stop_ms: _, strays } = exit;
        for stray in strays {
            visitor.text(Part::Output, stray);
        }
    }
}

impl Reached {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        if let Self::No(why) = self {
            visitor.text(Part::Output, why);
        }
    }
}

impl Work {
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
    let Exchange { at_ms: _, method: _, path, headers, body, answer } = exchange;
    visitor.text(Part::Upstream, path);
    for (name, value) in headers {
        visitor.named(Part::Upstream, name, value);
    }
    visitor.body(body);
    match answer {
        Answer::Unmatched(reply) => visitor.text(Part::Upstream, reply),
        Answer::Status(_) | Answer::Closed | Answer::Hanging => {}
    }
}

impl Witness {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { begun: _, tried: _, written: _, failures, elsewhere: _ } = self;
        for Failure { state: _, message, statement } in failures {
            visitor.text(Part::Witness, message);
            if let Some(statement) = statement {
                visitor.text(Part::Witness, statement);
            }
        }
    }
}

impl Deployment {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        let Self { database, log, elsewhere: _, neighbours, unread, plans } = self;
        if let Some(database) = database {
            visitor.text(Part::Database, database);
        }
        if let Some(Log { facts, lines, dropped_bytes: _ }) = log {
            let LogFacts {
                name,
                lines: _,
                first: _,
                last: _,
                started: _,
                crashes,
                contradicted: _,
            } = facts;
            visitor.text(Part::Output, name);
            for crash in crashes {
                visitor.line(crash);
            }
            for LogLine { number: _, at: _, text } in lines {
                visitor.line(text);
            }
        }
        for Neighbour { started: _, operation } in neighbours {
            visitor.text(Part::Table(Table::Spans), operation);
        }
        for text in unread.iter_mut().chain(plans) {
            visitor.text(Part::Database, text);
        }
    }
}
