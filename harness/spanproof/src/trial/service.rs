//! The service of a trial: a process with its upstream and port.

use std::collections::BTreeMap;
use std::time::Duration;

use super::program::Addresses;
use super::readiness::wait_until_ready;
use super::stopwatch::Stopwatch;
use super::{Error, World};
use crate::matrix::Case;
use crate::observation::{LineCounts, ProcessRun, Service, WaitResult};
use crate::process::{Child, Exit, Reservation};
use crate::spec::Value;
use crate::upstream::{Behaviour, Exchange, Upstream};

/// A running service. Dropping it kills its process group.
#[derive(Debug)]
pub(super) struct RunningService {
    pub(super) child: Child,
    pub(super) upstream: Upstream,
    pub(super) addresses: Addresses,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) startup: LineCounts,
    pub(super) ready: WaitResult,
    program: Option<String>,
    _port: Reservation,
}

/// How to start a service.
#[derive(Debug)]
pub(super) struct ServiceOptions<'a> {
    pub(super) case: &'a Case,
    pub(super) behaviour: &'a Behaviour,
    /// The URL of the case's database.
    pub(super) database: &'a str,
    /// Variables that replace those of the spec and the case.
    pub(super) env: &'a BTreeMap<String, Value>,
    /// Time limit until it is ready.
    pub(super) ready_timeout: Duration,
}

/// The evidence of a stopped service.
#[derive(Debug)]
pub(super) struct StoppedService {
    pub(super) service: Service,
    pub(super) run: ProcessRun,
    pub(super) exchanges: Vec<Exchange>,
}

impl RunningService {
    /// Starts the upstream and the service of a case, and waits until the service is ready.
    pub(super) async fn start(
        world: &World,
        options: &ServiceOptions<'_>,
        stopwatch: &mut Stopwatch,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let upstream = Upstream::start(options.behaviour).await?;
        stopwatch.lap("upstream");
        let port = Reservation::new()?;
        let addresses = Addresses {
            database: options.database.to_owned(),
            upstream: upstream.url(),
            port: port.port(),
        };
        let mut environment = addresses.environment(spec, options.case);
        for (name, value) in options.env {
            match value.text() {
                Some(text) => environment.insert(name.clone(), addresses.fill(text)),
                None => environment.remove(name),
            };
        }
        let launch = world.program().launch(spec, environment.clone());
        let program = launch.identity();
        let child = launch.start()?;
        stopwatch.lap("launch");
        let url = addresses.fill(&spec.service.url);
        let limit = options.ready_timeout;
        let ready = wait_until_ready(&child, &spec.service.ready, &addresses, &url, limit).await;
        let startup = LineCounts::count(&child.output());
        stopwatch.lap("ready");
        Ok(Self { child, upstream, addresses, environment, startup, ready, program, _port: port })
    }

    /// Stops the service: SIGTERM, and SIGKILL after `grace`.
    pub(super) async fn stop(self, grace: Duration) -> Result<StoppedService, Error> {
        let command = self.child.command().to_owned();
        let (exit, output) = self.child.stop(grace).await?;
        let Self { upstream, addresses, environment, startup, ready, program, .. } = self;
        let (placeholders, exchanges) = (addresses.placeholders(), upstream.journal());
        let service = Service { command, program, environment, placeholders };
        Ok(StoppedService { service, run: ProcessRun { output, startup, ready, exit }, exchanges })
    }

    /// Collects the evidence of a service that was killed on purpose.
    pub(super) async fn stop_killed(self) -> Result<StoppedService, Error> {
        let mut stopped = self.stop(Duration::ZERO).await?;
        // It did not exit by itself.
        stopped.run.exit = Exit { stop_requested: true, killed: true, ..stopped.run.exit };
        Ok(stopped)
    }
}
