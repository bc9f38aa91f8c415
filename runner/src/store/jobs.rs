//! Submits, loads and finishes jobs. A job consists of units: one question for one model in one
//! region.

use serde_json::Value as Json;

use super::Store;
use super::queue::{CHANNEL, LEASE};
use crate::jobspec::{InvalidField, JobSpec, Submission};

/// The route by which a job was submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `POST /api/v1/jobs`.
    Queued,
    /// `POST /api/v1/jobs/cross-region`.
    CrossRegion,
}

impl Route {
    /// Returns the text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::CrossRegion => "cross-region",
        }
    }
}

/// The final status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// Enough units succeeded.
    Completed,
    /// Too few units succeeded, or the job could not be executed.
    Failed,
}

impl JobStatus {
    /// Returns the text in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A job to execute.
#[derive(Debug, Clone)]
pub struct Job {
    /// `jobs.id`.
    pub id: i64,
    /// The route of its submission.
    pub route: Route,
    /// The parsed jobspec.
    pub spec: JobSpec,
}

/// A job could not be stored.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Another job has the same jobspec id.
    #[error("a job with id `{0}` already exists")]
    Duplicate(String),
    /// The database returned an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A stored job can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the stored jobspec is invalid: {0}")]
    Jobspec(#[from] InvalidField),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Store {
    /// Stores a job and returns its `jobs.id`. Any worker may claim a queued job. A cross-region
    /// job is leased to this process: another worker claims the job only if this process stops
    /// renewing the lease, for instance because it died.
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
            Some(error) if error.is_unique_violation() => {
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

    /// Loads a stored job.
    pub(crate) async fn load(&self, job_id: i64) -> Result<Job, LoadError> {
        let (jobspec, route): (Json, String) =
            sqlx::query_as("SELECT jobspec, route FROM jobs WHERE id = $1")
                .bind(job_id)
                .fetch_one(&self.pool)
                .await?;
        let cross_region = route == Route::CrossRegion.as_str();
        let route = if cross_region { Route::CrossRegion } else { Route::Queued };
        Ok(Job { id: job_id, route, spec: Submission::from_json(jobspec)?.spec })
    }

    /// Sets the final status of a job and removes it from the queue, in one transaction.
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
