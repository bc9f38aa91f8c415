-- Jobs, the units of work they fan out to, and the queue between the HTTP endpoint and the workers.

CREATE TABLE jobs (
    id          bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    jobspec_id  varchar(255) NOT NULL UNIQUE,
    jobspec     jsonb        NOT NULL,
    status      varchar(20)  NOT NULL DEFAULT 'queued'
                CHECK (status IN ('queued', 'processing', 'completed', 'failed', 'cancelled')),
    route       varchar(20)  NOT NULL CHECK (route IN ('queued', 'cross-region')),
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now()
);

COMMENT ON TABLE jobs IS 'One row per submitted job.';
COMMENT ON COLUMN jobs.jobspec_id IS 'The id the submitter knows. Not the id other tables refer to: that is jobs.id.';
COMMENT ON COLUMN jobs.route IS
    'The endpoint the job came in by: queued = POST /api/v1/jobs, cross-region = POST /api/v1/jobs/cross-region. '
    'Kept because the two routes once ran different code, and only one of them was traced.';

CREATE TABLE executions (
    id           bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id       bigint       NOT NULL REFERENCES jobs ON DELETE CASCADE,
    region       varchar(100) NOT NULL,
    model_id     varchar(100) NOT NULL,
    question_id  varchar(255) NOT NULL,
    provider_id  varchar(255),
    status       varchar(20)  NOT NULL DEFAULT 'pending'
                 CHECK (status IN ('pending', 'running', 'completed', 'failed', 'timeout', 'cancelled')),
    trace_id     uuid,
    started_at   timestamptz,
    completed_at timestamptz,
    output       jsonb,
    created_at   timestamptz  NOT NULL DEFAULT now(),
    UNIQUE (job_id, region, model_id, question_id)
);

CREATE INDEX executions_trace_id_idx ON executions (trace_id);

COMMENT ON TABLE executions IS
    'One row per unit of work: one question put to one model in one region. The key makes a second row for the same '
    'unit impossible, so a redelivered job cannot be executed and paid for twice unnoticed.';
COMMENT ON COLUMN executions.provider_id IS 'Who answered. NULL when nobody did.';
COMMENT ON COLUMN executions.trace_id IS 'The trace this unit was recorded under. NULL when it was not traced.';
COMMENT ON COLUMN executions.output IS 'The answer, or the error as JSON with the text under "error". A failure stores its error too.';

CREATE TABLE job_queue (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id       bigint      NOT NULL UNIQUE REFERENCES jobs ON DELETE CASCADE,
    enqueued_at  timestamptz NOT NULL DEFAULT now(),
    attempts     int         NOT NULL DEFAULT 0,
    locked_by    text,
    locked_until timestamptz,
    last_error   text
);

COMMENT ON TABLE job_queue IS 'Jobs waiting for a worker. A worker takes rows in id order with FOR UPDATE SKIP LOCKED.';
COMMENT ON COLUMN job_queue.attempts IS 'How often a worker took this job.';
COMMENT ON COLUMN job_queue.locked_by IS 'The worker that has the job. NULL while it waits.';
COMMENT ON COLUMN job_queue.locked_until IS 'After this time another worker may take the job: its worker is presumed dead.';
