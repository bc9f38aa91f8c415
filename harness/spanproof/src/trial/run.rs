//! A trial: one run of the service with its own database and its own fake upstream. A fault is a disturbance
//! that spanproof causes on purpose during a trial. The witness is a set of triggers that log each
//! attempt to insert a span.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::{Connection, PgConnection};

use super::case_database::CaseDatabase;
use super::earlier_rows::EarlierRows;
use super::fault::ActiveFault;
use super::flush::Arrival;
use super::helper_start::start_helpers;
use super::job_end::{JobEnd, Submitted};
use super::overrides::{EffectiveTimeouts, Overrides};
use super::phases::Phases;
use super::processes::{RunningProcess, stop_helpers};
use super::reader::{reader, session};
use super::recovery::FirstJob;
use super::repetition::{JobRecord, separate};
use super::request::Request;
use super::resources::Resources;
use super::server_evidence::ServerBefore;
use super::service::{RunningService, ServiceOptions};
use super::session::{connect, run_sql};
use super::stopwatch::Stopwatch;
use super::{Error, World, job, row_gains};
use crate::mask::Secrets;
use crate::matrix::Case;
use crate::observation::{
    JobRun, Observation, Period, Rows, Submission, TrialRecord, WaitResult, secrets,
};
use crate::process::Output;
use crate::spec::{Fault, FaultKind};
use crate::upstream::Behaviour;
use spanproof_format::RowGain;
use spanproof_postgres::Database;

/// A running service with its own database and upstream. Dropping it kills the service and removes
/// the database.
#[derive(Debug)]
#[must_use = "dropping a trial kills its service"]
pub struct Trial {
    pub(super) world: World,
    pub(super) case: Case,
    pub(super) overrides: Overrides,
    pub(super) timeouts: EffectiveTimeouts,
    pub(super) behaviour: Behaviour,
    pub(super) service: RunningService,
    /// Processes that the service needs and that are not under test.
    pub(super) helpers: Vec<RunningProcess>,
    pub(super) resources: Arc<Resources>,
    /// A session that reads while the service runs; `None` until the first read.
    pub(super) reader: Option<PgConnection>,
    pub(super) database: Database,
    pub(super) fault: Option<ActiveFault>,
    /// Where the fault begins and ends in the database server's log.
    pub(super) phases: Phases,
    /// The state of the database server before the service started, to which the state afterwards is
    /// compared.
    server_before: ServerBefore,
    /// The rows that were in the tables before the service started.
    pub(super) earlier_rows: EarlierRows,
    /// Counts of the rows that, according to the spec, a value of a flag adds.
    row_gains: Vec<RowGain>,
    /// The first job of a case with a fault; `None` until the fault is removed.
    pub(super) first_job: Option<FirstJob>,
    /// The jobs before the last one, in a case that repeats its job.
    pub(super) earlier_jobs: Vec<JobRecord>,
    pub(super) job_run: JobRun,
    /// The condition that shows that the last submitted job has ended.
    pub(super) job_end: JobEnd,
    /// Whether missing spans arrived after the end of the last job.
    pub(super) arrival: Arrival,
    /// The largest number of spans that were stored at one moment.
    pub(super) most_spans: u64,
    /// When the last job was submitted; `None` if none was, or if the service reads the job when it starts.
    submitted_at: Option<DateTime<Utc>>,
    pub(super) secrets: Secrets,
    pub(super) stopwatch: Stopwatch,
}

impl Trial {
    /// Creates the database and the upstream, and starts the service.
    pub(super) async fn start(
        world: World,
        case: Case,
        mut overrides: Overrides,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let fault = world.fault_of(&case)?;
        // A case with a fault runs two jobs, and the witness could not distinguish them.
        overrides.witness &= fault.is_none();
        let behaviour = match overrides.upstream.take() {
            Some(behaviour) => behaviour,
            None => world.behaviour(&case.upstream)?.clone(),
        };
        let timeouts = EffectiveTimeouts::new(&spec.service, overrides.timeouts);
        let mut stopwatch = Stopwatch::start(overrides.progress.clone());
        let CaseDatabase { database, server_before, earlier_rows, row_gains } =
            CaseDatabase::create(&world, &case, &overrides).await?;
        let fault = prepare_fault(&world, fault, &database).await?;
        stopwatch.lap("clone");
        let resources = Arc::new(Resources::new(spec, world.shared_resources())?);
        let helpers = start_helpers(&world, &case, database.url(), &resources).await?;
        if !helpers.is_empty() {
            stopwatch.lap("helpers");
        }
        // This fault kills the service while it waits for an answer of the upstream.
        let hangs = fault.as_ref().is_some_and(|fault| fault.kind() == FaultKind::KilledMidJob);
        let options = ServiceOptions {
            case: &case,
            behaviour: &if hangs { behaviour.clone().without_answers() } else { behaviour.clone() },
            database: database.url(),
            resources: &resources,
            env: &overrides.env,
            job: &job_of(&world, &overrides, &case)?,
            ready_timeout: timeouts.ready,
        };
        let service = RunningService::start(&world, &options, &mut stopwatch).await?;
        let secrets = secrets_of(&world, &case, &service);
        Ok(Self {
            world,
            case,
            overrides,
            timeouts,
            behaviour,
            service,
            helpers,
            resources,
            database,
            fault,
            phases: Phases::default(),
            server_before,
            earlier_rows,
            row_gains,
            first_job: None,
            earlier_jobs: Vec::new(),
            job_run: JobRun::default(),
            reader: None,
            job_end: JobEnd::Status,
            arrival: Arrival::None,
            most_spans: 0,
            submitted_at: None,
            secrets,
            stopwatch,
        })
    }

