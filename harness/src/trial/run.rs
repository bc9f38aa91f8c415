//! One trial: a service that runs in a world of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sqlx::{Connection, PgConnection};

use super::fault::Disturbance;
use super::life::{Clock, Life};
use super::readiness::client;
use super::recovery::Before;
use super::session::{connect, seed};
use super::{Error, World, sabotage, witness};
use crate::chain::chain;
use crate::document::suggestion;
use crate::evidence::{self, Evidence, FORMAT, Reached, Row, Rows, Submission, read_rows};
use crate::mask::Secrets;
use crate::matrix::Case;
use crate::postgres::Database;
use crate::process::Output;
use crate::spec::{Fault, FaultKind, Value};
use crate::upstream::Behaviour;
use crate::wait::{self, Look};

/// A running service with its own database and upstream. Dropping it stops and removes all.
#[derive(Debug)]
#[must_use = "dropping a trial stops its service"]
pub struct Trial {
    pub(super) world: World,
    pub(super) case: Case,
    pub(super) life: Life,
    pub(super) database: Database,
    pub(super) disturbance: Option<Disturbance>,
    /// How things stood when the fault was over.
    pub(super) before: Option<Before>,
    pub(super) setting: Setting,
    secrets: Secrets,
    pub(super) work: Work,
    pub(super) timings: BTreeMap<String, u64>,
}

/// What was recorded of a world elsewhere, and takes the place of what the spec says.
#[derive(Debug, Clone, Default)]
pub struct Scenery {
    /// How the upstream behaves.
    pub behaviour: Option<Behaviour>,
    /// The job.
    pub input: Option<Json>,
    /// Whether the server is a witness.
    pub witnessed: bool,
}

/// What differs from the world that the spec declares.
#[derive(Debug, Clone, Default)]
pub(super) struct Setting {
    /// Variables that the service gets besides, otherwise or not at all.
    pub(super) env: BTreeMap<String, Value>,
    /// SQL that is run before the service starts.
    pub(super) sql: String,
    /// SQL that is run when it has stopped, before anything is read.
    pub(super) after: String,
    /// Whether the server is a witness.
    pub(super) witnessed: bool,
    /// The job that is submitted, where it is not that of the spec.
    pub(super) input: Option<Json>,
}

/// A job: how it was taken, and whether it ended.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) submission: Option<Submission>,
    pub(super) settled: Option<Reached>,
}

/// The rows of the three tables.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) jobs: Rows,
    pub(super) units: Rows,
    pub(super) spans: Rows,
}

impl Trial {
    /// Starts one case and waits until its service is ready.
    ///
    /// # Errors
    /// When the world does not come up; a service that does not is in the evidence.
    pub async fn start(world: &World, case: &Case) -> Result<Self, Error> {
        let behaviour = world.behaviour(&case.upstream)?;
        Box::pin(Self::begin(world, case, behaviour, &Setting::default())).await
    }

    pub(super) async fn begin(
        world: &World,
        case: &Case,
        behaviour: &Behaviour,
        setting: &Setting,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let fault = fault(world, case)?;
        // Under a fault two jobs are run, and a witness could not tell them apart.
        let witnessed = setting.witnessed && fault.is_none();
        let setting = Setting { witnessed, ..setting.clone() };
        let mut clock = Clock::start();
        let database = world.server().migrated(world.migrations()).await?;
        seed(world, &database).await?;
        if witnessed || !setting.sql.is_empty() {
            let mut connection = connect(database.url()).await?;
            if witnessed {
                witness::install(&mut connection, &spec.tables.spans.table).await?;
            }
            sabotage::run(&mut connection, &setting.sql).await?;
            drop(connection.close().await);
        }
        let disturbance = match fault {
            Some(fault) => Some(Disturbance::prepare(world, fault, &database).await?),
            None => None,
        };
        clock.lap("clone");
        let silent = fault.is_some_and(|fault| fault.kind == FaultKind::KilledMidJob);
        let behaviour = if silent { &behaviour.clone().hanging() } else { behaviour };
        let life =
            Life::begin((world, case), behaviour, database.url(), &setting.env, &mut clock).await?;
        let secrets = evidence::secrets(spec, case, &life.environment);
        Ok(Self {
            world: world.clone(),
            case: case.clone(),
            life,
            database,
            disturbance,
            before: None,
            setting,
            secrets,
            work: Work::default(),
            timings: clock.laps,
        })
    }

