//! Builds a trial, which is one run of the service: chooses the flags, the route and so on, and the
//! settings that replace those of the spec.

use std::path::Path;

use serde_json::Value as Json;

use super::overrides::EffectiveTimeouts;
use super::run::Trial;
use super::{Error, Overrides, Progress, Timeouts, World};
use crate::document::suggestion;
use crate::matrix::Case;
use crate::observation::{Failure, Observation, Sink, Source};
use crate::spec::Value;
use crate::upstream::Behaviour;
use spanproof_postgres::Database;

/// How many times a trial is attempted if other processes take its ports.
const ATTEMPTS: u32 = 3;

/// A trial that has not started yet.
#[derive(Debug)]
#[must_use = "a builder does nothing until `start` or `run`"]
pub struct TrialBuilder {
    world: World,
    case: Case,
    overrides: Overrides,
    /// The latest error of a builder method; `start` returns it.
    error: Option<Error>,
}

impl World {
    /// Creates a trial with every flag at its default, and the first route, upstream and job of the
    /// spec.
    pub fn trial(&self) -> TrialBuilder {
        self.trial_for(&Case::default_of(self.spec()))
    }

    /// Creates a trial of a case.
    pub fn trial_for(&self, case: &Case) -> TrialBuilder {
        TrialBuilder {
            world: self.clone(),
            case: case.clone(),
            overrides: Overrides::default(),
            error: None,
        }
    }
}

impl TrialBuilder {
    /// Sets a flag.
    pub fn flag(self, name: &str, value: impl Into<String>) -> Self {
        self.value(name, Value::Set(value.into()))
    }

    /// Removes a flag from the environment.
    pub fn unset(self, name: &str) -> Self {
        self.value(name, Value::Unset)
    }

    /// Sets a flag, or removes it from the environment.
    pub fn value(mut self, name: &str, value: Value) -> Self {
        if let Some((_, old)) = self.case.flags.iter_mut().find(|(flag, _)| flag == name) {
            *old = value;
        } else {
            let known = self.case.flags.iter().map(|(flag, _)| flag.as_str());
            let hint = suggestion(name, known);
            let found = name.to_owned();
            self.error = Some(Error::Unknown { kind: "flag", found, hint });
        }
        self
    }

    /// Submits the job by this route.
    pub fn route(mut self, name: &str) -> Self {
        name.clone_into(&mut self.case.route);
        self
    }

    /// Uses this upstream of the spec.
    pub fn upstream(mut self, name: &str) -> Self {
        name.clone_into(&mut self.case.upstream);
        self
    }

