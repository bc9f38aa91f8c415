//! A job and its executions, as the API returns them.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::Store;

impl Store {
    /// Returns the job with this jobspec id and its executions; `None` if there is no such job.
    pub async fn job_with_executions(&self, jobspec_id: &str) -> Result<Option<Json>, sqlx::Error> {
        type JobRow = (i64, String, String, DateTime<Utc>, DateTime<Utc>);
        let job: Option<JobRow> = sqlx::query_as(
            "SELECT id, status, route, created_at, updated_at FROM jobs WHERE jobspec_id = $1",
        )
        .bind(jobspec_id)
        .fetch_optional(&self.pool)
        .await?;
        let Some((job_id, status, route, created_at, updated_at)) = job else {
            return Ok(None);
        };
        let executions: Vec<Execution> =
            sqlx::query_as("SELECT * FROM executions WHERE job_id = $1 ORDER BY id")
                .bind(job_id)
                .fetch_all(&self.pool)
                .await?;
        let executions: Vec<_> = executions.into_iter().map(|execution| execution.0).collect();
        Ok(Some(json!({
            "id": jobspec_id,
            "job_id": job_id,
            "status": status,
            "route": route,
            "created_at": created_at,
            "updated_at": updated_at,
            "executions": executions,
        })))
    }
}

/// A row of `executions` as JSON.
struct Execution(Json);

impl FromRow<'_, PgRow> for Execution {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self(json!({
            "id": row.try_get::<i64, _>("id")?,
            "region": row.try_get::<String, _>("region")?,
            "model_id": row.try_get::<String, _>("model_id")?,
            "question_id": row.try_get::<String, _>("question_id")?,
            "provider_id": row.try_get::<Option<String>, _>("provider_id")?,
            "status": row.try_get::<String, _>("status")?,
            "trace_id": row.try_get::<Option<Uuid>, _>("trace_id")?,
            "started_at": row.try_get::<Option<DateTime<Utc>>, _>("started_at")?,
            "completed_at": row.try_get::<Option<DateTime<Utc>>, _>("completed_at")?,
            "output": row.try_get::<Option<Json>, _>("output")?,
        })))
    }
}
