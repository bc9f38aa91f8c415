//! Executing a job: its units side by side, each traced by the one `execute_question`.

use std::pin::pin;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use uuid::Uuid;

use crate::app::Tracers;
use crate::jobspec::{JobSpec, Unit};
use crate::router::{Answer, Failure, Kind, Upstream};
use crate::spans::{OpenSpan, SpanStart, SpanStatus, Subject, Tracer};
use crate::stop::{Phase, Stop};
use crate::store::{Begun, Ending, Job, JobStatus, LEASE, Store};

/// How many units of one job run at once.
const SIDE_BY_SIDE: usize = 10;

/// Executes jobs, whichever route they came in by.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) store: Store,
    pub(crate) upstream: Option<Arc<dyn Upstream>>,
    pub(crate) tracers: Tracers,
    pub(crate) units: fn(&JobSpec) -> Vec<Unit>,
    pub(crate) stop: Stop,
}

impl Executor {
    /// Executes a job to its end, giving signs of life meanwhile.
    pub(crate) async fn run(self: &Arc<Self>, job: Job) {
        let (job_id, route) = (job.id, job.route.as_str());
        tracing::info!(job_id, route, "job started");
        let mut running = pin!(self.run_units(Arc::new(job)));
        let ended = loop {
            match timeout(LEASE / 3, &mut running).await {
                Ok(status) => break status,
                Err(_) => self.give_sign_of_life(job_id).await,
            }
        };
        match self.store.finish_job(job_id, ended).await {
            Ok(()) => tracing::info!(job_id, status = ended.as_str(), "job finished"),
            Err(error) => tracing::error!(%error, job_id, "the job's end could not be stored"),
        }
    }

    async fn give_sign_of_life(&self, job_id: i64) {
        match self.store.renew(job_id).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(job_id, "another worker has taken the job over"),
            Err(error) => tracing::warn!(%error, job_id, "the job's lease could not be renewed"),
        }
    }

    async fn run_units(self: &Arc<Self>, job: Arc<Job>) -> JobStatus {
        let units = (self.units)(&job.spec);
        let total = units.len();
        if total == 0 {
            tracing::error!(job_id = job.id, "the job has no units: nothing was executed");
        }
        let permits = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut running = JoinSet::new();
        for unit in units {
            let (executor, job, permits) = (self.clone(), job.clone(), permits.clone());
            running.spawn(async move {
                // Never closed, so always granted.
                let _permit = permits.acquire().await;
                executor.execute_question(&job, &unit).await
            });
        }
        let mut succeeded = 0;
        let mut broken = None;
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok(Ok(success)) => succeeded += usize::from(success),
                Ok(Err(error)) => broken = Some(format!("the execution was not stored: {error}")),
                Err(error) => broken = Some(format!("the unit panicked: {}", told(error))),
            }
        }
        if let Some(reason) = broken {
            self.clear_up(&job, &reason).await;
        }
        let enough = job.spec.is_satisfied(succeeded, total);
        if enough { JobStatus::Completed } else { JobStatus::Failed }
    }

    /// Fails what broken units left unfinished.
    pub(crate) async fn clear_up(&self, job: &Job, reason: &str) {
        tracing::error!(job_id = job.id, reason, "a unit broke");
        let output = Failure::new(Kind::Internal, reason).output();
        match self.store.fail_unfinished(job.id, output).await {
            Err(error) => tracing::error!(%error, job_id = job.id, "broken units stay unfinished"),
            Ok(executions) => {
                for execution_id in executions {
                    self.tracers.of(job.route).abandon(execution_id, reason).await;
                }
            }
        }
    }

    /// Executes one unit. Says whether it succeeded; an error is one of the database, and only
    /// of the tables that hold the work: tracing never fails a unit.
    async fn execute_question(&self, job: &Job, unit: &Unit) -> Result<bool, sqlx::Error> {
        let tracer = self.tracers.of(job.route);
        // Made whether or not it is traced: the upstream gets it, and may record on its own.
        let trace_id = Uuid::new_v4();
        let recorded = tracer.enabled().then_some(trace_id);
        let execution_id = match self.store.begin_execution(job.id, unit, recorded).await? {
            Begun::Done { succeeded } => return Ok(succeeded),
            Begun::New(id) => id,
            Begun::Again(id) => {
                tracer.abandon(id, "the worker was lost").await;
                id
            }
        };
        let subject = Subject {
            job_id: job.id,
            execution_id,
            model_id: unit.model_id.clone(),
            region: unit.region.clone(),
        };
        let metadata = json!({
            "jobspec_id": job.spec.id,
            "question_id": unit.question_id,
            "route": job.route.as_str(),
        });
        let root = SpanStart::root("execute_question", trace_id, subject.clone(), metadata);
        let root = tracer.start(root).await;
        let asked = self.ask(tracer, &root, subject, unit).await;
        finish(tracer, root, &asked).await;
        let ending = ending(&asked);
        self.store.finish_execution(execution_id, &ending).await?;
        tell(job, execution_id, unit, &asked);
        Ok(asked.is_ok())
    }

    /// Asks the upstream, inside a span of its own.
    async fn ask(
        &self,
        tracer: &Tracer,
        root: &OpenSpan,
        subject: Subject,
        unit: &Unit,
    ) -> Result<Answer, Failure> {
        let Some(upstream) = &self.upstream else {
            return Err(Failure::new(Kind::NotConfigured, "hybrid router not configured"));
        };
        let metadata = json!({ "question_id": unit.question_id });
        let span = SpanStart::inside(root, "hybrid_router_call", subject, metadata);
        let span = tracer.start(span).await;
        let asked = tokio::select! {
            // The stop goes first, so that a unit begun after it asks nothing.
            biased;
            () = self.stop.reached(Phase::Cancelled) => {
                Err(Failure::new(Kind::Shutdown, "the runner was stopped before the answer came"))
            }
            asked = upstream.infer(unit, root.trace_id) => asked,
        };
        finish(tracer, span, &asked).await;
        asked
    }
}

async fn finish(tracer: &Tracer, span: OpenSpan, asked: &Result<Answer, Failure>) {
    match asked {
        Ok(_) => tracer.finish(span, SpanStatus::Completed, None).await,
        Err(failure) => {
            let error = (failure.code.clone(), failure.message.clone());
            tracer.finish(span, failure.status(), Some(error)).await;
        }
    }
}

fn ending(asked: &Result<Answer, Failure>) -> Ending {
    match asked {
        Ok(answer) => Ending {
            status: SpanStatus::Completed,
            provider: answer.provider.clone(),
            output: json!({
                "response": answer.response,
                "provider": answer.provider,
                "metadata": answer.metadata,
            }),
        },
        Err(failure) => Ending {
            status: failure.status(),
            provider: failure.provider.clone(),
            output: failure.output(),
        },
    }
}

/// The message of a panic, without the number of its task.
fn told(error: JoinError) -> String {
    let panic = match error.try_into_panic() {
        Ok(panic) => panic,
        Err(error) => return error.to_string(),
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("no message").to_owned()
}

/// Texts of others are logged as strings, quoted and escaped: no line break of theirs is one of ours.
fn tell(job: &Job, execution_id: i64, unit: &Unit, asked: &Result<Answer, Failure>) {
    let (job_id, model, region) = (job.id, unit.model_id.as_str(), unit.region.as_str());
    match asked {
        Ok(_) => {
            tracing::info!(job_id, execution_id, model, region, "execution completed");
        }
        Err(failure) => {
            let (code, error) = (failure.code.as_str(), failure.message.as_str());
            tracing::error!(job_id, execution_id, model, region, code, error, "execution failed");
        }
    }
}