    /// Returns the service's base URL.
    pub fn url(&self) -> String {
        self.service.values.fill(&self.world.spec().service.url)
    }

    /// Returns the URL of this trial's database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Returns whether the service became ready in time.
    pub fn ready(&self) -> &WaitResult {
        &self.service.ready
    }

    /// Returns the output of the service so far, with masked secrets.
    pub fn output(&self) -> Output {
        let mut output = self.service.output();
        for line in &mut output.lines {
            line.text = self.secrets.text(&line.text);
        }
        output
    }

    /// Submits the job, waits for its end, stops the service and collects the evidence. If the case has a
    /// fault, one job runs while the fault is active, and a second job after it.
    ///
    /// # Errors
    /// When the database, the upstream or a process fails.
    pub async fn complete(self) -> Result<Observation, Error> {
        Ok(Box::pin(self.complete_keeping_database()).await?.0)
    }

    /// Like [`complete`](Self::complete), and also returns the database as the service left it.
    pub(super) async fn complete_keeping_database(
        mut self,
    ) -> Result<(Observation, Database), Error> {
        if self.service.ready.is_reached() {
            match self.fault.as_ref().map(ActiveFault::kind) {
                Some(FaultKind::JobRepeated) => Box::pin(self.repeat_job()).await?,
                Some(kind) => Box::pin(self.run_under_fault(kind)).await?,
                None => Box::pin(self.run_job()).await?,
            }
        }
        Box::pin(self.end()).await
    }

    pub(super) async fn run_job(&mut self) -> Result<(), Error> {
        self.submit().await?;
        if self.overrides.kill_after_submit {
            self.service.kill(None).await;
        }
        let settled = self.settle().await?;
        if settled.is_reached() && self.case.records(self.world.spec()) {
            self.wait_for_spans().await?;
        }
        Ok(())
    }

    /// Submits the job by the route of the case. If the service refuses the job, that is evidence, not an
    /// error.
    ///
    /// # Errors
    /// When the case names a route or a job that the spec does not have.
    pub async fn submit(&mut self) -> Result<&Submission, Error> {
        let job = job_of(&self.world, &self.overrides, &self.case)?;
        let submission = self.send(&job).await?;
        Ok(self.job_run.submission.insert(submission))
    }

    /// Submits a job by the route of the case, and sets the condition that shows that the job has ended.
    pub(super) async fn send(&mut self, job: &Json) -> Result<Submission, Error> {
        self.stopwatch.skip();
        let route = self.world.route(&self.case.route)?;
        let before = if route.at_start { Output::default() } else { self.service.output() };
        let (values, within) = (&self.service.values, self.timeouts.settle);
        self.submitted_at = (!route.at_start).then(Utc::now);
        let mut submission = match self.world.request_for(route, job)? {
            Request::AtStart => job::at_start(),
            Request::Http { method, path, headers, body } => {
                let headers = headers.iter().map(|(name, text)| (name.clone(), values.fill(text)));
                let target = (method.as_str(), self.url(), path.as_str());
                job::submit(target, headers.collect(), &body, within).await
            }
            Request::Sql(sql) => {
                let mut opened = None;
                let session = session(&mut self.fault, &mut opened, &self.database).await?;
                job::submit_by_sql(session, &sql).await
            }
            Request::Command(words) => {
                values.write_job(job)?;
                let environment = self.service.environment.clone();
                let launch = self.world.launch_words(&words, environment, values)?;
                job::submit_by_command(&launch, &self.resources.family, within).await?
            }
        };
        let answer = serde_json::from_str(&submission.body).unwrap_or(Json::Null);
        let submitted = Submitted { url: &self.url(), job, answer: &answer, before: &before };
        let one_shot = self.world.spec().service.one_shot;
        self.job_end = JobEnd::new(route.done.as_ref(), one_shot, &submitted);
        submission.body = self.secrets.text(&submission.body);
        submission.request = self.secrets.text(&submission.request);
        self.stopwatch.lap("submit");
        Ok(submission)
    }

