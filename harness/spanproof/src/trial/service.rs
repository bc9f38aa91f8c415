//! The running service of a trial (one run of the service): its processes, its port and its fake upstream.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;

use super::processes::RunningProcess;
use super::readiness::wait_until_ready;
use super::resources::{Resources, reserve_port};
use super::stopwatch::Stopwatch;
use super::values::Values;
use super::{Error, World};
use crate::matrix::Case;
use crate::observation::{LineCounts, ProcessRun, Service, WaitResult};
use crate::process::{Child, Ending, Exit, Output};
use crate::spec::Value;
use crate::upstream::{Behaviour, Exchange, Upstream};
use spanproof_lease::Reservation;

/// A running service: its main process, which `[service]` describes, and the other processes under
/// test. Dropping it kills their process groups.
#[derive(Debug)]
pub(super) struct RunningService {
    main: Child,
    /// The other processes under test, in the order in which they were started.
    others: Vec<RunningProcess>,
    /// The exits and the outputs of other processes that were already stopped.
    stopped: Vec<(Exit, Output)>,
    pub(super) upstream: Upstream,
    pub(super) values: Values,
    /// The whole environment of the main process.
    pub(super) environment: BTreeMap<String, String>,
    /// Number of lines that the processes printed before the service was ready.
    startup: LineCounts,
    pub(super) ready: WaitResult,
    /// The ids of the processes and of their descendants at the moment when the service was ready.
    ids: Vec<u32>,
    /// A hash of the main program; `None` if its file can't be read.
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
    pub(super) resources: &'a Arc<Resources>,
    /// Variables that replace those of the spec and the case.
    pub(super) env: &'a BTreeMap<String, Value>,
    /// The job, for a service that reads its job at its start.
    pub(super) job: &'a Json,
    /// Time limit until the main process is ready.
    pub(super) ready_timeout: Duration,
}

/// The evidence of a stopped service.
#[derive(Debug)]
pub(super) struct StoppedService {
    pub(super) service: Service,
    pub(super) run: ProcessRun,
    pub(super) exchanges: Vec<Exchange>,
    /// The processes that sent requests to the upstream and do not belong to the trial, each with the
    /// number of its requests.
    pub(super) foreign_requests: BTreeMap<String, u64>,
}

impl RunningService {
    /// Starts the fake upstream and the processes of a case, and waits until each process is ready.
    pub(super) async fn start(
        world: &World,
        options: &ServiceOptions<'_>,
        stopwatch: &mut Stopwatch,
    ) -> Result<Self, Error> {
        let spec = world.spec();
        let ServiceOptions { case, database, resources, .. } = *options;
        let family = resources.family.clone();
        let find_foreign_client = move |client, server| family.foreign_client(client, server);
        let upstream = Upstream::start(options.behaviour, Arc::new(find_foreign_client))?;
        stopwatch.lap("upstream");
        let port = reserve_port()?;
        let values = Values::new(database, upstream.url(), port.port(), case, resources)?;
        resources.family.add_marks(values.marks());
        let mut environment = values.environment(spec, case);
        for (name, value) in options.env {
            match value.text() {
                Some(text) => environment.insert(name.clone(), values.fill(text)),
                None => environment.remove(name),
            };
        }
        world.render_files(&values)?;
        if spec.has_work_at_start() {
            values.write_job(options.job)?;
        }
        let (running, ready) = (Vec::new(), WaitResult::Reached);
        let mut others =
            Others { world, values: &values, environment: &environment, running, ready };
        others.start(true).await?;
        let cwd = spec.service.cwd.as_deref();
        let fill = |text: &str| values.fill(text);
        let launch = world.program().launch(spec, cwd, environment.clone(), fill);
        let program = launch.identity();
        let main = resources.family.start(&launch)?;
        stopwatch.lap("launch");
        if others.ready.is_reached() && !spec.service.one_shot {
            let (rule, url) = (&spec.service.ready, values.fill(&spec.service.url));
            others.ready =
                wait_until_ready(&main, rule, &values, &url, options.ready_timeout).await;
        }
        others.start(false).await?;
        stopwatch.lap("ready");
        let Others { running: others, ready, .. } = others;
        let startup = LineCounts::default();
        let mut service = Self {
            main,
            others,
            stopped: Vec::new(),
            upstream,
            values,
            environment,
            startup,
            ready,
            ids: Vec::new(),
            program,
            _port: port,
        };
        service.ids = service.process_ids();
        service.startup = LineCounts::count(&service.output());
        Ok(service)
    }

