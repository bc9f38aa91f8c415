//! The one way to run a trial: a case, and what differs from the spec's world.

use std::path::Path;

use serde_json::Value as Json;

use super::run::Trial;
use super::{Error, Overrides, Timeouts, World};
use crate::document::suggestion;
use crate::matrix::Case;
use crate::observation::{Observation, Sink, Source};
use crate::spec::Value;
use crate::upstream::Behaviour;
use spanproof_postgres::Database;

/// A trial before it is started.
#[derive(Debug)]
#[must_use = "nothing is started before `start` or `run`"]
pub struct TrialBuilder {
    world: World,
    case: Case,
    overrides: Overrides,
    /// What a call was wrong about; told at the start.
    error: Option<Error>,
}

impl World {
    /// A trial with every flag at its default, and the first route, upstream and job of the spec.
    pub fn trial(&self) -> TrialBuilder {
        let spec = self.spec();
        let flags = spec.flags.iter().map(|flag| (flag.name.clone(), flag.default_value()));
        let [route, upstream, job] = [
            spec.routes.first().map(|route| route.name.as_str()),
            spec.upstreams.first().map(|upstream| upstream.name.as_str()),
            spec.jobs.first().map(|job| job.name.as_str()),
        ]
        .map(Option::unwrap_or_default);
        self.trial_of(&Case::new(spec, flags.collect(), [route, upstream, job]))
    }

    /// A trial of a case.
    pub fn trial_of(&self, case: &Case) -> TrialBuilder {
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

    /// Takes a flag out of the environment.
    pub fn unset(self, name: &str) -> Self {
        self.value(name, Value::Unset)
    }

    /// Sets a flag or takes it out of the environment.
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

    /// Chooses the route.
    pub fn route(mut self, name: &str) -> Self {
        name.clone_into(&mut self.case.route);
        self
    }

    /// Chooses the upstream's behaviour.
    pub fn upstream(mut self, name: &str) -> Self {
        name.clone_into(&mut self.case.upstream);
        self
    }

    /// Gives the upstream a behaviour that the spec does not list, from its file.
    pub fn upstream_file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        self.case.upstream = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match Behaviour::read(path) {
            Ok(behaviour) => self.overrides.upstream = Some(behaviour),
            Err(error) => self.error = Some(error.into()),
        }
        self
    }

    /// Chooses the job.
    pub fn job(mut self, name: &str) -> Self {
        name.clone_into(&mut self.case.job);
        self
    }

    /// Submits this job in place of the one that the case names.
    pub fn input(mut self, job: Json) -> Self {
        self.overrides.job = Some(job);
        self
    }

    /// Applies a fault of the spec while the job runs; another job follows when it is over.
    pub fn fault(mut self, name: &str) -> Self {
        self.case.fault = Some(name.to_owned());
        self
    }

    /// Adds a variable to the service's environment, or changes one that the spec gives it.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.overrides.env.insert(name.into(), Value::Set(value.into()));
        self
    }

    /// Runs SQL in the case's database before the service starts.
    pub fn sql_before(mut self, sql: impl Into<String>) -> Self {
        self.overrides.before = sql.into();
        self
    }

    /// Runs SQL in the case's database when the service has stopped, before anything is read.
    pub fn sql_after(mut self, sql: impl Into<String>) -> Self {
        self.overrides.after = sql.into();
        self
    }

    /// Makes the server a witness: it counts the attempts to write spans, and its log is read.
    pub fn witness(self) -> Self {
        self.witness_if(true)
    }

    /// Makes the server a witness, or not.
    pub fn witness_if(mut self, witness: bool) -> Self {
        self.overrides.witness = witness;
        self
    }

    /// Overrides deadlines of the spec.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.overrides.timeouts = timeouts;
        self
    }

    /// Takes these overrides in place of all that were given so far.
    pub(crate) fn overrides(mut self, overrides: Overrides) -> Self {
        self.overrides = overrides;
        self
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When the world does not come up; that the service does not is in the observation.
    pub async fn start(self) -> Result<Trial, Error> {
        let Self { world, case, overrides, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        let parts = [&case.route, &case.upstream, &case.job].map(String::as_str);
        let named = Case::new(world.spec(), case.flags.clone(), parts);
        let case = named.under(world.spec(), case.fault.as_deref());
        Box::pin(Trial::begin(world, case, overrides)).await
    }

    /// Runs the case to its end: start, submit, settle, finish.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn run(self) -> Result<Observation, Error> {
        Box::pin(self.start().await?.complete()).await
    }

    /// As [`TrialBuilder::run`], with the database as the service left it.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn run_holding(self) -> Result<(Observation, Database), Error> {
        Box::pin(self.start().await?.complete_holding()).await
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