    /// Waits until the job has ended, the service has exited, or the time limit is over.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn settle(&mut self) -> Result<WaitResult, Error> {
        if !self.job_run.submission.as_ref().is_some_and(Submission::is_accepted) {
            return Ok(WaitResult::NotReached("no job was accepted".into()));
        }
        let settled = self.wait_for_jobs(None).await?;
        Ok(self.job_run.settled.insert(settled).clone())
    }

    /// Waits until the last submitted job has ended, the service has exited, or the time limit is over.
    /// `before` are the rows of earlier jobs of this trial; `None` for the first job.
    pub(super) async fn wait_for_jobs(
        &mut self,
        before: Option<&Rows>,
    ) -> Result<WaitResult, Error> {
        self.stopwatch.skip();
        let reader = reader(&mut self.fault, &mut self.reader, &self.database).await?;
        let (tables, limit) = (&self.world.spec().tables, self.timeouts.settle);
        let (job, before) = ((&self.job_end, &self.service), (before, &self.earlier_rows));
        let settled = job::settle(reader, tables, before, job, limit).await;
        self.stopwatch.lap("settle");
        Ok(settled)
    }

    /// Stops the service, collects the evidence, and removes the database and the upstream.
    ///
    /// # Errors
    /// When the service can't be stopped or the database can't be read.
    pub async fn finish(self) -> Result<Observation, Error> {
        Ok(self.end().await?.0)
    }

    async fn end(mut self) -> Result<(Observation, Database), Error> {
        self.stopwatch.skip();
        let (spans_before_stop, running_statements) = self.before_stop().await;
        let spec = self.world.spec();
        self.check_world().await?;
        let mut stopped = self.service.stop(&self.world, self.timeouts.grace).await?;
        let helpers = stop_helpers(self.helpers).await?;
        let daemons = self.resources.family.end_daemons(self.timeouts.grace).await;
        stopped.run.exit.strays.extend(daemons);
        self.stopwatch.lap("stop");
        let stopped_at = Utc::now();
        // The witness waits until all other sessions have ended, so this session is closed first.
        close(self.reader.take()).await;
        let mut connection = connect(self.database.url()).await?;
        let place = (&self.database, &mut connection);
        let before = self.server_before;
        let server = before.evidence(&self.world, place, &self.phases, &self.overrides).await?;
        run_sql(&mut connection, "after the service has stopped", &self.overrides.sql_after)
            .await?;
        let tables = self.earlier_rows.read_own_tables(&mut connection, &spec.tables).await?;
        row_gains::after(&mut connection, spec, &mut self.row_gains).await;
        drop(connection.close().await);
        if let Some(fault) = self.fault {
            fault.clean_up().await?;
        }
        self.stopwatch.lap("collect");
        let record = TrialRecord {
            service: stopped.service,
            run: stopped.run,
            job_run: self.job_run,
            exchanges: self.overrides.without_header(stopped.exchanges),
            strangers: stopped.foreign_requests,
            witness: server.witness,
            server_log_read: server.errors.covers_first_job,
            server_errors: server.errors.before_fault,
            other_tables: server.other_tables,
            helpers,
            second_job: None,
            further_jobs: Vec::new(),
            request_counts: Vec::new(),
            is_later_job: false,
            period: self.submitted_at.map(|submitted| Period { submitted, stopped: stopped_at }),
            variations: None,
            repetitions: Vec::new(),
            job_times: None,
            spans_before_stop,
            most_spans: spans_before_stop.map(|spans| spans.max(self.most_spans)),
            running_statements,
            spans_arriving: self.arrival == Arrival::Continuing,
            row_gains: self.row_gains,
            timings: self.stopwatch.laps,
        };
        let observation = if let Some(first_job) = self.first_job {
            let second = (tables, server.errors.after_fault);
            first_job.with_second_job(spec, self.case, second, record)
        } else {
            let end = (tables, server.log.as_deref());
            separate(&self.earlier_jobs, spec, self.case, end, record)
        };
        Ok((observation.masked(spec, &self.secrets), self.database))
    }
}

/// Closes a session. Errors do not matter: its queries are done.
async fn close(session: Option<PgConnection>) {
    if let Some(session) = session {
        drop(session.close().await);
    }
}

/// Prepares the fault of a case; returns `None` if the case has none.
async fn prepare_fault(
    world: &World,
    fault: Option<&Fault>,
    database: &Database,
) -> Result<Option<ActiveFault>, Error> {
    match fault {
        Some(fault) => Ok(Some(ActiveFault::prepare(world, fault, database).await?)),
        None => Ok(None),
    }
}

/// Returns the values that are masked in the evidence of a trial.
fn secrets_of(world: &World, case: &Case, service: &RunningService) -> Secrets {
    let mut variables = service.environment.clone();
    // The password is masked like the value of a variable. No real variable has this name.
    variables.insert("{database.password}".to_owned(), service.values.password().to_owned());
    secrets(world.spec(), case, &variables)
}

/// Returns the job of a trial: that of the overrides, or else that of the case.
fn job_of(world: &World, overrides: &Overrides, case: &Case) -> Result<Json, Error> {
    match &overrides.job {
        Some(job) => Ok(job.clone()),
        None => world.job(&case.job).cloned(),
    }
}
