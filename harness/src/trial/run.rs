//! One trial: a service that runs in a world of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sqlx::{Connection, Executor, PgConnection};

use super::readiness::{client, ready};
use super::service::Addresses;
use super::{Error, World, witness};
use crate::chain::chain;
use crate::evidence::{self, Evidence, FORMAT, Reached, StartupCut, Submission, read_rows};
use crate::mask::Secrets;
use crate::matrix::Case;
use crate::postgres::Database;
use crate::process::{Child, Output, Reservation};
use crate::upstream::{Behaviour, Upstream};
use crate::wait::{self, Look};

/// A running service with its own database and upstream. Dropping it stops and removes all.
#[derive(Debug)]
#[must_use = "dropping a trial stops its service"]
pub struct Trial {
    world: World,
    case: Case,
    child: Child,
    upstream: Upstream,
    database: Database,
    _port: Reservation,
    addresses: Addresses,
    environment: BTreeMap<String, String>,
    secrets: Secrets,
    startup: StartupCut,
    ready: Reached,
    submission: Option<Submission>,
    settled: Option<Reached>,
    witnessed: bool,
    timings: BTreeMap<String, u64>,
}

impl Trial {
    /// Starts one case and waits until its service is ready.
    ///
    /// # Errors
    /// When the world does not come up; a service that does not is in the evidence.
    pub async fn start(world: &World, case: &Case) -> Result<Self, Error> {
        let behaviour = world.behaviour(&case.upstream)?;
        Self::begin(world, case, behaviour, &BTreeMap::new(), false).await
    }

