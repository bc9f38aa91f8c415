//! The parts of a runner, such as its tracers and its queue. The default parts have no fault.
//! Another program can replace each part, for example to start a runner with a known fault.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

use super::StartError;
use crate::config::{self, Config, RouterChoice};
use crate::jobspec::{self, JobSpec, Unit};
use crate::router::{RouterClient, Upstream};
use crate::spans::{PostgresSpans, Stderr, Tracer};
use crate::store::{JobQueue, Route, Store};

/// How to build a runner: three functions that a program can replace.
#[derive(Debug, Clone, Copy)]
pub struct Assembly {
    /// Returns the value of an environment variable. All flags are read with this function.
    pub environment: fn(&str) -> Option<String>,
    /// Changes the configuration before it is printed.
    pub adjust: fn(&mut Config),
    /// Builds the parts. Each new tracer prints whether it is enabled.
    pub parts: fn(&Context<'_>) -> Result<Parts, StartError>,
}

impl Default for Assembly {
    fn default() -> Self {
        Self { environment: config::environment, adjust: |_| {}, parts: Parts::new }
    }
}

/// The values from which [`Assembly::parts`] builds the parts.
#[derive(Debug)]
pub struct Context<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The connection options of the database.
    pub database: &'a PgConnectOptions,
    /// The database tables of jobs and executions.
    pub store: &'a Store,
}

/// The tracer of each route. A healthy runner uses one tracer for both routes.
#[derive(Debug, Clone)]
pub struct Tracers {
    /// Traces jobs submitted by `POST /api/v1/jobs`.
    pub queued: Arc<Tracer>,
    /// Traces jobs submitted by `POST /api/v1/jobs/cross-region`.
    pub cross_region: Arc<Tracer>,
}

impl Tracers {
    /// Uses the same tracer for every route.
    pub fn shared(tracer: Tracer) -> Self {
        let tracer = Arc::new(tracer);
        Self { queued: tracer.clone(), cross_region: tracer }
    }

    /// Returns the tracer of a route.
    pub fn for_route(&self, route: Route) -> &Tracer {
        match route {
            Route::Queued => &self.queued,
            Route::CrossRegion => &self.cross_region,
        }
    }
}

/// The parts of a runner.
#[derive(Debug)]
pub struct Parts {
    /// The tracers that record spans.
    pub tracers: Tracers,
    /// The router that answers questions; `None` if it is disabled or not configured.
    pub upstream: Option<Arc<dyn Upstream>>,
    /// The queue that the worker takes jobs from.
    pub queue: Box<dyn JobQueue>,
    /// Splits a job into units: one question for one model in one region.
    pub units: fn(&JobSpec) -> Vec<Unit>,
}

impl Parts {
    /// Builds the healthy parts, which have no fault.
    pub fn new(context: &Context<'_>) -> Result<Self, StartError> {
        let spans = PostgresSpans::connect_lazy(context.database.clone());
        let tracer = Tracer::new(&context.config.tracing, Box::new(Stderr), Box::new(spans));
        Self::with_tracers(context, Tracers::shared(tracer))
    }

    /// Builds the healthy parts with other tracers.
    pub fn with_tracers(context: &Context<'_>, tracers: Tracers) -> Result<Self, StartError> {
        let upstream: Option<Arc<dyn Upstream>> = match &context.config.router {
            RouterChoice::BaseUrl(base) => {
                let router = RouterClient::new(base.clone(), context.config.router_timeout)?;
                Some(Arc::new(router))
            }
            RouterChoice::Disabled | RouterChoice::NotConfigured => None,
        };
        let queue = Box::new(context.store.queue());
        Ok(Self { tracers, upstream, queue, units: jobspec::units })
    }
}
