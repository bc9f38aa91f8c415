//! One life of the service in a trial: its process, with the upstream and the port it was given.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::readiness::ready;
use super::service::Addresses;
use super::{Error, World};
use crate::evidence::{Reached, StartupCut};
use crate::matrix::Case;
use crate::process::{Child, Exit, Output, Reservation};
use crate::spec::Value;
use crate::upstream::{Behaviour, Exchange, Upstream};

/// A running service. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) child: Child,
    pub(super) upstream: Upstream,
    pub(super) addresses: Addresses,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) startup: StartupCut,
    pub(super) ready: Reached,
    program: Option<String>,
    _port: Reservation,
}

/// What a life left behind.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) command: String,
    pub(super) program: Option<String>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) names: Vec<(String, String)>,
    pub(super) ready: Reached,
    pub(super) output: Output,
    pub(super) startup: StartupCut,
    pub(super) exchanges: Vec<Exchange>,
    pub(super) exit: Exit,
}

impl Life {
    /// Starts the service of a case on a database, beside an upstream that behaves so, with `env`
    /// over what the spec gives it, and waits until it is ready or has ended.
    pub(super) async fn begin(
        (world, case): (&World, &Case),
        behaviour: &Behaviour,
        database: &str,
        env: &BTreeMap<String, Value>,
        clock: &mut Clock,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let upstream = Upstream::start(behaviour).await?;
        clock.lap("upstream");
        let port = Reservation::take()?;
        let addresses = Addresses {
            database: database.to_owned(),
            upstream: upstream.url(),
            port: port.port(),
        };
        let mut environment = addresses.environment(spec, case);
        for (name, value) in env {
            match value.text() {
                Some(text) => environment.insert(name.clone(), addresses.fill(text)),
                None => environment.remove(name),
            };
        }
        let launch = world.program().launch(spec, environment.clone());
        let program = launch.identity();
        let child = launch.start()?;
        clock.lap("launch");
        let url = addresses.fill(&spec.service.url);
        let ready = ready(&child, &spec.service.ready, &url, database).await;
        let startup = StartupCut::after(&child.output());
        clock.lap("ready");
        Ok(Self { child, upstream, addresses, environment, startup, ready, program, _port: port })
    }

    /// Asks the service to stop, and kills it when `grace` is over.
    pub(super) async fn end(self, grace: Duration) -> Result<Past, Error> {
        let command = self.child.command().to_owned();
        let (exit, output) = self.child.stop(grace).await?;
        let Self { upstream, addresses, environment, startup, ready, program, .. } = self;
        let (names, exchanges) = (addresses.names(), upstream.journal());
        Ok(Past { command, program, environment, names, ready, output, startup, exchanges, exit })
    }
}

/// Where the time of a trial goes.
#[derive(Debug)]
pub(super) struct Clock {
    last: Instant,
    pub(super) laps: BTreeMap<String, u64>,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self::after(BTreeMap::new())
    }

    /// Goes on after the steps of `laps`.
    pub(super) fn after(laps: BTreeMap<String, u64>) -> Self {
        Self { last: Instant::now(), laps }
    }

    /// The end of a step; one that comes again is added.
    pub(super) fn lap(&mut self, step: &str) {
        let took = u64::try_from(self.last.elapsed().as_micros()).unwrap_or(u64::MAX);
        *self.laps.entry(step.to_owned()).or_default() += took;
        self.last = Instant::now();
    }
}