    /// Uses an upstream with the behaviour in a file, which the spec need not list.
    pub fn upstream_file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        self.case.upstream = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match Behaviour::read(path) {
            Ok(behaviour) => self.overrides.upstream = Some(behaviour),
            Err(error) => self.error = Some(error.into()),
        }
        self
    }

    /// Submits this job of the spec.
    pub fn job(mut self, name: &str) -> Self {
        name.clone_into(&mut self.case.job);
        self
    }

    /// Submits this JSON as the job.
    pub fn input(mut self, job: Json) -> Self {
        self.overrides.job = Some(job);
        self
    }

    /// Applies a fault of the spec while the job runs, removes it, and submits a second job.
    pub fn fault(mut self, name: &str) -> Self {
        self.case.fault = Some(name.to_owned());
        self
    }

    /// Sets a variable of the service's environment, in place of the spec's.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.overrides.env.insert(name.into(), Value::Set(value.into()));
        self
    }

    /// Runs SQL in the trial's database before the service starts.
    pub fn sql_before(mut self, sql: impl Into<String>) -> Self {
        self.overrides.sql_before = sql.into();
        self
    }

    /// Runs SQL in the trial's database after the service has stopped, before any row is read.
    pub fn sql_after(mut self, sql: impl Into<String>) -> Self {
        self.overrides.sql_after = sql.into();
        self
    }

    /// Adds the witness: triggers that log each attempt to insert a span. Its evidence also contains the
    /// errors in the server's log. Has no effect in a case with a fault, or if the server's log can't be
    /// read.
    pub fn witness(self) -> Self {
        self.witness_if(true)
    }

    /// Like [`witness`](Self::witness) if `witness` is true.
    pub fn witness_if(mut self, witness: bool) -> Self {
        self.overrides.witness = witness;
        self
    }

    /// Sets the errors in the server's log that also occur with tracing off. They do not count as evidence if
    /// they occur in a database other than that of the trial.
    pub(crate) fn background(mut self, errors: Vec<Failure>) -> Self {
        self.overrides.background = errors;
        self
    }

    /// Reports each finished step to `progress`.
    pub(crate) fn progress(mut self, progress: Progress) -> Self {
        self.overrides.progress = progress;
        self
    }

    /// Returns the progress of this trial; the clone shows later steps, too.
    pub(crate) fn own_progress(&self) -> Progress {
        self.overrides.progress.clone()
    }

    /// Replaces timeouts of the spec.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.overrides.timeouts = timeouts;
        self
    }

    /// Replaces all overrides that were set so far.
    pub(crate) fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When the database, the upstream or a process can't be started. A service that does not become ready
    /// is evidence, not an error.
    pub async fn start(self) -> Result<Trial, Error> {
        let Self { world, case, overrides, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        let names = [&case.route, &case.upstream, &case.job].map(String::as_str);
        let without_fault = Case::new(world.spec(), case.flags.clone(), names);
        let case = without_fault.with_fault(world.spec(), case.fault.as_deref());
        Box::pin(Trial::start(world, case, overrides)).await
    }

    /// Runs the whole trial: starts the service, submits the job, waits for its end, and collects the
    /// evidence.
    ///
    /// # Errors
    /// When the database, the upstream or a process can't be started or stopped.
    pub async fn run(self) -> Result<Observation, Error> {
        Ok(self.run_keeping_database().await?.0)
    }

    /// Like [`run`](Self::run), and also returns the database as the service left it.
    ///
    /// # Errors
    /// When the database, the upstream or a process can't be started or stopped.
    pub async fn run_keeping_database(mut self) -> Result<(Observation, Database), Error> {
        for _ in 1..ATTEMPTS {
            match self.next_attempt().run_once().await {
                Err(Error::PortTaken { port, process, .. }) => {
                    let who = process.map_or("another process".to_owned(), |name| {
                        format!("the process {name}, which does not belong to the case,")
                    });
                    self.overrides.progress.add_retry(format!(
                        "the case ran again with other ports, because {who} listened on port {port}, which was \
                         given to the service"
                    ));
                    self.overrides.is_retry = true;
                }
                result => return result,
            }
        }
        self.run_once().await
    }

    async fn run_once(self) -> Result<(Observation, Database), Error> {
        let timeouts = EffectiveTimeouts::new(&self.world.spec().service, self.overrides.timeouts);
        let (limit, progress) = (timeouts.trial, self.overrides.progress.clone());
        let trial = async { Box::pin(self.start().await?.complete_keeping_database()).await };
        // Dropping a trial kills its service and removes its database.
        match tokio::time::timeout(limit, Box::pin(trial)).await {
            Ok(result) => result,
            Err(_) => Err(Error::TimeOver { limit, awaited: progress.awaited() }),
        }
    }

    /// Returns a builder of the same trial, and moves the error of a builder method to it.
    fn next_attempt(&mut self) -> Self {
        let (world, case) = (self.world.clone(), self.case.clone());
        Self { world, case, overrides: self.overrides.clone(), error: self.error.take() }
    }
}

impl Source for TrialBuilder {
    type Error = Error;

    async fn observe(self, sink: &mut dyn Sink) -> Result<Observation, Error> {
        let observation = self.run().await?;
        for (table, rows) in observation.tables.all() {
            sink.rows(table, rows);
        }
        Ok(observation)
    }
}
