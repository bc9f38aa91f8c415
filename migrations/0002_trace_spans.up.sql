-- The spans of every service. A span is inserted when it starts and updated once, when it ends.

-- job_id and execution_id are deliberately no foreign keys: other services write spans too, without knowing these
-- rows, and a trace write must never fail (nor wait) because of a job row that is missing, locked or deleted.
CREATE TABLE trace_spans (
    id             bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trace_id       uuid         NOT NULL,
    span_id        uuid         NOT NULL UNIQUE,
    parent_span_id uuid,
    service        varchar(50)  NOT NULL,
    operation      varchar(100) NOT NULL,
    started_at     timestamptz  NOT NULL,
    completed_at   timestamptz,
    duration_ms    bigint       CHECK (duration_ms >= 0),
    status         varchar(20)  NOT NULL CHECK (status IN ('started', 'completed', 'failed', 'timeout')),
    job_id         bigint,
    execution_id   bigint,
    model_id       varchar(100),
    region         varchar(100),
    metadata       jsonb,
    error_message  text,
    error_type     varchar(100),
    -- Not now(): that is when the transaction began, which can be long before the span was written.
    created_at     timestamptz  NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT trace_spans_ends_after_it_starts CHECK (completed_at >= started_at),
    CONSTRAINT trace_spans_is_open_or_ended CHECK ((status = 'started') = (completed_at IS NULL))
);

CREATE INDEX trace_spans_trace_id_idx ON trace_spans (trace_id);
CREATE INDEX trace_spans_parent_span_id_idx ON trace_spans (parent_span_id);
CREATE INDEX trace_spans_job_id_idx ON trace_spans (job_id);
CREATE INDEX trace_spans_execution_id_idx ON trace_spans (execution_id);
CREATE INDEX trace_spans_started_at_idx ON trace_spans (started_at);
CREATE INDEX trace_spans_created_at_idx ON trace_spans (created_at);
CREATE INDEX trace_spans_service_operation_idx ON trace_spans (service, operation);
CREATE INDEX trace_spans_open_idx ON trace_spans (started_at) WHERE status = 'started';

COMMENT ON TABLE trace_spans IS
    'One row per span, of every service. No foreign keys: a trace write must never fail because of a job row.';
COMMENT ON COLUMN trace_spans.trace_id IS 'Shared by all spans of one unit of work, across services.';
COMMENT ON COLUMN trace_spans.parent_span_id IS
    'The enclosing span. NULL for a root. May name a span that was never written: see trace_waterfall.placement.';
COMMENT ON COLUMN trace_spans.completed_at IS 'NULL exactly while the status is started.';
COMMENT ON COLUMN trace_spans.duration_ms IS
    'As measured by the service. When it is NULL the diagnostics take completed_at - started_at.';
COMMENT ON COLUMN trace_spans.status IS 'started = open. completed, failed and timeout are final.';
COMMENT ON COLUMN trace_spans.job_id IS 'jobs.id, not jobs.jobspec_id. No foreign key.';
COMMENT ON COLUMN trace_spans.execution_id IS
    'executions.id. NULL on the spans of services that know the trace id only. No foreign key.';
COMMENT ON COLUMN trace_spans.created_at IS 'When the row was written, by the clock of the database.';
COMMENT ON INDEX trace_spans_open_idx IS 'Spans still open, oldest first: few rows, whatever the size of the table.';
