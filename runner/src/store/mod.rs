//! The tables of jobs, executions and the queue. This module contains all SQL except the SQL for
//! spans.

mod executions;
mod jobs;
mod queue;
mod view;

pub use executions::{ExecutionEnd, ExecutionStart};
pub use jobs::{Job, JobStatus, Route, SubmitError};
pub use queue::{CHANNEL, Claim, JobQueue, LEASE, PostgresQueue};

use sqlx::PgPool;
use uuid::Uuid;

/// The database of jobs and executions.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    /// The name of this process in `job_queue.locked_by`.
    worker: String,
}

/// The tables that the runner requires.
const TABLES: [&str; 3] = ["jobs", "executions", "job_queue"];

impl Store {
    /// Creates a store with the database of this pool and a new worker name.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, worker: format!("runner-{}", Uuid::new_v4()) }
    }

    /// Returns the first required table that is missing; `None` if all exist. The span table is not
    /// required: jobs run without it, and the tracer reports each span that can't be written.
    pub async fn missing_table(&self) -> Result<Option<&'static str>, sqlx::Error> {
        for table in TABLES {
            let found: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
                .bind(table)
                .fetch_one(&self.pool)
                .await?;
            if !found {
                return Ok(Some(table));
            }
        }
        Ok(None)
    }

    /// Returns the job queue.
    pub fn queue(&self) -> PostgresQueue {
        PostgresQueue::new(self.pool.clone(), self.worker.clone())
    }
}
