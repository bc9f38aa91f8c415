//! Executions: one row per unit, begun before anything is asked and always finished.

use serde_json::Value as Json;
use uuid::Uuid;

use super::Store;
use crate::jobspec::Unit;
use crate::spans::SpanStatus;

/// What became of beginning a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// A new row.
    New(i64),
    /// A row that a worker left behind when it died; it is begun anew.
    Again(i64),
    /// An earlier worker finished the unit.
    Done {
        /// Whether it succeeded.
        succeeded: bool,
    },
}

/// How a unit ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The status of its execution, and of its spans.
    pub status: SpanStatus,
    /// Who answered.
    pub provider: Option<String>,
    /// The answer or the error; never empty.
    pub output: Json,
}

impl Store {
    /// Begins a unit; `trace_id` is the trace it is recorded under, if it is.
    pub async fn begin_execution(
        &self,
        job_id: i64,
        unit: &Unit,
        trace_id: Option<Uuid>,
    ) -> Result<Begun, sqlx::Error> {
        // `xmax` is 0 on a row that this very statement inserted.
        let begun: Option<(i64, bool)> = sqlx::query_as(
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
        match begun {
            Some((id, true)) => Ok(Begun::New(id)),
            Some((id, false)) => Ok(Begun::Again(id)),
            None => {
                let succeeded = self.has_succeeded(job_id, unit).await?;
                Ok(Begun::Done { succeeded })
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

    /// Ends a unit.
    pub async fn finish_execution(&self, id: i64, ending: &Ending) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE executions
             SET status = $2, provider_id = left($3, 255), output = $4,
                 completed_at = greatest(started_at, clock_timestamp())
             WHERE id = $1 AND status = 'running'",
        )
        .bind(id)
        .bind(ending.status.as_str())
        .bind(ending.provider.as_deref().map(|provider| provider.replace('\0', "\u{fffd}")))
        .bind(storable(ending.output.clone()))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends, as failed, the units of a job that nobody is working on any more.
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
        .bind(storable(output))
        .fetch_all(&self.pool)
        .await
    }
}

/// The same JSON without U+0000, which `jsonb` refuses: an upstream that sends one must not keep
/// its execution from being finished.
fn storable(value: Json) -> Json {
    match value {
        Json::String(text) if text.contains('\0') => Json::String(text.replace('\0', "\u{fffd}")),
        Json::Array(items) => items.into_iter().map(storable).collect(),
        Json::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key.replace('\0', "\u{fffd}"), storable(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::storable;

    #[test]
    fn what_jsonb_refuses_is_replaced_at_every_depth() {
        let value = json!({ "a\0": ["b\0", { "c": "\0" }], "d": 1 });
        let expected = json!({ "a\u{fffd}": ["b\u{fffd}", { "c": "\u{fffd}" }], "d": 1 });
        assert_eq!(storable(value), expected);
    }
}
