-- Every span of an execution, with what is unusual about it.

CREATE FUNCTION diagnose_execution_trace(p_execution_id bigint)
RETURNS TABLE (
    service              varchar,
    operation            varchar,
    started_at           timestamptz,
    completed_at         timestamptz,
    duration_ms          bigint,
    gap_after_ms         numeric,
    status               varchar,
    error_message        text,
    is_anomaly           boolean,
    anomaly_reason       text,
    wait_before_child_ms numeric,
    level                int,
    span_id              uuid
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH
    span AS MATERIALIZED (
        SELECT s.*, row_number() OVER () AS rank FROM execution_spans(p_execution_id) AS s
    ),
    -- What the operation takes elsewhere. Fewer than five spans are no basis for an average.
    usual AS (
        SELECT o.service, o.operation, avg(o.duration_ms) AS average_ms, count(*) AS sample
        FROM trace_spans AS o
        WHERE o.status = 'completed'
            AND o.duration_ms IS NOT NULL
            AND (o.service, o.operation) IN (SELECT s.service, s.operation FROM span AS s)
            AND NOT EXISTS (SELECT FROM span AS s WHERE s.span_id = o.span_id)
        GROUP BY o.service, o.operation
        HAVING count(*) >= 5
    ),
    judged AS (
        SELECT
            s.*,
            -- The limits (3 x average, 120000 ms, 5000 ms; each exceeded, not reached) are carried over from the
            -- original diagnostics.
            concat_ws(
                '; ',
                CASE s.status
                    WHEN 'failed' THEN format('Operation failed: %s', coalesce(s.error_message, 'Unknown error'))
                    WHEN 'timeout' THEN format('Operation timed out: %s', coalesce(s.error_message, 'Unknown error'))
                END,
                CASE WHEN s.is_left_open THEN 'Operation never finished' END,
                CASE
                    WHEN s.duration_ms > 3 * u.average_ms
                    THEN format(
                        'Operation took %sms (more than 3x the average %sms of %s other spans)',
                        s.duration_ms, round(u.average_ms), u.sample
                    )
                END,
                CASE WHEN s.duration_ms > 120000 THEN format('Operation took %sms (more than 120000ms)', s.duration_ms) END,
                CASE
                    WHEN s.wait_before_child_ms > 5000
                    THEN format('Waited %sms before its first child', trim_scale(s.wait_before_child_ms))
                END,
                CASE
                    WHEN s.gap_after_ms > 5000
                    THEN format(
                        CASE WHEN s.is_last_child THEN 'Gap of %sms before its parent ended' ELSE 'Gap of %sms before next operation' END,
                        trim_scale(s.gap_after_ms)
                    )
                END
            ) AS reason
        FROM span AS s
        LEFT JOIN usual AS u ON u.service = s.service AND u.operation = s.operation
    ),
    answer AS (
        SELECT
            j.rank, j.service, j.operation, j.started_at, j.completed_at, j.duration_ms, j.gap_after_ms, j.status,
            j.error_message, j.reason <> '' AS is_anomaly, nullif(j.reason, '') AS anomaly_reason,
            j.wait_before_child_ms, j.level, j.span_id
        FROM judged AS j
        UNION ALL
        SELECT
            0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, true,
            coalesce(
                (SELECT format('No spans: execution %s is %s, and nothing of it was recorded', e.id, e.status)
                 FROM executions AS e
                 WHERE e.id = p_execution_id),
                format('Unknown execution: there is none with id %s', coalesce(p_execution_id::text, 'NULL'))
            ),
            NULL, NULL, NULL
        WHERE NOT EXISTS (SELECT FROM span)
    )
    SELECT
        a.service, a.operation, a.started_at, a.completed_at, a.duration_ms, a.gap_after_ms, a.status,
        a.error_message, a.is_anomaly, a.anomaly_reason, a.wait_before_child_ms, a.level, a.span_id
    FROM answer AS a
    ORDER BY a.rank
$$;

COMMENT ON FUNCTION diagnose_execution_trace(bigint) IS
    'One row per span of the execution, by start. An anomaly, all reasons joined by "; ": failed or timed out; left open; more than 3 times the '
    'average of the other executions'' completed spans of the same service and operation, where there are at least five; '
    'more than 120000 ms; more than 5000 ms in which nothing ran, inside it before its first child, after it before '
    'its next sibling, or after the last child. Gaps are between siblings (see execution_spans). '
    'Never empty: an execution without spans, and an unknown execution, give one row without a span that says so.';
