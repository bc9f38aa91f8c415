//! A case of one's own, said step by step.

use std::path::Path;

use super::run::Setting;
use super::{Error, Trial, World};
use crate::document::suggestion;
use crate::evidence::Evidence;
use crate::matrix::Case;
use crate::spec::Value;
use crate::upstream::Behaviour;

/// A case of one's own, before it is started.
#[derive(Debug)]
#[must_use = "nothing is started before `start`"]
pub struct TrialBuilder {
    world: World,
    flags: Vec<(String, Value)>,
    parts: [String; 3],
    behaviour: Option<Behaviour>,
    setting: Setting,
    fault: Option<String>,
    wrong: Option<Error>,
}

impl TrialBuilder {
    pub(super) fn new(world: World) -> Self {
        let spec = world.spec();
        let flags = spec.flags.iter().map(|flag| (flag.name.clone(), flag.default_value()));
        let flags = flags.collect();
        let first = |name: Option<&String>| name.cloned().unwrap_or_default();
        let parts = [
            first(spec.routes.first().map(|route| &route.name)),
            first(spec.upstreams.first().map(|upstream| &upstream.name)),
            first(spec.jobs.first().map(|job| &job.name)),
        ];
        Self {
            world,
            flags,
            parts,
            behaviour: None,
            setting: Setting::default(),
            fault: None,
            wrong: None,
        }
    }

    /// Sets a flag.
    pub fn flag(self, name: &str, value: impl Into<String>) -> Self {
        self.value(name, Value::Set(value.into()))
    }

    /// Takes a flag out of the environment.
    pub fn unset(self, name: &str) -> Self {
        self.value(name, Value::Unset)
    }

    /// Gives a flag a value, or none.
    pub fn value(mut self, name: &str, value: Value) -> Self {
        if let Some((_, old)) = self.flags.iter_mut().find(|(flag, _)| flag == name) {
            *old = value;
        } else {
            let known = self.flags.iter().map(|(flag, _)| flag.as_str());
            let hint = suggestion(name, known);
            let found = name.to_owned();
            self.wrong = Some(Error::Unknown { kind: "flag", found, hint });
        }
        self
    }

    /// Chooses the route.
    pub fn route(mut self, name: &str) -> Self {
        name.clone_into(&mut self.parts[0]);
        self
    }

    /// Chooses the upstream's behaviour.
    pub fn upstream(mut self, name: &str) -> Self {
        name.clone_into(&mut self.parts[1]);
        self
    }

    /// Gives the upstream a behaviour that the spec does not list, from its file.
    pub fn upstream_file(mut self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        self.parts[1] = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match Behaviour::read(path) {
            Ok(behaviour) => self.behaviour = Some(behaviour),
            Err(error) => self.wrong = Some(error.into()),
        }
        self
    }

    /// Adds a variable to the service's environment, or changes one that the spec gives it.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.setting.env.insert(name.into(), Value::Set(value.into()));
        self
    }

    /// Makes the server a witness: it counts the attempts to write spans, and tells what failed.
    pub fn witness(mut self) -> Self {
        self.setting.witnessed = true;
        self
    }

    /// Lets a fault of the spec happen while the job runs; another job follows when it is over.
    pub fn fault(mut self, name: &str) -> Self {
        self.fault = Some(name.to_owned());
        self
    }

    /// Chooses the job.
    pub fn job(mut self, name: &str) -> Self {
        name.clone_into(&mut self.parts[2]);
        self
    }

    /// Starts the service and waits until it is ready.
    ///
    /// # Errors
    /// When the world does not come up; a service that does not is in the evidence.
    pub async fn start(self) -> Result<Trial, Error> {
        if let Some(error) = self.wrong {
            return Err(error);
        }
        let parts = self.parts.each_ref().map(String::as_str);
        let spec = self.world.spec();
        let case = Case::new(spec, self.flags, parts).under(spec, self.fault.as_deref());
        let behaviour = match &self.behaviour {
            Some(behaviour) => behaviour,
            None => self.world.behaviour(&case.upstream)?,
        };
        Box::pin(Trial::begin(&self.world, &case, behaviour, &self.setting)).await
    }

    /// Runs the case to its end: start, submit, settle, finish.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn run(self) -> Result<Evidence, Error> {
        self.start().await?.complete().await
    }
}