    /// Returns the output of all processes so far, in the order in which it was read.
    pub(super) fn output(&self) -> Output {
        let origin = self.main.start();
        let others = self.others.iter().map(|process| process.output_since(origin));
        others.fold(self.main.output(), Output::merged)
    }

    /// Whether the main process has exited.
    pub(super) fn main_has_exited(&self) -> bool {
        self.main.has_exited()
    }

    /// Returns the ids of all processes and of their descendants.
    fn process_ids(&self) -> Vec<u32> {
        let others = self.others.iter().flat_map(|process| process.child.family());
        self.main.family().into_iter().chain(others).collect()
    }

    /// Whether one of the processes has exited.
    pub(super) fn has_exited(&self) -> bool {
        self.main.has_exited() || self.others.iter().any(|process| process.child.has_exited())
    }

    /// Kills one process, or the main process if `name` is `None`.
    pub(super) async fn kill(&mut self, name: Option<&str>) {
        let other = self.others.iter_mut().find(|process| Some(process.rule.name.as_str()) == name);
        match other {
            Some(process) => process.child.kill().await,
            None => self.main.kill().await,
        }
    }

    /// Stops all processes but the main one, so that new ones can use their ports.
    pub(super) async fn stop_others(&mut self) -> Result<(), Error> {
        let origin = self.main.start();
        for process in std::mem::take(&mut self.others).into_iter().rev() {
            self.stopped.push(process.stop(origin).await?);
        }
        Ok(())
    }

    /// Stops the processes in the reverse order of their start. Each one gets its stop signal, and SIGKILL
    /// if it still runs after its grace period, which is `grace` for the main process.
    pub(super) async fn stop(
        mut self,
        world: &World,
        grace: Duration,
    ) -> Result<StoppedService, Error> {
        self.stop_others().await?;
        let Self {
            main, stopped, upstream, values, environment, startup, ready, ids, program, ..
        } = self;
        let command = main.command().to_owned();
        let (exits, outputs): (Vec<_>, Vec<_>) = stopped.into_iter().unzip();
        let mut output = outputs.into_iter().fold(Output::default(), Output::merged);
        let rule = &world.spec().service;
        let (mut exit, lines) = main.stop(rule.stop.signal(), grace).await?;
        output = lines.merged(output);
        let startup = if rule.one_shot { LineCounts::count(&output) } else { startup };
        let ended = matches!(exit.ending, Ending::Code(code) if rule.stop.is_clean(code));
        exit.stop_requested |= rule.one_shot && ended;
        let exit = exits.into_iter().fold(exit, Exit::combined);
        let (placeholders, exchanges) = (values.placeholders(&ids), upstream.journal());
        let service = Service { command, program, environment, placeholders };
        let run = ProcessRun { output, startup, ready, exit };
        let foreign_requests = upstream.foreign_requests();
        Ok(StoppedService { service, run, exchanges, foreign_requests })
    }

    /// Stops a service after one of its processes was killed on purpose.
    pub(super) async fn stop_after_kill(self, world: &World) -> Result<StoppedService, Error> {
        let mut stopped = self.stop(world, Duration::ZERO).await?;
        // spanproof killed the process, so its exit is not a crash.
        stopped.run.exit = Exit { stop_requested: true, killed: true, ..stopped.run.exit };
        Ok(stopped)
    }
}

/// Starts the processes under test besides the main process.
struct Others<'a> {
    world: &'a World,
    values: &'a Values,
    /// The environment of the service, which the other processes get, too.
    environment: &'a BTreeMap<String, String>,
    /// The processes that were started so far.
    running: Vec<RunningProcess>,
    /// The result of waiting for the processes so far: `Reached` if every one became ready.
    ready: WaitResult,
}

impl Others<'_> {
    /// Starts the processes that, according to the spec, start before the main process; or, if
    /// `before_main` is false, those that start after it. After a process that does not become ready,
    /// starts no other.
    async fn start(&mut self, before_main: bool) -> Result<(), Error> {
        let rules = self.world.spec().processes.iter().filter(|rule| !rule.helper);
        for rule in rules.filter(|rule| rule.starts_before_service() == before_main) {
            if !self.ready.is_reached() {
                return Ok(());
            }
            let launch = self.world.launch_process(rule, self.values, self.environment)?;
            let process = RunningProcess::start(rule, &launch, self.values).await?;
            if let WaitResult::NotReached(reason) = &process.ready {
                let reason = format!("the process `{}`: {reason}", rule.name);
                self.ready = WaitResult::NotReached(reason);
            }
            self.running.push(process);
        }
        Ok(())
    }
}
