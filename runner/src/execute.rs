//! Executes jobs. A job consists of units: one question for one model in one region. The units of a
//! job run concurrently, each in its own span `execute_question`. A unit has one row in the table
//! `executions`, its execution.

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
use crate::spans::{ExecutionRef, OpenSpan, SpanStart, SpanStatus, Tracer};
use crate::stop::{Phase, Stop};
use crate::store::{ExecutionEnd, ExecutionStart, Job, JobStatus, LEASE, Store};

/// Maximum number of units of one job that run at the same time.
const MAX_CONCURRENT_UNITS: usize = 10;

/// Executes the jobs of both submission routes.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) store: Store,
    /// The router that answers questions; `None` if there is no router.
    pub(crate) upstream: Option<Arc<dyn Upstream>>,
    pub(crate) tracers: Tracers,
    /// Splits a job into units.
    pub(crate) units: fn(&JobSpec) -> Vec<Unit>,
    pub(crate) stop: Stop,
}

impl Executor {
    /// Executes a job, and renews its lease meanwhile, so that no other worker claims the job.
    pub(crate) async fn run(self: &Arc<Self>, job: Job) {
        let (job_id, route) = (job.id, job.route.as_str());
        tracing::info!(job_id, route, "job started");
        let mut running = pin!(self.run_units(Arc::new(job)));
        let status = loop {
            match timeout(LEASE / 3, &mut running).await {
                Ok(status) => break status,
                Err(_) => self.renew_lease(job_id).await,
            }
        };
        match self.store.finish_job(job_id, status).await {
            Ok(()) => tracing::info!(job_id, status = status.as_str(), "job finished"),
            Err(error) => tracing::error!(%error, job_id, "storing the job's status failed"),
        }
    }

    async fn renew_lease(&self, job_id: i64) {
        match self.store.renew_lease(job_id).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(job_id, "another worker has claimed the job"),
            Err(error) => tracing::warn!(%error, job_id, "renewing the job's lease failed"),
        }
    }

    async fn run_units(self: &Arc<Self>, job: Arc<Job>) -> JobStatus {
        let units = (self.units)(&job.spec);
        let total = units.len();
        if total == 0 {
            tracing::error!(job_id = job.id, "the job has no units to execute");
        }
        let permits = Arc::new(Semaphore::new(MAX_CONCURRENT_UNITS));
        let mut running = JoinSet::new();
        for unit in units {
            let (executor, job, permits) = (self.clone(), job.clone(), permits.clone());
            running.spawn(async move {
                // The semaphore is never closed, so `acquire` never fails.
                let _permit = permits.acquire().await;
                executor.execute_question(&job, &unit).await
            });
        }
        let mut succeeded = 0;
        let mut unfinished_reason = None;
        while let Some(result) = running.join_next().await {
            match result {
                Ok(Ok(success)) => succeeded += usize::from(success),
                Ok(Err(error)) => {
                    unfinished_reason = Some(format!("storing the execution failed: {error}"));
                }
                Err(error) => {
                    unfinished_reason =
                        Some(format!("the unit panicked: {}", panic_message(error)));
                }
            }
        }
        if let Some(reason) = unfinished_reason {
            self.fail_unfinished_units(&job, &reason).await;
        }
        let is_satisfied = job.spec.is_satisfied(succeeded, total);
        if is_satisfied { JobStatus::Completed } else { JobStatus::Failed }
    }

    /// Marks the unfinished executions of a job, and their spans, as failed.
    pub(crate) async fn fail_unfinished_units(&self, job: &Job, reason: &str) {
        tracing::error!(job_id = job.id, reason, "a unit failed to execute");
        let output = Failure::new(Kind::Internal, reason).output();
        match self.store.fail_unfinished(job.id, output).await {
            Err(error) => {
                tracing::error!(%error, job_id = job.id, "could not mark the unfinished units as failed");
            }
            Ok(executions) => {
                for execution_id in executions {
                    self.tracers.for_route(job.route).abandon(execution_id, reason).await;
                }
            }
        }
    }

    /// Executes one unit and returns whether it succeeded; `Err` if its execution can't be stored.
    /// An error of the tracer never fails a unit.
    async fn execute_question(&self, job: &Job, unit: &Unit) -> Result<bool, sqlx::Error> {
        let tracer = self.tracers.for_route(job.route);
        // The upstream receives the trace id even without tracing, so that it can record its own spans.
        let trace_id = Uuid::new_v4();
        let recorded_trace_id = tracer.enabled().then_some(trace_id);
        let execution_id = match self.store.start_execution(job.id, unit, recorded_trace_id).await?
        {
            ExecutionStart::AlreadyFinished { succeeded } => return Ok(succeeded),
            ExecutionStart::New(id) => id,
            ExecutionStart::Restarted(id) => {
                tracer.abandon(id, "the worker died").await;
                id
            }
        };
        let execution = ExecutionRef {
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
        let root = SpanStart::root("execute_question", trace_id, execution.clone(), metadata);
        let root = tracer.start(root).await;
        let result = self.call_router(tracer, &root, execution, unit).await;
        finish_span(tracer, root, &result).await;
        self.store.finish_execution(execution_id, &execution_end(&result)).await?;
        log_result(job, execution_id, unit, &result);
        Ok(result.is_ok())
    }

    /// Sends the unit's question to the router, inside a child span of `root`.
    async fn call_router(
        &self,
        tracer: &Tracer,
        root: &OpenSpan,
        execution: ExecutionRef,
        unit: &Unit,
    ) -> Result<Answer, Failure> {
        let Some(upstream) = &self.upstream else {
            return Err(Failure::new(Kind::NotConfigured, "hybrid router not configured"));
        };
        let metadata = json!({ "question_id": unit.question_id });
        let span = SpanStart::child(root, "hybrid_router_call", execution, metadata);
        let span = tracer.start(span).await;
        let result = tokio::select! {
            // Cancellation is checked first, so that a unit that starts after it sends no request.
            biased;
            () = self.stop.wait_for(Phase::Cancelled) => {
                Err(Failure::new(Kind::Shutdown, "the runner stopped before the router answered"))
            }
            result = upstream.infer(unit, root.trace_id) => result,
        };
        finish_span(tracer, span, &result).await;
        result
    }
}

