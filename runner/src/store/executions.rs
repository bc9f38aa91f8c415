//! The table `executions`, with one row per unit: one question for one model in one region. A row
//! is inserted before the request to the router, and always gets a final status.

use serde_json::Value as Json;
use uuid::Uuid;

use super::Store;
use crate::jobspec::Unit;
use crate::spans::SpanStatus;

/// The result of starting an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionStart {
    /// A new row, with this id.
    New(i64),
    /// The row with this id: the worker that created it died, so the unit starts again.
    Restarted(i64),
    /// An earlier worker finished the unit.
    AlreadyFinished {
        /// Whether the unit succeeded.
        succeeded: bool,
    },
}

/// The final values of an execution.
#[derive(Debug, Clone)]
pub struct ExecutionEnd {
    /// The status of the execution and of its spans.
    pub status: SpanStatus,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The answer or the error.
    pub output: Json,
}

impl Store {
    /// Inserts the execution of a unit, or restarts an unfinished one. `trace_id` is `None` if the
    /// unit is not traced.
    pub async fn start_execution(
        &self,
        job_id: i64,
        unit: &Unit,
        trace_id: Option<Uuid>,
    ) -> Result<ExecutionStart, sqlx::Error> {
        // `xmax` is 0 if this statement inserted the row.
        let started: Option<(i64, bool)> = sqlx::query_as(
            "INSERT INTO executions AS e
                 (job_id, region, model_id, question_id, status, trace_id, started_at)
             VALUES ($1, $2, $3, $4, 'running', $5, clock_timestamp())
             ON CONFLICT (job_id, region, model_id, question_id) DO UPDATE
                 SET status = 'running', trace_id = excluded.trace_id,
                     started_at = excluded.started_at, completed_at = NULL, output = NULL
                 WHERE e.status IN ('pending', 'running')
             RETURNING id, xmax = 0",
        )
        .bind(job_id)
        .bind(&unit.region)
        .bind(&unit.model_id)
        .bind(&unit.question_id)
        .bind(trace_id)
        .fetch_optional(&self.pool)
        .await?;
        match started {
            Some((id, true)) => Ok(ExecutionStart::New(id)),
            Some((id, false)) => Ok(ExecutionStart::Restarted(id)),
            None => {
                let succeeded = self.has_succeeded(job_id, unit).await?;
                Ok(ExecutionStart::AlreadyFinished { succeeded })
            }
        }
    }

    async fn has_succeeded(&self, job_id: i64, unit: &Unit) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT status = 'completed' FROM executions
             WHERE job_id = $1 AND region = $2 AND model_id = $3 AND question_id = $4",
        )
        .bind(job_id)
        .bind(&unit.region)
        .bind(&unit.model_id)
        .bind(&unit.question_id)
        .fetch_one(&self.pool)
        .await
    }

    /// Stores the end of an execution.
    pub async fn finish_execution(&self, id: i64, end: &ExecutionEnd) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE executions
             SET status = $2, provider_id = left($3, 255), output = $4,
                 completed_at = greatest(started_at, clock_timestamp())
             WHERE id = $1 AND status = 'running'",
        )
        .bind(id)
        .bind(end.status.as_str())
        .bind(end.provider.as_deref().map(|provider| provider.replace('\0', "\u{fffd}")))
        .bind(replace_nul(end.output.clone()))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Marks the unfinished executions of a job as failed and returns their ids.
    pub async fn fail_unfinished(
        &self,
        job_id: i64,
        output: Json,
    ) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "UPDATE executions
             SET status = 'failed', output = $2,
                 completed_at = greatest(started_at, clock_timestamp())
             WHERE job_id = $1 AND status IN ('pending', 'running')
             RETURNING id",
        )
        .bind(job_id)
        .bind(replace_nul(output))
        .fetch_all(&self.pool)
        .await
    }
}

/// Replaces U+0000, which `jsonb` rejects. An execution must end even if the upstream sends this
/// character.
fn replace_nul(value: Json) -> Json {
    match value {
        Json::String(text) if text.contains('\0') => Json::String(text.replace('\0', "\u{fffd}")),
        Json::Array(items) => items.into_iter().map(replace_nul).collect(),
        Json::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key.replace('\0', "\u{fffd}"), replace_nul(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::replace_nul;

    #[test]
    fn replaces_nul_at_every_depth() {
        let value = json!({ "a\0": ["b\0", { "c": "\0" }], "d": 1 });
        let expected = json!({ "a\u{fffd}": ["b\u{fffd}", { "c": "\u{fffd}" }], "d": 1 });
        assert_eq!(replace_nul(value), expected);
    }
}
