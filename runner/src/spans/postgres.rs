//! Spans in the table `trace_spans`.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::SERVICE;
use super::span::{SpanEnd, SpanStart};
use super::storage::{SpanError, SpanStore};
use crate::Pending;

/// Timeout of one write. A job waits for each write of a span, so a database that does not answer
/// delays the job by this time for each write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);
/// Statement and lock timeout of the server, in milliseconds. With a timeout longer than
/// [`WRITE_TIMEOUT`], the server could insert a span after the tracer has reported it as failed.
/// Nothing would end such a span.
const SERVER_TIMEOUT_MS: &str = "900";

/// Stores spans in Postgres. It has its own connections, so that a locked span table blocks no job.
#[derive(Debug)]
pub struct PostgresSpans {
    pool: PgPool,
}

impl PostgresSpans {
    /// Connects when the first span is written.
    pub fn connect_lazy(options: PgConnectOptions) -> Self {
        let timeouts =
            [("statement_timeout", SERVER_TIMEOUT_MS), ("lock_timeout", SERVER_TIMEOUT_MS)];
        let options = options.application_name("runner-tracer").options(timeouts);
        let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(WRITE_TIMEOUT);
        Self { pool: pool.connect_lazy_with(options) }
    }

    async fn insert(&self, span: &SpanStart) -> Result<(), SpanError> {
        let execution = span.execution.as_ref();
        sqlx::query(
            "INSERT INTO trace_spans (trace_id, span_id, parent_span_id, service, operation,
                 started_at, status, job_id, execution_id, model_id, region, metadata)
             VALUES ($1, $2, $3, $4, $5, $6, 'started', $7, $8, $9, $10, $11)",
        )
        .bind(span.trace_id)
        .bind(span.span_id)
        .bind(span.parent_span_id)
        .bind(SERVICE)
        .bind(span.operation)
        .bind(span.started_at)
        .bind(execution.map(|execution| execution.job_id))
        .bind(execution.map(|execution| execution.execution_id))
        .bind(execution.map(|execution| execution.model_id.as_str()))
        .bind(execution.map(|execution| execution.region.as_str()))
        .bind(&span.metadata)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn update(&self, end: &SpanEnd) -> Result<(), SpanError> {
        let duration_ms = i64::try_from(end.duration.as_millis()).unwrap_or(i64::MAX);
        let (error_type, message) = end.error.as_ref().map(|(kind, text)| (kind, text)).unzip();
        let updated = sqlx::query(
            "UPDATE trace_spans
             SET status = $2, completed_at = $3, duration_ms = $4,
                 error_type = left($5, 100), error_message = $6
             WHERE span_id = $1 AND status = 'started'",
        )
        .bind(end.span_id)
        .bind(end.status.as_str())
        .bind(end.completed_at)
        .bind(duration_ms)
        .bind(error_type.map(|text| replace_nul(text)))
        .bind(message.map(|text| replace_nul(text)))
        .execute(&self.pool)
        .await?;
        if updated.rows_affected() == 0 { Err(SpanError::Missing) } else { Ok(()) }
    }

    async fn fail_open_spans(&self, execution_id: i64, reason: &str) -> Result<(), SpanError> {
        sqlx::query(
            "UPDATE trace_spans
             SET status = 'failed', completed_at = ended,
                 duration_ms = floor(extract(epoch FROM ended - started_at) * 1000),
                 error_type = 'ABANDONED', error_message = $2
             FROM (SELECT span_id AS id, greatest(started_at, clock_timestamp()) AS ended
                   FROM trace_spans WHERE execution_id = $1 AND status = 'started') AS open
             WHERE span_id = open.id",
        )
        .bind(execution_id)
        .bind(reason)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

impl SpanStore for PostgresSpans {
    fn start<'a>(&'a self, span: &'a SpanStart) -> Pending<'a, Result<(), SpanError>> {
        Box::pin(with_timeout(self.insert(span)))
    }

    fn finish<'a>(&'a self, end: &'a SpanEnd) -> Pending<'a, Result<(), SpanError>> {
        Box::pin(with_timeout(self.update(end)))
    }

    fn abandon<'a>(
        &'a self,
        execution_id: i64,
        reason: &'a str,
    ) -> Pending<'a, Result<(), SpanError>> {
        Box::pin(with_timeout(self.fail_open_spans(execution_id, reason)))
    }
}

/// Replaces U+0000, which Postgres rejects; error messages of an upstream can contain it.
fn replace_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

async fn with_timeout(write: impl Future<Output = Result<(), SpanError>>) -> Result<(), SpanError> {
    let result = tokio::time::timeout(WRITE_TIMEOUT, write).await;
    result.unwrap_or_else(|_| Err(SpanError::Timeout(WRITE_TIMEOUT.as_millis())))
}