    /// Runs one case to its end.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn run(world: &World, case: &Case) -> Result<Evidence, Error> {
        Self::start(world, case).await?.complete().await
    }

    /// As [`Trial::run`], with the database as the service left it, and with the server as a
    /// witness if `witnessed`.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn run_holding(
        world: &World,
        case: &Case,
        witnessed: bool,
    ) -> Result<(Evidence, Database), Error> {
        let behaviour = world.behaviour(&case.upstream)?;
        let setting = Setting { witnessed, ..Setting::default() };
        let mut trial = Box::pin(Self::begin(world, case, behaviour, &setting)).await?;
        Box::pin(trial.work()).await?;
        trial.end().await
    }

    /// As [`Trial::run`], in a world that differs from the spec's.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn run_in(world: &World, case: &Case, scenery: &Scenery) -> Result<Evidence, Error> {
        let behaviour = match &scenery.behaviour {
            Some(behaviour) => behaviour,
            None => world.behaviour(&case.upstream)?,
        };
        let (input, witnessed) = (scenery.input.clone(), scenery.witnessed);
        let setting = Setting { witnessed, input, ..Setting::default() };
        Box::pin(Self::begin(world, case, behaviour, &setting)).await?.complete().await
    }

    /// Submits the case's job, waits for its end and finishes. Under a fault of the world that is
    /// done twice: while it lasts, and when it is over.
    ///
    /// # Errors
    /// When the world breaks.
    pub async fn complete(mut self) -> Result<Evidence, Error> {
        Box::pin(self.work()).await?;
        Box::pin(self.finish()).await
    }

    async fn work(&mut self) -> Result<(), Error> {
        if !self.life.ready.yes() {
            return Ok(());
        }
        if self.disturbance.is_some() {
            return self.work_under_fault().await;
        }
        self.submit().await?;
        self.settle().await?;
        Ok(())
    }

    /// The service's base URL.
    pub fn url(&self) -> String {
        self.life.addresses.fill(&self.world.spec().service.url)
    }

    /// The URL of this trial's own database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Whether the service became ready.
    pub fn ready(&self) -> &Reached {
        &self.life.ready
    }

    /// What the service has written so far, secrets masked.
    pub fn output(&self) -> Output {
        let mut output = self.life.child.output();
        for line in &mut output.lines {
            line.text = self.secrets.text(&line.text);
        }
        output
    }

    /// Submits the case's job by its route. That the service refuses it is evidence.
    ///
    /// # Errors
    /// When the case names a route or a job that the spec does not have.
    pub async fn submit(&mut self) -> Result<&Submission, Error> {
        let world = self.world.clone();
        let (path, body) = match &self.setting.input {
            Some(input) => world.filled(&self.case.route, input)?,
            None => world.request(&self.case.route, &self.case.job)?,
        };
        let submission = self.send(path, &body).await;
        Ok(self.work.submission.insert(submission))
    }

    pub(super) async fn send(&mut self, path: &str, body: &Json) -> Submission {
        let clock = Instant::now();
        let url = format!("{}{path}", self.url());
        let within = Duration::from_millis(self.world.spec().service.settle_ms);
        let sent = client().post(url).json(body).timeout(within).send().await;
        let (status, body) = match sent {
            Ok(answer) => {
                let status = answer.status().as_u16();
                (status, answer.text().await.unwrap_or_default())
            }
            Err(error) => (0, chain(&error)),
        };
        let body = self.secrets.text(&body);
        self.lap("submit", clock);
        Submission { request: format!("POST {path}"), status, body }
    }

    /// Waits until every job in the database has ended, the service has, or time is up.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn settle(&mut self) -> Result<Reached, Error> {
        if !self.work.submission.as_ref().is_some_and(Submission::accepted) {
            return Ok(Reached::No("no job was accepted".into()));
        }
        let settled = self.settled(None).await?;
        Ok(self.work.settled.insert(settled).clone())
    }

    /// Waits until every job has ended that is not as it was `before`.
    pub(super) async fn settled(&mut self, before: Option<&Rows>) -> Result<Reached, Error> {
        let clock = Instant::now();
        let spec = self.world.spec();
        let within = Duration::from_millis(spec.service.settle_ms);
        let mut own = None;
        let connection = match &mut self.disturbance {
            Some(disturbance) => disturbance.session(),
            None => own.insert(connect(self.database.url()).await?),
        };
        let (jobs, child) = (&spec.tables.jobs, &self.life.child);
        let connection = tokio::sync::Mutex::new(connection);
        let looked = wait::until("the end of every job", within, || async {
            let ended = child.has_exited();
            let rows = read_rows(*connection.lock().await, &jobs.table).await;
            let rows = match before {
                Some(before) => rows.since(before, Row::eq),
                None => rows,
            };
            let statuses: Vec<_> = rows
                .all()
                .iter()
                .map(|row| row.get(&jobs.status).and_then(Json::as_str).unwrap_or("none"))
                .collect();
            let done = |status: &&str| jobs.done.iter().any(|done| done == status);
            if !statuses.is_empty() && statuses.iter().all(done) {
                return Look::Done(Reached::Yes);
            }
            let seen = format!("jobs with status: {}", statuses.join(", "));
            if ended {
                return Look::Done(Reached::No(format!("the service ended; {seen}")));
            }
            Look::NotYet(seen)
        })
        .await;
        let settled = looked.unwrap_or_else(|overdue| Reached::No(overdue.to_string()));
        self.lap("settle", clock);
        Ok(settled)
    }

    fn lap(&mut self, step: &str, since: Instant) {
        let took = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        *self.timings.entry(step.to_owned()).or_default() += took;
    }

    /// Stops the service and brings all evidence home; the world of this trial is gone then.
    ///
    /// # Errors
    /// When the service can't be stopped or the database can't be read.
    pub async fn finish(self) -> Result<Evidence, Error> {
        Ok(self.end().await?.0)
    }

    async fn end(self) -> Result<(Evidence, Database), Error> {
        let mut clock = Clock::after(self.timings);
        let spec = self.world.spec();
        let grace = Duration::from_millis(spec.service.stop.grace_ms);
        let past = self.life.end(grace).await?;
        clock.lap("stop");
        let mut connection = connect(self.database.url()).await?;
        // First: what we read ourselves is not the service's.
        let witness = if self.setting.witnessed {
            let (server, table) = (self.world.server(), &spec.tables.spans.table);
            witness::testify(server, &self.database, &mut connection, table).await?
        } else {
            None
        };
        sabotage::run(&mut connection, &self.setting.after).await?;
        let tables = Tables::read(&mut connection, &self.world).await;
        drop(connection.close().await);
        if let Some(disturbance) = self.disturbance {
            disturbance.remove().await?;
        }
        clock.lap("collect");
        let Work { submission, settled } = self.work;
        let evidence = Evidence {
            format: FORMAT.into(),
            case: self.case,
            command: past.command,
            program: past.program,
            environment: past.environment,
            names: past.names,
            output: past.output,
            startup: past.startup,
            ready: past.ready,
            submission,
            settled,
            jobs: tables.jobs,
            units: tables.units,
            spans: tables.spans,
            witness,
            recovery: None,
            exchanges: past.exchanges,
            exit: past.exit,
            timings: clock.laps,
            deployment: None,
        };
        let evidence = match self.before {
            Some(before) => before.with(spec, evidence),
            None => evidence,
        };
        Ok((evidence.masked(spec, &self.secrets), self.database))
    }
}

impl Tables {
    pub(super) async fn read(connection: &mut PgConnection, world: &World) -> Self {
        let tables = &world.spec().tables;
        Self {
            jobs: read_rows(connection, &tables.jobs.table).await,
            units: read_rows(connection, &tables.units.table).await,
            spans: read_rows(connection, &tables.spans.table).await,
        }
    }
}

/// The fault of a case.
fn fault<'a>(world: &'a World, case: &Case) -> Result<Option<&'a Fault>, Error> {
    let Some(name) = &case.fault else { return Ok(None) };
    let spec = world.spec();
    let unknown = || Error::Unknown {
        kind: "fault",
        found: name.clone(),
        hint: suggestion(name, spec.faults.iter().map(Fault::name)),
    };
    spec.fault(name).map(Some).ok_or_else(unknown)
}