    pub(super) async fn begin(
        world: &World,
        case: &Case,
        behaviour: &Behaviour,
        env: &BTreeMap<String, String>,
        witnessed: bool,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let mut clock = Clock::start();
        let database = world.server().migrated(world.migrations()).await?;
        seed(world, &database).await?;
        if witnessed {
            let mut connection = connect(database.url()).await?;
            witness::install(&mut connection, &spec.tables.spans.table).await?;
            drop(connection.close().await);
        }
        clock.lap("clone");
        let upstream = Upstream::start(behaviour).await?;
        clock.lap("upstream");
        let port = Reservation::take()?;
        let addresses = Addresses {
            database: database.url().to_owned(),
            upstream: upstream.url(),
            port: port.port(),
        };
        let mut environment = addresses.environment(spec, case);
        environment.extend(env.iter().map(|(name, text)| (name.clone(), addresses.fill(text))));
        let secrets = evidence::secrets(spec, case, &environment);
        let child = world.program().launch(spec, environment.clone()).start()?;
        clock.lap("launch");
        let url = addresses.fill(&spec.service.url);
        let ready = ready(&child, &spec.service.ready, &url, database.url()).await;
        let startup = StartupCut::after(&child.output());
        clock.lap("ready");
        Ok(Self {
            world: world.clone(),
            case: case.clone(),
            child,
            upstream,
            database,
            _port: port,
            addresses,
            environment,
            secrets,
            startup,
            ready,
            submission: None,
            settled: None,
            witnessed,
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
        let mut trial = Self::begin(world, case, behaviour, &BTreeMap::new(), witnessed).await?;
        trial.work().await?;
        trial.end().await
    }

    /// Submits the case's job, waits for its end and finishes.
    ///
    /// # Errors
    /// When the world breaks.
    pub async fn complete(mut self) -> Result<Evidence, Error> {
        self.work().await?;
        self.finish().await
    }

    async fn work(&mut self) -> Result<(), Error> {
        if self.ready.yes() {
            self.submit().await?;
            self.settle().await?;
        }
        Ok(())
    }

    /// The service's base URL.
    pub fn url(&self) -> String {
        self.addresses.fill(&self.world.spec().service.url)
    }

    /// The URL of this trial's own database.
    pub fn database_url(&self) -> &str {
        self.database.url()
    }

    /// Whether the service became ready.
    pub fn ready(&self) -> &Reached {
        &self.ready
    }

    /// What the service has written so far, secrets masked.
    pub fn output(&self) -> Output {
        let mut output = self.child.output();
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
        let clock = Instant::now();
        let (path, body) = self.world.request(&self.case.route, &self.case.job)?;
        let url = format!("{}{path}", self.url());
        let within = Duration::from_millis(self.world.spec().service.settle_ms);
        let sent = client().post(url).json(&body).timeout(within).send().await;
        let (status, body) = match sent {
            Ok(answer) => {
                let status = answer.status().as_u16();
                (status, answer.text().await.unwrap_or_default())
            }
            Err(error) => (0, chain(&error)),
        };
        let request = format!("POST {path}");
        let body = self.secrets.text(&body);
        self.timings.insert("submit".into(), micros(clock.elapsed()));
        Ok(self.submission.insert(Submission { request, status, body }))
    }

    /// Waits until every job in the database has ended, the service has, or time is up.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn settle(&mut self) -> Result<Reached, Error> {
        if !self.submission.as_ref().is_some_and(Submission::accepted) {
            return Ok(Reached::No("no job was accepted".into()));
        }
        let clock = Instant::now();
        let spec = self.world.spec();
        let within = Duration::from_millis(spec.service.settle_ms);
        let mut connection = connect(self.database.url()).await?;
        let jobs = &spec.tables.jobs;
        let connection = tokio::sync::Mutex::new(&mut connection);
        let looked = wait::until("the end of every job", within, || async {
            let ended = self.child.has_exited();
            let rows = read_rows(*connection.lock().await, &jobs.table).await;
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
        self.timings.insert("settle".into(), micros(clock.elapsed()));
        Ok(self.settled.insert(settled).clone())
    }

    /// Stops the service and brings all evidence home; the world of this trial is gone then.
    ///
    /// # Errors
    /// When the service can't be stopped or the database can't be read.
    pub async fn finish(self) -> Result<Evidence, Error> {
        Ok(self.end().await?.0)
    }

    async fn end(self) -> Result<(Evidence, Database), Error> {
        let mut clock = Clock { last: Instant::now(), laps: self.timings };
        let spec = self.world.spec();
        let command = self.child.command().to_owned();
        let grace = Duration::from_millis(spec.service.stop.grace_ms);
        let (exit, output) = self.child.stop(grace).await?;
        clock.lap("stop");
        let mut connection = connect(self.database.url()).await?;
        let tables = &spec.tables;
        // First: what we read ourselves is not the service's.
        let witness = if self.witnessed {
            let (server, table) = (self.world.server(), &tables.spans.table);
            witness::testify(server, &self.database, &mut connection, table).await?
        } else {
            None
        };
        let jobs = read_rows(&mut connection, &tables.jobs.table).await;
        let units = read_rows(&mut connection, &tables.units.table).await;
        let spans = read_rows(&mut connection, &tables.spans.table).await;
        drop(connection.close().await);
        clock.lap("collect");
        let evidence = Evidence {
            format: FORMAT.into(),
            case: self.case,
            command,
            environment: self.environment,
            names: self.addresses.names(),
            output,
            startup: self.startup,
            ready: self.ready,
            submission: self.submission,
            settled: self.settled,
            jobs,
            units,
            spans,
            witness,
            exchanges: self.upstream.journal(),
            exit,
            timings: clock.laps,
        };
        Ok((evidence.masked(spec, &self.secrets), self.database))
    }
}

/// Where the time of a trial goes.
#[derive(Debug)]
struct Clock {
    last: Instant,
    laps: BTreeMap<String, u64>,
}

impl Clock {
    fn start() -> Self {
        Self { last: Instant::now(), laps: BTreeMap::new() }
    }

    fn lap(&mut self, step: &str) {
        self.laps.insert(step.to_owned(), micros(self.last.elapsed()));
        self.last = Instant::now();
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

async fn connect(url: &str) -> Result<PgConnection, Error> {
    let failed = |error: sqlx::Error| Error::Database(error.to_string());
    let mut connection = PgConnection::connect(url).await.map_err(failed)?;
    connection.execute("set timezone = 'UTC'").await.map_err(failed)?;
    Ok(connection)
}

async fn seed(world: &World, database: &Database) -> Result<(), Error> {
    if world.seeds().is_empty() {
        return Ok(());
    }
    let mut connection = connect(database.url()).await?;
    for (path, sql) in world.seeds() {
        let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.clone()));
        connection
            .execute(statements)
            .await
            .map_err(|error| Error::Seed { path: path.clone(), reason: error.to_string() })?;
    }
    drop(connection.close().await);
    Ok(())
}
