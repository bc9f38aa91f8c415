//! The job queue in Postgres. A worker claims a job with a lease: until the lease ends, no other
//! worker claims the job.

use std::fmt;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;

use super::Store;
use crate::Pending;

/// The NOTIFY channel for new jobs.
pub const CHANNEL: &str = "job_queue";
/// Duration of a lease. If a worker does not renew its lease in time, another worker may claim the
/// job.
pub const LEASE: Duration = Duration::from_secs(15);

/// A job that this process claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// `jobs.id`.
    pub job_id: i64,
    /// Number of claims of this job, including this one.
    pub attempts: i32,
}

/// A queue of jobs.
pub trait JobQueue: fmt::Debug + Send + Sync {
    /// Claims the oldest job without a valid lease; `None` if there is none.
    fn claim(&self) -> Pending<'_, Result<Option<Claim>, sqlx::Error>>;
}

/// The table `job_queue`.
#[derive(Debug, Clone)]
pub struct PostgresQueue {
    pool: PgPool,
    /// The name of this process in `job_queue.locked_by`.
    worker: String,
}

impl PostgresQueue {
    pub(super) fn new(pool: PgPool, worker: String) -> Self {
        Self { pool, worker }
    }

    async fn claim_oldest(&self) -> Result<Option<Claim>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let claim: Option<(i64, i32)> = sqlx::query_as(
            "UPDATE job_queue
             SET locked_by = $1, attempts = attempts + 1,
                 locked_until = clock_timestamp() + make_interval(secs => $2)
             WHERE id = (SELECT id FROM job_queue
                         WHERE locked_until IS NULL OR locked_until < clock_timestamp()
                         ORDER BY id LIMIT 1
                         FOR UPDATE SKIP LOCKED)
             RETURNING job_id, attempts",
        )
        .bind(&self.worker)
        .bind(LEASE.as_secs_f64())
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((job_id, _)) = claim {
            sqlx::query(
                "UPDATE jobs SET status = 'processing', updated_at = clock_timestamp()
                 WHERE id = $1",
            )
            .bind(job_id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(claim.map(|(job_id, attempts)| Claim { job_id, attempts }))
    }
}

impl JobQueue for PostgresQueue {
    fn claim(&self) -> Pending<'_, Result<Option<Claim>, sqlx::Error>> {
        Box::pin(self.claim_oldest())
    }
}

impl Store {
    /// Listens for notifications of new jobs, over a separate connection.
    pub(crate) async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Renews the lease of a job; returns `false` if another worker has claimed the job.
    pub(crate) async fn renew_lease(&self, job_id: i64) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE job_queue
             SET locked_until = clock_timestamp() + make_interval(secs => $3)
             WHERE job_id = $1 AND locked_by = $2",
        )
        .bind(job_id)
        .bind(&self.worker)
        .bind(LEASE.as_secs_f64())
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Stores why a job could not be executed.
    pub(crate) async fn set_error(&self, job_id: i64, error: &str) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE job_queue SET last_error = $2 WHERE job_id = $1")
            .bind(job_id)
            .bind(error)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
