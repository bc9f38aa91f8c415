//! The service in a trial: a process, with the upstream and the port it was given.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::Clock;
use super::program::Addresses;
use super::readiness::ready;
use super::{Error, World};
use crate::matrix::Case;
use crate::observation::{ProcessRun, Reached, Service, StartupCut};
use crate::process::{Child, Exit, Reservation};
use crate::spec::Value;
use crate::upstream::{Behaviour, Exchange, Upstream};

/// A running service. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct RunningService {
    pub(super) child: Child,
    pub(super) upstream: Upstream,
    pub(super) addresses: Addresses,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) startup: StartupCut,
    pub(super) ready: Reached,
    program: Option<String>,
    _port: Reservation,
}

/// What a service is started with.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) case: &'a Case,
    pub(super) behaviour: &'a Behaviour,
    /// The URL of the case's database.
    pub(super) database: &'a str,
    /// Variables over those of the spec and the case.
    pub(super) env: &'a BTreeMap<String, Value>,
    /// How long it may take to become ready.
    pub(super) within: Duration,
}

/// What a service left behind.
#[derive(Debug)]
pub(super) struct StoppedService {
    pub(super) service: Service,
    pub(super) run: ProcessRun,
    pub(super) exchanges: Vec<Exchange>,
}

impl RunningService {
    /// Starts the service of a case beside its upstream, and waits until it is ready or has ended.
    pub(super) async fn start(
        world: &World,
        with: &Start<'_>,
        clock: &mut Clock,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let upstream = Upstream::start(with.behaviour).await?;
        clock.lap("upstream");
        let port = Reservation::take()?;
        let addresses = Addresses {
            database: with.database.to_owned(),
            upstream: upstream.url(),
            port: port.port(),
        };
        let mut environment = addresses.environment(spec, with.case);
        for (name, value) in with.env {
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
        let within = with.within;
        let ready = ready(&child, &spec.service.ready, &addresses, &url, within).await;
        let startup = StartupCut::after(&child.output());
        clock.lap("ready");
        Ok(Self { child, upstream, addresses, environment, startup, ready, program, _port: port })
    }

    /// Asks the service to stop, and kills it when `grace` is over.
    pub(super) async fn stop(self, grace: Duration) -> Result<StoppedService, Error> {
        let command = self.child.command().to_owned();
        let (exit, output) = self.child.stop(grace).await?;
        let Self { upstream, addresses, environment, startup, ready, program, .. } = self;
        let (names, exchanges) = (addresses.names(), upstream.journal());
        let service = Service { command, program, environment, names };
        Ok(StoppedService { service, run: ProcessRun { output, startup, ready, exit }, exchanges })
    }

    /// Ends a service that was killed on purpose.
    pub(super) async fn killed(self) -> Result<StoppedService, Error> {
        let mut stopped = self.stop(Duration::ZERO).await?;
        // It has not ended by itself.
        stopped.run.exit = Exit { asked: true, killed: true, ..stopped.run.exit };
        Ok(stopped)
    }
}
