-- What the diagnostic functions share: which spans an execution has, how its time passed, what a failure is called.

CREATE FUNCTION execution_spans(p_execution_id bigint)
RETURNS TABLE (
    trace_id             uuid,
    span_id              uuid,
    level                int,
    path                 int[],
    service              varchar,
    operation            varchar,
    started_at           timestamptz,
    completed_at         timestamptz,
    duration_ms          bigint,
    wait_before_child_ms numeric,
    gap_after_ms         numeric,
    is_last_child        boolean,
    status               varchar,
    is_left_open         boolean,
    is_recovered         boolean,
    error_type           varchar,
    error_message        text
)
-- Not sql: plpgsql keeps its plans from call to call, and planning takes longer than running here.
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH
    execution AS (
        SELECT e.trace_id, e.status FROM executions AS e WHERE e.id = p_execution_id
    ),
    -- A service that knows the trace id only writes no execution id. Its spans belong to the execution as long as
    -- no other execution has a claim on the trace.
    span AS (
        SELECT w.*
        FROM trace_waterfall AS w
        WHERE w.trace_id = ANY (ARRAY(
                SELECT s.trace_id FROM trace_spans AS s WHERE s.execution_id = p_execution_id
                UNION
                SELECT e.trace_id FROM execution AS e
            ))
            AND (
                w.execution_id = p_execution_id
                OR w.execution_id IS NULL
                AND NOT EXISTS (
                    SELECT FROM trace_spans AS o WHERE o.trace_id = w.trace_id AND o.execution_id <> p_execution_id
                )
                AND NOT EXISTS (
                    SELECT FROM executions AS o WHERE o.trace_id = w.trace_id AND o.id <> p_execution_id
                )
            )
    ),
    family AS (
        SELECT
            s.*,
            parent.span_id AS family_id,
            parent.completed_at AS parent_completed_at,
            (SELECT min(child.started_at)
             FROM span AS child
             WHERE child.trace_id = s.trace_id AND child.level = s.level + 1 AND child.path[:s.level + 1] = s.path
            ) AS first_child_started_at
        FROM span AS s
        LEFT JOIN span AS parent ON parent.trace_id = s.trace_id AND parent.path = s.path[:s.level]
    ),
    timed AS (
        SELECT
            f.*,
            lead(f.started_at) OVER siblings AS next_started_at,
            -- Unknown while an earlier sibling is open: it may have been busy all the time.
            CASE
                WHEN NOT bool_or(f.completed_at IS NULL) OVER so_far THEN max(f.completed_at) OVER so_far
            END AS busy_until
        FROM family AS f
        WINDOW
            siblings AS (PARTITION BY f.family_id ORDER BY f.started_at, f.trace_id, f.path),
            so_far AS (siblings ROWS UNBOUNDED PRECEDING)
    )
    SELECT
        t.trace_id,
        t.span_id,
        t.level,
        t.path,
        t.service,
        t.operation,
        t.started_at,
        t.completed_at,
        coalesce(t.duration_ms, round(interval_ms(t.completed_at - t.started_at))::bigint),
        -- greatest() passes over NULL, so the unknown is kept apart first.
        CASE
            WHEN t.first_child_started_at IS NOT NULL
            THEN interval_ms(greatest(t.first_child_started_at - t.started_at, interval '0'))
        END,
        CASE
            WHEN coalesce(t.next_started_at, t.parent_completed_at) - t.busy_until IS NOT NULL
            THEN interval_ms(greatest(coalesce(t.next_started_at, t.parent_completed_at) - t.busy_until, interval '0'))
        END,
        t.family_id IS NOT NULL AND t.next_started_at IS NULL,
        t.status,
        t.status = 'started' AND (
            NOT EXISTS (SELECT FROM execution AS e WHERE e.status IN ('pending', 'running'))
            OR t.parent_completed_at IS NOT NULL
            -- 120 s: the limit the original diagnostics had for one operation.
            OR t.started_at < now() - interval '120 seconds'
        ),
        EXISTS (
            SELECT
            FROM span AS ancestor
            WHERE ancestor.trace_id = t.trace_id
                AND ancestor.level < t.level
                AND ancestor.path = t.path[:ancestor.level + 1]
                AND ancestor.status = 'completed'
        ),
        t.error_type,
        t.error_message
    FROM timed AS t
    ORDER BY t.started_at, t.trace_id, t.path;
END
$$;

COMMENT ON FUNCTION execution_spans(bigint) IS
    'The spans of one execution, in order of their start: those with its execution id, and those of its trace without '
    'any. duration_ms: as recorded, else computed. wait_before_child_ms: from the start of the span to its first child, NULL without one. '
    'gap_after_ms: nothing ran from here to the start of the next sibling, or after the last child to the end of the '
    'parent; overlap is 0, NULL when there is no such end or an earlier sibling is open. '
    'is_left_open: open although the execution or the parent has ended, or for more than 120 s. '
    'is_recovered: an enclosing span completed all the same.';

CREATE FUNCTION span_failure_category(p_status text, p_service text, p_error_type text, p_error_message text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN said ~ 'no healthy provider|providers? unavailable' THEN 'PROVIDER_UNAVAILABLE'
        WHEN p_status = 'timeout' THEN 'SERVICE_TIMEOUT'
        WHEN said ~ 'connection|connect error|dial tcp|no such host|dns error|unreachable|econn' THEN 'CONNECTION_FAILURE'
        WHEN said ~ 'time ?out|timed out|deadline exceeded|deadline has elapsed' THEN 'SERVICE_TIMEOUT'
        -- After the timeouts: the client reports its own timeout as a network error, too.
        WHEN said ~ '(hybrid|router) network' THEN 'CONNECTION_FAILURE'
        WHEN lower(p_service) = 'modal' THEN 'MODAL_EXECUTION_FAILURE'
        ELSE 'UNKNOWN'
    END
    FROM (SELECT lower(translate(concat_ws(' ', p_error_type, p_error_message), '_-', '  ')) AS said) AS error
$$;

COMMENT ON FUNCTION span_failure_category(text, text, text, text) IS
    'The category of a failed or timed out span: by its status, error type and message, in any letter case. '
    'A message that speaks of both connection and timeout is a CONNECTION_FAILURE, as in the original diagnostics.';
