//! Runs a trial with a fault, which is a disturbance that spanproof causes on purpose. The first job runs
//! while the fault is active, and the second job after the fault was removed.

use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::Error;
use super::recovery::FirstJob;
use super::rows::read_rows;
use super::run::Trial;
use super::service::{RunningService, ServiceOptions, StoppedService};
use super::session::connect;
use crate::observation::{LineCounts, Rows, Submission, TableRows};
use crate::spec::FaultKind;
use spanproof_format::count;
use spanproof_lease::wait::{self, Attempt};

/// Unchanged polls in a row after which no more requests or rows are expected.
const STABLE_POLLS: usize = 10;

impl Trial {
    /// Applies the fault, runs a job, removes the fault, and runs a second job.
    pub(super) async fn run_under_fault(&mut self, kind: FaultKind) -> Result<(), Error> {
        self.phases.before_fault = self.log_length().await?;
        if let Some(fault) = &mut self.fault {
            fault.apply().await?;
        }
        self.submit().await?;
        match kind {
            FaultKind::KilledMidJob => self.wait_for_requests().await?,
            _ => drop(self.settle().await?),
        }
        if !kind.kills_service() {
            self.wait_for_lost_spans().await;
        }
        let stopped = if kind.kills_service() { Some(self.restart().await?) } else { None };
        let lines = match &stopped {
            Some(_) => LineCounts::default(),
            None => LineCounts::count(&self.service.output()),
        };
        if let Some(fault) = &mut self.fault {
            fault.clear().await?;
        }
        let tables = self.own_tables().await?;
        let first_jobs = tables.jobs.clone();
        let job_run = std::mem::take(&mut self.job_run);
        let requests = match &stopped {
            Some(stopped) => stopped.exchanges.len(),
            None => self.service.upstream.request_count(),
        };
        self.first_job = Some(FirstJob { tables, job_run, lines, requests, stopped });
        if self.service.ready.is_reached() && !self.service.has_exited() {
            self.phases.before_second_job = self.log_length().await?;
            let job = self.world.second_job(&self.case.job)?;
            self.run_later_job(&job, &first_jobs).await?;
            let settled = self.job_run.has_ended();
            if settled && self.case.records(self.world.spec()) {
                self.wait_for_spans().await?;
            }
        }
        Ok(())
    }

    /// Reads the rows of the trial so far, without those that existed before the service started.
    pub(super) async fn own_tables(&self) -> Result<TableRows, Error> {
        let mut connection = connect(self.database.url()).await?;
        let mapping = &self.world.spec().tables;
        let tables = self.earlier_rows.read_own_tables(&mut connection, mapping).await?;
        drop(sqlx::Connection::close(connection).await);
        Ok(tables)
    }

    /// Returns the number of entries in the server's log; `None` if it can't be read.
    pub(super) async fn log_length(&self) -> Result<Option<usize>, Error> {
        let log = self.world.server().log(&self.database).await?;
        Ok(log.map(|entries| entries.len()))
    }

    /// Submits another job, for which the upstream behaves as for the first one, and waits for its end.
    /// `earlier_jobs` are the rows of the jobs before this one.
    pub(super) async fn run_later_job(
        &mut self,
        job: &Json,
        earlier_jobs: &Rows,
    ) -> Result<(), Error> {
        self.service.upstream.restart_replies();
        let submission = self.send(job).await?;
        let accepted = submission.is_accepted();
        self.job_run.submission = Some(submission);
        if accepted {
            self.job_run.settled = Some(self.wait_for_jobs(Some(earlier_jobs)).await?);
        }
        Ok(())
    }

    /// Waits for a line that reports lost spans, or until the service has exited: a service that writes spans
    /// in batches may not have tried to write them yet. A timeout is not an error, because a missing line is
    /// evidence, too.
    async fn wait_for_lost_spans(&self) {
        let (probes, service) = (&self.world.spec().probes, &self.service);
        let _timed_out = wait::until("a line about lost spans", self.timeouts.flush, || async {
            let is_loss = |line: &str| probes.refused(line) + probes.unfinished(line) > 0;
            let seen = service.output().lines.iter().any(|line| is_loss(&line.text));
            if seen || service.has_exited() {
                Attempt::Done(())
            } else {
                Attempt::NotYet(String::new())
            }
        })
        .await;
    }

    /// Waits until the service has sent all requests that it can send without an answer. The fake
    /// upstream does not answer, so that the service can be killed in the middle of its job.
    async fn wait_for_requests(&mut self) -> Result<(), Error> {
        let accepted = self.job_run.submission.as_ref().is_some_and(Submission::is_accepted);
        let Some(fault) = self.fault.as_mut().filter(|_| accepted) else { return Ok(()) };
        let tables = &self.world.spec().tables;
        let (upstream, service) = (&self.service.upstream, &self.service);
        let state = Mutex::new((fault.session(), [0; 3], 0));
        let within = self.timeouts.settle;
        let result = wait::until("requests that wait for the upstream", within, || async {
            let (session, last, unchanged) = &mut *state.lock().await;
            let requests = upstream.journal().len();
            let units = read_rows(session, &tables.units.table).await.all().len();
            let spans = read_rows(session, &tables.spans.table).await.all().len();
            let counts = [requests, units, spans];
            *unchanged = if counts == *last { *unchanged + 1 } else { 0 };
            *last = counts;
            if (requests > 0 && *unchanged >= STABLE_POLLS) || service.has_exited() {
                return Attempt::Done(());
            }
            let seen = [count(requests, "request"), count(units, "unit"), count(spans, "span")];
            Attempt::NotYet(seen.join(", "))
        })
        .await;
        result.map_err(|timeout| Error::Fault {
            name: self.case.fault.clone().unwrap_or_default(),
            source: timeout.into(),
        })
    }

    /// Kills the service and starts it again with an upstream that answers.
    async fn restart(&mut self) -> Result<StoppedService, Error> {
        self.stopwatch.skip();
        let options = ServiceOptions {
            case: &self.case,
            behaviour: &self.behaviour,
            database: self.database.url(),
            resources: &self.resources,
            env: &self.overrides.env,
            job: self.world.job(&self.case.job)?,
            ready_timeout: self.timeouts.ready,
        };
        let fault = self.case.fault.as_deref().and_then(|name| self.world.spec().fault(name));
        self.service.kill(fault.and_then(|fault| fault.process.as_deref())).await;
        self.service.stop_others().await?;
        let next = RunningService::start(&self.world, &options, &mut self.stopwatch).await?;
        std::mem::replace(&mut self.service, next).stop_after_kill(&self.world).await
    }
}
