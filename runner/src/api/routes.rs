//! The routes. The same executor executes the jobs of both submission routes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::reply::ErrorReply;
use super::tasks::Tasks;
use crate::execute::Executor;
use crate::jobspec::Submission;
use crate::stop::Stop;
use crate::store::{Job, Route, Store};

type Reply = Result<(StatusCode, Json<Value>), ErrorReply>;
type Body = Result<Bytes, BytesRejection>;

struct Api {
    store: Store,
    executor: Arc<Executor>,
    tasks: Tasks,
    stop: Stop,
}

/// Returns the router of all routes.
pub(crate) fn routes(store: Store, executor: Arc<Executor>, tasks: Tasks, stop: Stop) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/api/v1/jobs", post(submit))
        .route("/api/v1/jobs/cross-region", post(submit_cross_region))
        .route("/api/v1/jobs/{jobspec_id}", get(get_job))
        .fallback(async || ErrorReply::new(StatusCode::NOT_FOUND, "no such route"))
        .method_not_allowed_fallback(async || {
            ErrorReply::new(StatusCode::METHOD_NOT_ALLOWED, "no such method on this route")
        })
        .with_state(Arc::new(Api { store, executor, tasks, stop }))
}

/// Answers that the runner is ready. The runner opens its listener only after it has connected to
/// the database and created the worker, so any answer shows that both are ready. Fails if a query
/// to the database fails.
async fn health(State(api): State<Arc<Api>>) -> Reply {
    api.store.missing_table().await?;
    let tracing = api.executor.tracers.for_route(Route::Queued).enabled();
    let router = api.executor.upstream.is_some();
    Ok((StatusCode::OK, Json(json!({ "status": "ok", "tracing": tracing, "router": router }))))
}

async fn submit(State(api): State<Arc<Api>>, body: Body) -> Reply {
    let submission = Submission::from_json(api.body(body)?)?;
    let job_id = api.store.submit(&submission, Route::Queued).await?;
    tracing::info!(job_id, jobspec_id = submission.spec.id, "job queued");
    Ok(accepted(&submission, job_id, "queued"))
}

async fn submit_cross_region(State(api): State<Arc<Api>>, body: Body) -> Reply {
    let submission = Submission::from_cross_region(&api.body(body)?)?;
    let job_id = api.store.submit(&submission, Route::CrossRegion).await?;
    let reply = accepted(&submission, job_id, "submitted");
    let job = Job { id: job_id, route: Route::CrossRegion, spec: submission.spec };
    let executor = api.executor.clone();
    api.tasks.spawn(async move { executor.run(job).await });
    Ok(reply)
}

/// Returns a job and its executions as JSON.
async fn get_job(State(api): State<Arc<Api>>, Path(jobspec_id): Path<String>) -> Reply {
    let job = api.store.job_with_executions(&jobspec_id).await?;
    job.map(|job| (StatusCode::OK, Json(job))).ok_or_else(|| {
        let reason = format!("there is no job with id `{jobspec_id}`");
        ErrorReply::new(StatusCode::NOT_FOUND, reason)
    })
}

impl Api {
    /// Parses the body of a submission; `Err` during shutdown.
    fn body(&self, body: Body) -> Result<Value, ErrorReply> {
        if self.stop.is_requested() {
            let reason = "the runner is stopping";
            return Err(ErrorReply::new(StatusCode::SERVICE_UNAVAILABLE, reason));
        }
        let body = body.map_err(|error| ErrorReply::new(error.status(), error.body_text()))?;
        serde_json::from_slice(&body).map_err(|error| {
            ErrorReply::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"))
        })
    }
}

fn accepted(submission: &Submission, job_id: i64, status: &str) -> (StatusCode, Json<Value>) {
    let body = json!({ "id": submission.spec.id, "job_id": job_id, "status": status });
    (StatusCode::ACCEPTED, Json(body))
}
