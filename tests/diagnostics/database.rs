//! A database for the tests of the diagnostic views and functions, and a builder for its spans.

use chrono::{DateTime, TimeDelta, Utc};
use spanproof_postgres::{Database, Migrations, Server};
use sqlx::{PgPool, Row};
use uuid::Uuid;

/// A row of `trace_spans`.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) id: Uuid,
    pub(super) trace: Uuid,
    pub(super) parent: Option<Uuid>,
    execution: Option<i64>,
    name: &'static str,
    start: DateTime<Utc>,
    end: Option<DateTime<Utc>>,
    status: &'static str,
    error_type: Option<&'static str>,
    error_message: Option<&'static str>,
    /// Whether the row has a `duration_ms`.
    has_duration: bool,
}

impl Span {
    /// Creates a completed root span. `name` has the form `service.operation`. The times are
    /// milliseconds after a fixed time in the past.
    pub(super) fn new(name: &'static str, start_ms: i64, end_ms: i64) -> Self {
        let origin: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        Self {
            id: Uuid::new_v4(),
            trace: Uuid::new_v4(),
            parent: None,
            execution: None,
            name,
            start: origin + TimeDelta::milliseconds(start_ms),
            end: Some(origin + TimeDelta::milliseconds(end_ms)),
            status: "completed",
            error_type: None,
            error_message: None,
            has_duration: true,
        }
    }

    /// Sets the id of the execution that the span belongs to.
    pub(super) fn for_execution(self, execution: i64) -> Self {
        Self { execution: Some(execution), ..self }
    }

    /// Makes the span a child of `parent`, in the parent's trace and execution.
    pub(super) fn child_of(self, parent: &Self) -> Self {
        Self { parent: Some(parent.id), execution: parent.execution, ..self.in_trace_of(parent) }
    }

    /// Moves the span to the trace and execution of another span.
    pub(super) fn in_trace_of(self, other: &Self) -> Self {
        Self { trace: other.trace, execution: other.execution, ..self }
    }

    /// Removes the execution id from the span.
    pub(super) fn unlinked(self) -> Self {
        Self { execution: None, ..self }
    }

    pub(super) fn failed(self, message: impl Into<Option<&'static str>>) -> Self {
        Self { status: "failed", error_message: message.into(), ..self }
    }

    pub(super) fn timed_out(self) -> Self {
        Self { status: "timeout", ..self }
    }

    pub(super) fn with_error_type(self, error_type: impl Into<Option<&'static str>>) -> Self {
        Self { error_type: error_type.into(), ..self }
    }

    /// Makes the span open: removes its end.
    pub(super) fn open(self) -> Self {
        Self { status: "started", end: None, ..self }
    }

    /// Sets the start to `seconds` ago.
    pub(super) fn started_ago(self, seconds: i64) -> Self {
        Self { start: Utc::now() - TimeDelta::seconds(seconds), ..self }
    }

    pub(super) fn without_duration(self) -> Self {
        Self { has_duration: false, ..self }
    }
}

/// The columns of `diagnose_execution_trace` that tests compare.
#[derive(Debug, PartialEq)]
pub(super) struct Diagnosis {
    pub(super) name: Option<String>,
    pub(super) duration_ms: Option<i64>,
    pub(super) gap_after_ms: Option<f64>,
    pub(super) wait_before_child_ms: Option<f64>,
    pub(super) anomaly: Option<String>,
}

/// The row of `identify_root_cause`.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) root_cause_type: String,
    pub(super) affected_service: Option<String>,
    pub(super) affected_operation: Option<String>,
    pub(super) evidence: String,
    pub(super) recommendation: String,
}

/// A migrated database with one job.
#[derive(Debug)]
pub(super) struct TestDatabase {
    _database: Database,
    pub(super) pool: PgPool,
}