async fn finish_span(tracer: &Tracer, span: OpenSpan, result: &Result<Answer, Failure>) {
    match result {
        Ok(_) => tracer.finish(span, SpanStatus::Completed, None).await,
        Err(failure) => {
            let error = (failure.code.clone(), failure.message.clone());
            tracer.finish(span, failure.status(), Some(error)).await;
        }
    }
}

fn execution_end(result: &Result<Answer, Failure>) -> ExecutionEnd {
    match result {
        Ok(answer) => ExecutionEnd {
            status: SpanStatus::Completed,
            provider: answer.provider.clone(),
            output: json!({
                "response": answer.response,
                "provider": answer.provider,
                "metadata": answer.metadata,
            }),
        },
        Err(failure) => ExecutionEnd {
            status: failure.status(),
            provider: failure.provider.clone(),
            output: failure.output(),
        },
    }
}

/// Returns the message of a panic, without the task's id.
fn panic_message(error: JoinError) -> String {
    let panic = match error.try_into_panic() {
        Ok(panic) => panic,
        Err(error) => return error.to_string(),
    };
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("no message").to_owned()
}

/// Logs the result of a unit. Strings from the client and the upstream are quoted and escaped, so a
/// line break in one of them does not start a new log line.
fn log_result(job: &Job, execution_id: i64, unit: &Unit, result: &Result<Answer, Failure>) {
    let (job_id, model, region) = (job.id, unit.model_id.as_str(), unit.region.as_str());
    match result {
        Ok(_) => {
            tracing::info!(job_id, execution_id, model, region, "execution completed");
        }
        Err(failure) => {
            let (code, error) = (failure.code.as_str(), failure.message.as_str());
            tracing::error!(job_id, execution_id, model, region, code, error, "execution failed");
        }
    }
}
