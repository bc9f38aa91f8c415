//! A case under a fault of the world: a job while it lasts, and another when it is over.

use std::time::Duration;

use super::Error;
use super::life::{Clock, Life, Past};
use super::run::{Tables, Trial, Work};
use super::session::connect;
use crate::evidence::{Evidence, Recovery, Row, Rows, StartupCut, Submission, read_rows};
use crate::process::{Exit, Output, Stream};
use crate::spec::{FaultKind, Spec};
use crate::wait::{self, Look};

/// How many looks in a row must see the same before nothing more is expected to come.
const QUIET: usize = 10;

/// How things stood when the fault was over.
#[derive(Debug)]
pub(super) struct Before {
    tables: Tables,
    /// The first job.
    work: Work,
    /// How much the service had said.
    said: StartupCut,
    /// The life that ended by the fault.
    past: Option<Past>,
}

impl Trial {
    /// The job while the fault lasts, then another one.
    pub(super) async fn work_under_fault(&mut self) -> Result<(), Error> {
        let Some(kind) = self.kind() else { return Ok(()) };
        if let Some(disturbance) = &mut self.disturbance {
            disturbance.strike().await?;
        }
        self.submit().await?;
        match kind {
            FaultKind::KilledMidJob => self.quiet().await?,
            _ => drop(self.settle().await?),
        }
        if !kind.kills() {
            self.hear().await;
        }
        let past = if kind.kills() { Some(self.restart().await?) } else { None };
        let said = match &past {
            Some(_) => StartupCut::default(),
            None => StartupCut::after(&self.life.child.output()),
        };
        if let Some(disturbance) = &mut self.disturbance {
            disturbance.clear().await?;
        }
        let mut connection = connect(self.database.url()).await?;
        let tables = Tables::read(&mut connection, &self.world).await;
        drop(sqlx::Connection::close(connection).await);
        let work = std::mem::take(&mut self.work);
        let before = self.before.insert(Before { tables, work, said, past });
        if self.life.ready.yes() && !self.life.child.has_exited() {
            let jobs = before.tables.jobs.clone();
            self.work_again(&jobs).await?;
        }
        Ok(())
    }

    /// Waits for a word about lost spans: a service that collects them may not have tried yet.
    /// That there is none is evidence.
    async fn hear(&self) {
        let spec = self.world.spec();
        let within = Duration::from_millis(spec.service.flush_ms);
        let child = &self.life.child;
        let _heard = wait::until("a word about lost spans", within, || async {
            let told = |line: &str| spec.probes.refused(line) || spec.probes.unfinished(line);
            let heard = child.output().lines.iter().any(|line| told(&line.text));
            if heard || child.has_exited() { Look::Done(()) } else { Look::NotYet(String::new()) }
        })
        .await;
    }

    fn kind(&self) -> Option<FaultKind> {
        let name = self.case.fault.as_deref()?;
        self.world.spec().fault(name).map(|fault| fault.kind)
    }

    async fn work_again(&mut self, jobs: &Rows) -> Result<(), Error> {
        let world = self.world.clone();
        let (path, body) = world.second_request(&self.case.route, &self.case.job)?;
        let submission = self.send(path, &body).await;
        let accepted = submission.accepted();
        self.work.submission = Some(submission);
        if accepted {
            self.work.settled = Some(self.settled(Some(jobs)).await?);
        }
        Ok(())
    }

    /// Waits until the service has asked the upstream, which does not answer, for all that it will
    /// ask before it gets an answer.
    async fn quiet(&mut self) -> Result<(), Error> {
        let accepted = self.work.submission.as_ref().is_some_and(Submission::accepted);
        let Some(disturbance) = self.disturbance.as_mut().filter(|_| accepted) else {
            return Ok(());
        };
        let tables = &self.world.spec().tables;
        let within = Duration::from_millis(self.world.spec().service.settle_ms);
        let (upstream, child) = (&self.life.upstream, &self.life.child);
        let state = tokio::sync::Mutex::new((disturbance.session(), (0, 0, 0), 0));
        let looked = wait::until("requests that wait for the upstream", within, || async {
            let (session, last, same) = &mut *state.lock().await;
            let asked = upstream.journal().len();
            let units = read_rows(session, &tables.units.table).await.all().len();
            let spans = read_rows(session, &tables.spans.table).await.all().len();
            let seen = (asked, units, spans);
            *same = if seen == *last { *same + 1 } else { 0 };
            *last = seen;
            if (asked > 0 && *same >= QUIET) || child.has_exited() {
                return Look::Done(());
            }
            Look::NotYet(format!("{asked} requests, {units} units, {spans} spans"))
        })
        .await;
        looked.map_err(|overdue| Error::Fault {
            name: self.case.fault.clone().unwrap_or_default(),
            reason: overdue.to_string(),
        })
    }