impl TestDatabase {
    /// Creates a migrated database with one job of the cross-region route.
    pub(super) async fn new() -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
        let migrations = Migrations::read(folder).unwrap();
        let database =
            Server::shared().await.unwrap().migrated_database(&migrations).await.unwrap();
        let pool = PgPool::connect(database.url()).await.unwrap();
        sqlx::query(
            "insert into jobs (jobspec_id, jobspec, route) values ('job', '{}', 'cross-region')",
        )
        .execute(&pool)
        .await
        .unwrap();
        Self { _database: database, pool }
    }

    /// Inserts an execution of the job and returns the id of the execution.
    pub(super) async fn execution(&self, status: &str) -> i64 {
        self.execution_with(status, "llama", "us-east").await
    }

    pub(super) async fn execution_with(&self, status: &str, model: &str, region: &str) -> i64 {
        sqlx::query_scalar(
            "insert into executions (job_id, region, model_id, question_id, status)
             values (1, $1, $2, gen_random_uuid()::text, $3) returning id",
        )
        .bind(region)
        .bind(model)
        .bind(status)
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    /// Inserts spans.
    pub(super) async fn add(&self, spans: &[&Span]) {
        for span in spans {
            let (service, operation) = span.name.split_once('.').unwrap();
            let duration = span
                .end
                .filter(|_| span.has_duration)
                .map(|end| (end - span.start).num_milliseconds());
            sqlx::query(
                "insert into trace_spans (span_id, trace_id, parent_span_id, execution_id, service, operation,
                     started_at, completed_at, duration_ms, status, error_type, error_message)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(span.id)
            .bind(span.trace)
            .bind(span.parent)
            .bind(span.execution)
            .bind(service)
            .bind(operation)
            .bind(span.start)
            .bind(span.end)
            .bind(duration)
            .bind(span.status)
            .bind(span.error_type)
            .bind(span.error_message)
            .execute(&self.pool)
            .await
            .unwrap();
        }
    }

    /// Returns the rows of `diagnose_execution_trace`.
    pub(super) async fn diagnose(&self, execution: impl Into<Option<i64>>) -> Vec<Diagnosis> {
        type Row = (Option<String>, Option<i64>, Option<f64>, Option<f64>, bool, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "select service || '.' || operation, duration_ms, gap_after_ms::float8, wait_before_child_ms::float8,
                    is_anomaly, anomaly_reason
             from diagnose_execution_trace($1)",
        )
        .bind(execution.into())
        .fetch_all(&self.pool)
        .await
        .unwrap();
        rows.into_iter()
            .map(|(name, duration_ms, gap_after_ms, wait_before_child_ms, is_anomaly, anomaly)| {
                assert_eq!(
                    is_anomaly,
                    anomaly.is_some(),
                    "`is_anomaly` and `anomaly_reason` disagree"
                );
                Diagnosis { name, duration_ms, gap_after_ms, wait_before_child_ms, anomaly }
            })
            .collect()
    }

    /// Returns the anomalies of an execution, each as `service.operation: reason`.
    pub(super) async fn anomalies(&self, execution: i64) -> Vec<String> {
        let rows = self.diagnose(execution).await;
        rows.into_iter()
            .filter_map(|row| Some(format!("{}: {}", row.name.unwrap_or_default(), row.anomaly?)))
            .collect()
    }

    /// Returns the row of `identify_root_cause`; `None` if the execution has no cause.
    pub(super) async fn root_cause(&self, execution: impl Into<Option<i64>>) -> Option<Cause> {
        let rows = sqlx::query("select * from identify_root_cause($1)")
            .bind(execution.into())
            .fetch_all(&self.pool)
            .await
            .unwrap();
        assert!(rows.len() <= 1, "{} root causes", rows.len());
        rows.first().map(|row| Cause {
            root_cause_type: row.get("root_cause_type"),
            affected_service: row.get("affected_service"),
            affected_operation: row.get("affected_operation"),
            evidence: row.get("evidence"),
            recommendation: row.get("recommendation"),
        })
    }

    /// Returns the root cause of an execution as `TYPE service.operation`.
    pub(super) async fn cause_text(&self, execution: i64) -> Option<String> {
        let cause = self.root_cause(execution).await?;
        let service = cause.affected_service.unwrap_or_default();
        let operation = cause.affected_operation.unwrap_or_default();
        Some(format!("{} {service}.{operation}", cause.root_cause_type))
    }
}
