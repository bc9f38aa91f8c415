//! Which parts a runner is made of. The healthy ones are the defaults; each can be replaced.

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

use super::StartError;
use crate::config::{self, Config, RouterChoice};
use crate::jobspec::{self, JobSpec, Unit};
use crate::router::{HybridRouter, Upstream};
use crate::spans::{PostgresSpans, Stderr, Tracer};
use crate::store::{Claims, Route, Store};

/// How to make a runner: the three steps that a composing program may do its own way.
#[derive(Debug, Clone, Copy)]
pub struct Assembly {
    /// The environment that flags are read from.
    pub environment: fn(&str) -> Option<String>,
    /// A last word on the configuration, before it is printed.
    pub adjust: fn(&mut Config),
    /// Makes the parts; tracers say at this moment whether they are on.
    pub parts: fn(&Given<'_>) -> Result<Parts, StartError>,
}

impl Default for Assembly {
    fn default() -> Self {
        Self { environment: config::environment, adjust: |_| {}, parts: Parts::new }
    }
}

/// What parts are made from.
#[derive(Debug)]
pub struct Given<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// How to connect to the database.
    pub database: &'a PgConnectOptions,
    /// The rows of jobs and executions.
    pub store: &'a Store,
}

/// The tracer of each route; in a healthy runner they are the same.
#[derive(Debug, Clone)]
pub struct Tracers {
    /// Of jobs that came in by `POST /api/v1/jobs`.
    pub queued: Arc<Tracer>,
    /// Of jobs that came in by `POST /api/v1/jobs/cross-region`.
    pub cross_region: Arc<Tracer>,
}

impl Tracers {
    /// The same tracer for every route.
    pub fn shared(tracer: Tracer) -> Self {
        let tracer = Arc::new(tracer);
        Self { queued: tracer.clone(), cross_region: tracer }
    }

    /// The tracer of one route.
    pub fn of(&self, route: Route) -> &Tracer {
        match route {
            Route::Queued => &self.queued,
            Route::CrossRegion => &self.cross_region,
        }
    }
}

/// The parts of a runner.
#[derive(Debug)]
pub struct Parts {
    /// Record spans.
    pub tracers: Tracers,
    /// Answers questions; `None` when no router is configured.
    pub upstream: Option<Arc<dyn Upstream>>,
    /// Gives jobs to the worker.
    pub claims: Box<dyn Claims>,
    /// Divides a job into units.
    pub units: fn(&JobSpec) -> Vec<Unit>,
}

impl Parts {
    /// The healthy parts.
    pub fn new(given: &Given<'_>) -> Result<Self, StartError> {
        let spans = PostgresSpans::lazily(given.database.clone());
        let tracer = Tracer::new(&given.config.tracing, Box::new(Stderr), Box::new(spans));
        Self::traced_by(given, Tracers::shared(tracer))
    }

    /// The healthy parts, but for the tracers.
    pub fn traced_by(given: &Given<'_>, tracers: Tracers) -> Result<Self, StartError> {
        let upstream: Option<Arc<dyn Upstream>> = match &given.config.router {
            RouterChoice::At(base) => {
                let router = HybridRouter::new(base.clone(), given.config.router_timeout)?;
                Some(Arc::new(router))
            }
            RouterChoice::Disabled | RouterChoice::NotConfigured => None,
        };
        let claims = Box::new(given.store.queue());
        Ok(Self { tracers, upstream, claims, units: jobspec::units })
    }
}
