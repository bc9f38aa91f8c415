//! The work of a trial under a fault of the world: one job while it lasts, and another one after it.

use tokio::sync::Mutex;

use super::Error;
use super::recovery::FirstJob;
use super::rows::{read_rows, read_tables};
use super::run::Trial;
use super::service::{RunningService, Start, StoppedService};
use super::session::connect;
use crate::observation::{Rows, StartupCut, Submission};
use crate::spec::FaultKind;
use spanproof_lease::wait::{self, Look};

/// How often in a row the same must be seen before nothing more is expected to come.
const STEADY: usize = 10;

impl Trial {
    /// The job while the fault lasts, then another one.
    pub(super) async fn work_under_fault(&mut self, kind: FaultKind) -> Result<(), Error> {
        if let Some(fault) = &mut self.fault {
            fault.apply().await?;
        }
        self.submit().await?;
        match kind {
            FaultKind::KilledMidJob => self.wait_for_requests().await?,
            _ => drop(self.settle().await?),
        }
        if !kind.kills() {
            self.wait_for_lost_spans().await;
        }
        let stopped = if kind.kills() { Some(self.restart().await?) } else { None };
        let lines_before = match &stopped {
            Some(_) => StartupCut::default(),
            None => StartupCut::after(&self.service.child.output()),
        };
        if let Some(fault) = &mut self.fault {
            fault.clear().await?;
        }
        let mut connection = connect(self.database.url()).await?;
        let tables = read_tables(&mut connection, &self.world.spec().tables).await;
        drop(sqlx::Connection::close(connection).await);
        let jobs = tables.jobs.clone();
        let work = std::mem::take(&mut self.work);
        self.first = Some(FirstJob { tables, work, lines_before, stopped });
        if self.service.ready.yes() && !self.service.child.has_exited() {
            self.run_second_job(&jobs).await?;
        }
        Ok(())
    }

    /// The second job. `jobs` are those that were there before it.
    async fn run_second_job(&mut self, jobs: &Rows) -> Result<(), Error> {
        let request = self.world.second_request(&self.case.route, &self.case.job)?;
        let submission = self.send(request).await;
        let accepted = submission.accepted();
        self.work.submission = Some(submission);
        if accepted {
            self.work.settled = Some(self.wait_for_jobs(Some(jobs)).await?);
        }
        Ok(())
    }

    /// Waits for a line about lost spans: a service that collects them may not have tried yet.
    /// Such a line may never come, and that is evidence.
    async fn wait_for_lost_spans(&self) {
        let (probes, child) = (&self.world.spec().probes, &self.service.child);
        let _seen = wait::until("a line about lost spans", self.deadlines.flush, || async {
            let lost = |line: &str| probes.refused(line) || probes.unfinished(line);
            let seen = child.output().lines.iter().any(|line| lost(&line.text));
            if seen || child.has_exited() { Look::Done(()) } else { Look::NotYet(String::new()) }
        })
        .await;
    }

    /// Waits until the service has asked the upstream, which does not answer, for all that it will
    /// ask before it gets an answer.
    async fn wait_for_requests(&mut self) -> Result<(), Error> {
        let accepted = self.work.submission.as_ref().is_some_and(Submission::accepted);
        let Some(fault) = self.fault.as_mut().filter(|_| accepted) else { return Ok(()) };
        let tables = &self.world.spec().tables;
        let (upstream, child) = (&self.service.upstream, &self.service.child);
        let state = Mutex::new((fault.session(), [0; 3], 0));
        let within = self.deadlines.settle;
        let looked = wait::until("requests that wait for the upstream", within, || async {
            let (session, last, same) = &mut *state.lock().await;
            let asked = upstream.journal().len();
            let units = read_rows(session, &tables.units.table).await.all().len();
            let spans = read_rows(session, &tables.spans.table).await.all().len();
            let seen = [asked, units, spans];
            *same = if seen == *last { *same + 1 } else { 0 };
            *last = seen;
            if (asked > 0 && *same >= STEADY) || child.has_exited() {
                return Look::Done(());
            }
            Look::NotYet(format!("{asked} requests, {units} units, {spans} spans"))
        })
        .await;
        looked.map_err(|overdue| Error::Fault {
            name: self.case.fault.clone().unwrap_or_default(),
            source: overdue.into(),
        })
    }

    /// Kills the service and starts it again, with an upstream that answers.
    async fn restart(&mut self) -> Result<StoppedService, Error> {
        self.clock.skip();
        let start = Start {
            case: &self.case,
            behaviour: &self.behaviour,
            database: self.database.url(),
            env: &self.overrides.env,
            within: self.deadlines.ready,
        };
        self.service.child.kill().await;
        let next = RunningService::start(&self.world, &start, &mut self.clock).await?;
        std::mem::replace(&mut self.service, next).killed().await
    }
}
