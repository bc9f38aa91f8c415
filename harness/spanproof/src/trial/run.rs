//! One trial: a service that runs in a world of its own.

use sqlx::{Connection, PgConnection};

use super::clock::Clock;
use super::fault::ActiveFault;
use super::overrides::{Deadlines, Overrides};
use super::recovery::FirstJob;
use super::rows::read_tables;
use super::service::{RunningService, Start};
use super::session::{connect, run_sql, seed};
use super::{Error, World, job, witness};
use crate::document::suggestion;
use crate::mask::Secrets;
use crate::matrix::Case;
use crate::observation::{
    Observation, Origin, Reached, Rows, Submission, TrialRecord, Work, secrets,
};
use crate::process::Output;
use crate::spec::{Fault, FaultKind};
use crate::upstream::Behaviour;
use spanproof_postgres::Database;

/// A running service with its own database and upstream. Dropping it stops and removes all.
#[derive(Debug)]
#[must_use = "dropping a trial stops its service"]
pub struct Trial {
    pub(super) world: World,
    pub(super) case: Case,
    pub(super) overrides: Overrides,
    pub(super) deadlines: Deadlines,
    pub(super) behaviour: Behaviour,
    pub(super) service: RunningService,
    pub(super) database: Database,
    pub(super) fault: Option<ActiveFault>,
    /// The first job of a case under a fault, once the fault is over.
    pub(super) first: Option<FirstJob>,
    pub(super) work: Work,
    pub(super) secrets: Secrets,
    pub(super) clock: Clock,
}

impl Trial {
    pub(super) async fn begin(
        world: World,
        case: Case,
        mut overrides: Overrides,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let fault = fault(&world, &case)?;
        // Under a fault two jobs are run, and a witness could not tell them apart.
        overrides.witness &= fault.is_none();
        let behaviour = match overrides.upstream.take() {
            Some(behaviour) => behaviour,
            None => world.behaviour(&case.upstream)?.clone(),
        };
        let deadlines = Deadlines::new(&spec.service, overrides.timeouts);
        let mut clock = Clock::start();
        let database = database(&world, &overrides).await?;
        let fault = match fault {
            Some(fault) => Some(ActiveFault::prepare(&world, fault, &database).await?),
            None => None,
        };
        clock.lap("clone");
        // It is killed while it waits for an answer.
        let hangs = fault.as_ref().is_some_and(|fault| fault.kind() == FaultKind::KilledMidJob);
        let start = Start {
            case: &case,
            behaviour: &if hangs { behaviour.clone().hanging() } else { behaviour.clone() },
            database: database.url(),
            env: &overrides.env,
            within: deadlines.ready,
        };
        let service = RunningService::start(&world, &start, &mut clock).await?;
        let secrets = secrets(spec, &case, &service.environment);
        Ok(Self {
            world,
            case,
            overrides,
            deadlines,
            behaviour,
            service,
            database,
            fault,
            first: None,
            work: Work::default(),
            secrets,
            clock,
        })
    }

    /// The service's base URL.
    pub fn url(&self) -> String {
        self.service.addresses.fill(&self.world.spec().service.url)
    }

    /// The URL of this trial's own database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Whether the service became ready.
    pub fn ready(&self) -> &Reached {
        &self.service.ready
    }

    /// What the service has written so far, secrets masked.
    pub fn output(&self) -> Output {
        let mut output = self.service.child.output();
        for line in &mut output.lines {
            line.text = self.secrets.text(&line.text);
        }
        output
    }

    /// Submits the case's job, waits for its end and finishes. Under a fault of the world that is
    /// done twice: while it lasts, and when it is over.
    ///
    /// # Errors
    /// When the world breaks.
    pub async fn complete(self) -> Result<Observation, Error> {
        Ok(Box::pin(self.complete_holding()).await?.0)
    }

    /// As [`Trial::complete`], with the database as the service left it.
    pub(super) async fn complete_holding(mut self) -> Result<(Observation, Database), Error> {
        if self.service.ready.yes() {
            match self.fault.as_ref().map(ActiveFault::kind) {
                Some(kind) => Box::pin(self.work_under_fault(kind)).await?,
                None => Box::pin(self.work()).await?,
            }
        }
        Box::pin(self.end()).await
    }

