//! Jobs: put in, taken out, finished.

use serde_json::Value as Json;

use super::Store;
use super::queue::{CHANNEL, LEASE};
use crate::jobspec::{Invalid, JobSpec, Submission};

/// The endpoint a job came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /api/v1/jobs`.
    Queued,
    /// `POST /api/v1/jobs/cross-region`.
    CrossRegion,
}

impl Route {
    /// The text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::CrossRegion => "cross-region",
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// Enough units succeeded.
    Completed,
    /// Too few did.
    Failed,
}

impl JobStatus {
    /// The text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A job that is being executed.
#[derive(Debug, Clone)]
pub struct Job {
    /// `jobs.id`.
    pub id: i64,
    /// How it came in.
    pub route: Route,
    /// What it asks.
    pub spec: JobSpec,
}

/// A job was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Its id is taken.
    #[error("a job with id `{0}` exists already")]
    Duplicate(String),
    /// The database said no.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A stored job can't be executed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the stored jobspec is wrong: {0}")]
    Jobspec(#[from] Invalid),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Store {
    /// Keeps a job. A queued one waits for any worker; a cross-region one is leased by this
    /// process from the start, so that another takes it over only if this one dies.
    pub async fn submit(&self, submission: &Submission, route: Route) -> Result<i64, SubmitError> {
        let mut transaction = self.pool.begin().await?;
        let (status, worker) = match route {
            Route::Queued => ("queued", None),
            Route::CrossRegion => ("processing", Some(self.worker.as_str())),
        };
        let job_id: i64 = sqlx::query_scalar(
            "INSERT INTO jobs (jobspec_id, jobspec, status, route) VALUES ($1, $2, $3, $4)
             RETURNING id",
        )
        .bind(&submission.spec.id)
        .bind(&submission.json)
        .bind(status)
        .bind(route.as_str())
        .fetch_one(&mut *transaction)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(refusal) if refusal.is_unique_violation() => {
                SubmitError::Duplicate(submission.spec.id.clone())
            }
            _ => error.into(),
        })?;
        sqlx::query(
            "INSERT INTO job_queue (job_id, enqueued_at, attempts, locked_by, locked_until)
             VALUES ($1, clock_timestamp(), CASE WHEN $2::text IS NULL THEN 0 ELSE 1 END, $2,
                     CASE WHEN $2 IS NULL THEN NULL
                          ELSE clock_timestamp() + make_interval(secs => $3) END)",
        )
        .bind(job_id)
        .bind(worker)
        .bind(LEASE.as_secs_f64())
        .execute(&mut *transaction)
        .await?;
        if route == Route::Queued {
            sqlx::query("SELECT pg_notify($1, $2)")
                .bind(CHANNEL)
                .bind(job_id.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(job_id)
    }

    /// A stored job, ready to be executed.
    pub(crate) async fn load(&self, job_id: i64) -> Result<Job, LoadError> {
        let (jobspec, route): (Json, String) =
            sqlx::query_as("SELECT jobspec, route FROM jobs WHERE id = $1")
                .bind(job_id)
                .fetch_one(&self.pool)
                .await?;
        let cross_region = route == Route::CrossRegion.as_str();
        let route = if cross_region { Route::CrossRegion } else { Route::Queued };
        Ok(Job { id: job_id, route, spec: Submission::read(jobspec)?.spec })
    }

    /// Gives a job its final status and takes it out of the queue, both or neither.
    pub async fn finish_job(&self, job_id: i64, status: JobStatus) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE jobs SET status = $2, updated_at = clock_timestamp() WHERE id = $1")
            .bind(job_id)
            .bind(status.as_str())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM job_queue WHERE job_id = $1")
            .bind(job_id)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}