    /// Kills the service and starts it again, with an upstream that answers.
    async fn restart(&mut self) -> Result<Past, Error> {
        let mut clock = Clock::after(std::mem::take(&mut self.timings));
        let world = self.world.clone();
        let behaviour = world.behaviour(&self.case.upstream)?;
        self.life.child.kill().await;
        let (database, env) = (self.database.url(), &self.setting.env);
        let next = Life::begin((&world, &self.case), behaviour, database, env, &mut clock).await?;
        self.timings = clock.laps;
        let past = std::mem::replace(&mut self.life, next).end(Duration::ZERO).await?;
        // It has not ended by itself.
        Ok(Past { exit: Exit { asked: true, killed: true, ..past.exit }, ..past })
    }
}

impl Before {
    /// The evidence of the first job, with that of the second in it. `all` is how things stood at
    /// the end.
    pub(super) fn with(self, spec: &Spec, all: Evidence) -> Evidence {
        let tables = &spec.tables;
        let same_id = |old: &Row, new: &Row| old.get(&tables.spans.id) == new.get(&tables.spans.id);
        let same = |old: &Row, new: &Row| old == new;
        let Tables { jobs, units, spans } = self.tables;
        let units_since = all.units.since(&units, same);
        // Spans of the first job that were still on their way are not the second's.
        let id = |row: &Row, column: &String| row.get(column).cloned();
        let is_of = |rows: &Rows, span: &Row| {
            let unit = id(span, &tables.spans.unit);
            unit.is_some() && rows.all().iter().any(|row| id(row, &tables.units.id) == unit)
        };
        let late = |span: &Row| is_of(&units, span) && !is_of(&units_since, span);
        let spans_since = match all.spans.since(&spans, same_id) {
            Rows::Found(rows) => Rows::Found(rows.into_iter().filter(|span| !late(span)).collect()),
            unreadable @ Rows::Unreadable(_) => unreadable,
        };
        let recovery = Recovery {
            output: later(&all.output, all.startup, self.said),
            startup: all.startup,
            ready: all.ready.clone(),
            submission: all.submission,
            settled: all.settled,
            jobs: all.jobs.since(&jobs, same),
            units: units_since,
            spans: spans_since,
            exit: all.exit.clone(),
        };
        let first = Evidence {
            submission: self.work.submission,
            settled: self.work.settled,
            jobs,
            units,
            spans,
            recovery: Some(recovery),
            ..all
        };
        match self.past {
            Some(past) => Evidence {
                environment: past.environment,
                names: past.names,
                output: past.output,
                startup: past.startup,
                ready: past.ready,
                exchanges: [past.exchanges, first.exchanges].concat(),
                exit: past.exit,
                ..first
            },
            None => Evidence { output: until(&first.output, self.said), ..first },
        }
    }
}

/// Each line with its number in its stream, from 0.
fn pick(output: &Output, keep: impl Fn(Stream, usize) -> bool) -> Output {
    let mut counts = [0_usize; 2];
    let lines = output.lines.iter().filter(|line| {
        let count = &mut counts[usize::from(line.stream == Stream::Stderr)];
        *count += 1;
        keep(line.stream, *count - 1)
    });
    Output { lines: lines.cloned().collect(), ..output.clone() }
}

fn count(cut: StartupCut, stream: Stream) -> usize {
    match stream {
        Stream::Stdout => cut.stdout,
        Stream::Stderr => cut.stderr,
        // A service of ours has no other.
        Stream::Log => 0,
    }
}

fn until(output: &Output, cut: StartupCut) -> Output {
    pick(output, |stream, at| at < count(cut, stream))
}

/// The startup, and what came after the cut.
fn later(output: &Output, startup: StartupCut, cut: StartupCut) -> Output {
    pick(output, |stream, at| at < count(startup, stream) || at >= count(cut, stream))
}