    async fn work(&mut self) -> Result<(), Error> {
        self.submit().await?;
        if self.overrides.kill {
            self.service.child.kill().await;
        }
        self.settle().await?;
        Ok(())
    }

    /// Submits the case's job by its route. An answer that refuses it is evidence, and no error.
    ///
    /// # Errors
    /// When the case names a route or a job that the spec does not have.
    pub async fn submit(&mut self) -> Result<&Submission, Error> {
        let request = match &self.overrides.job {
            Some(job) => self.world.filled(&self.case.route, job)?,
            None => self.world.request(&self.case.route, &self.case.job)?,
        };
        let submission = self.send(request).await;
        Ok(self.work.submission.insert(submission))
    }

    pub(super) async fn send(&mut self, request: super::Request) -> Submission {
        self.clock.skip();
        let (url, within) = (self.url(), self.deadlines.settle);
        let mut submission = job::submit(&url, &request.path, &request.body, within).await;
        submission.body = self.secrets.text(&submission.body);
        self.clock.lap("submit");
        submission
    }

    /// Waits until every job in the database has ended, the service has, or time is up.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn settle(&mut self) -> Result<Reached, Error> {
        if !self.work.submission.as_ref().is_some_and(Submission::accepted) {
            return Ok(Reached::No("no job was accepted".into()));
        }
        let settled = self.wait_for_jobs(None).await?;
        Ok(self.work.settled.insert(settled).clone())
    }

    /// Waits until every job has ended that is not as it was `before`.
    pub(super) async fn wait_for_jobs(&mut self, before: Option<&Rows>) -> Result<Reached, Error> {
        self.clock.skip();
        let mut own = None;
        let connection: &mut PgConnection = match &mut self.fault {
            Some(fault) => fault.session(),
            None => own.insert(connect(self.database.url()).await?),
        };
        let (tables, child) = (&self.world.spec().tables, &self.service.child);
        let settled = job::settled(connection, tables, before, child, self.deadlines.settle).await;
        self.clock.lap("settle");
        Ok(settled)
    }

    /// Stops the service and reads everything; the world of this trial is gone then.
    ///
    /// # Errors
    /// When the service can't be stopped or the database can't be read.
    pub async fn finish(self) -> Result<Observation, Error> {
        Ok(self.end().await?.0)
    }

    async fn end(mut self) -> Result<(Observation, Database), Error> {
        self.clock.skip();
        let spec = self.world.spec();
        let stopped = self.service.stop(self.deadlines.grace).await?;
        self.clock.lap("stop");
        let mut connection = connect(self.database.url()).await?;
        // First: what we read ourselves is not the service's.
        let witness = if self.overrides.witness {
            let (server, table) = (self.world.server(), &spec.tables.spans.table);
            witness::testify(server, &self.database, &mut connection, table).await?
        } else {
            None
        };
        run_sql(&mut connection, "after the service has stopped", &self.overrides.after).await?;
        let tables = read_tables(&mut connection, &spec.tables).await;
        drop(connection.close().await);
        if let Some(fault) = self.fault {
            fault.remove().await?;
        }
        self.clock.lap("collect");
        let mut exchanges = stopped.exchanges;
        if let Some(header) = &self.overrides.forget {
            for exchange in &mut exchanges {
                exchange.headers.remove(&header.to_lowercase());
            }
        }
        let record = TrialRecord {
            service: stopped.service,
            run: stopped.run,
            work: self.work,
            exchanges,
            witness,
            second: None,
            timings: self.clock.laps,
        };
        let observation = match self.first {
            Some(first) => first.with_second(&spec.tables, self.case, tables, record),
            None => {
                Observation { case: self.case, tables, origin: Origin::Trial(Box::new(record)) }
            }
        };
        Ok((observation.masked(spec, &self.secrets), self.database))
    }
}

/// The case's own database, seeded and prepared by the overrides.
async fn database(world: &World, overrides: &Overrides) -> Result<Database, Error> {
    let database = world.server().migrated(world.migrations()).await?;
    seed(world, &database).await?;
    if overrides.witness || !overrides.before.is_empty() {
        let mut connection = connect(database.url()).await?;
        if overrides.witness {
            witness::install(&mut connection, &world.spec().tables.spans.table).await?;
        }
        run_sql(&mut connection, "before the service starts", &overrides.before).await?;
        drop(connection.close().await);
    }
    Ok(database)
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
