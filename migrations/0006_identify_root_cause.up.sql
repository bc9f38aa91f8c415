-- The one thing that explains what went wrong with an execution.

CREATE FUNCTION identify_root_cause(p_execution_id bigint)
RETURNS TABLE (
    root_cause_type    text,
    affected_service   text,
    affected_operation text,
    evidence           text,
    recommendation     text
)
LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH
    span AS MATERIALIZED (
        SELECT
            s.*,
            s.status IN ('failed', 'timeout') AS has_failed,
            span_failure_category(s.status, s.service, s.error_type, s.error_message) AS category,
            -- 60 s without activity and 120 s for one operation are carried over from the original diagnostics.
            coalesce(greatest(s.gap_after_ms, s.wait_before_child_ms) > 60000, false) AS is_idle,
            coalesce(s.duration_ms > 120000, false) AS is_slow,
            format('%s.%s', s.service, s.operation) AS name
        FROM execution_spans(p_execution_id) AS s
    ),
    suspect AS (
        SELECT
            s.*,
            CASE
                WHEN s.has_failed AND s.category <> 'UNKNOWN' THEN s.category
                WHEN s.is_left_open THEN 'NOT_FINISHED'
                WHEN s.is_idle THEN 'NETWORK_TIMEOUT'
                WHEN s.is_slow THEN 'PERFORMANCE_DEGRADATION'
                ELSE 'UNKNOWN'
            END AS cause
        FROM span AS s
        WHERE s.has_failed OR s.is_left_open OR s.is_idle OR s.is_slow
        -- Failures before forgotten spans before lost time. Among failures first those that nothing enclosing them
        -- survived. Then the deepest, since it explains what encloses it; the earliest of equals.
        ORDER BY
            s.has_failed DESC,
            s.is_left_open DESC,
            s.has_failed AND s.is_recovered,
            s.is_idle DESC,
            s.level DESC,
            s.started_at,
            s.trace_id,
            s.path
        LIMIT 1
    ),
    found AS (
        SELECT
            s.cause,
            s.service::text AS service,
            s.operation::text AS operation,
            concat_ws(
                '; ',
                CASE
                    WHEN s.status = 'failed' THEN format('%s failed after %sms', s.name, s.duration_ms)
                    WHEN s.status = 'timeout' THEN format('%s timed out after %sms', s.name, s.duration_ms)
                    WHEN s.is_left_open THEN format('%s started and never finished', s.name)
                    WHEN s.is_slow THEN format('%s took %sms', s.name, s.duration_ms)
                END || coalesce(': ' || s.error_message, '') || coalesce(' (' || s.error_type || ')', ''),
                CASE
                    WHEN s.wait_before_child_ms > 60000
                    THEN format('%s waited %sms before its first child', s.name, trim_scale(s.wait_before_child_ms))
                END,
                CASE
                    WHEN s.gap_after_ms > 60000
                    THEN format('nothing ran for %sms after %s', trim_scale(s.gap_after_ms), s.name)
                END
            ) AS evidence
        FROM suspect AS s
    ),
    execution AS (
        SELECT e.id, e.status, e.output ->> 'error' AS error, j.id AS job_id, j.route
        FROM executions AS e
        JOIN jobs AS j ON j.id = e.job_id
        WHERE e.id = p_execution_id
    ),
    -- What can be said without a suspect span. No row at all is left for the healthy.
    fallback AS (
        SELECT
            'NO_SPANS' AS cause,
            format('Execution %s of job %s (route %s) is %s and left no spans', e.id, e.job_id, e.route, e.status)
                || coalesce(': ' || e.error, '') AS evidence
        FROM execution AS e
        WHERE NOT EXISTS (SELECT FROM span)
        UNION ALL
        SELECT
            span_failure_category(e.status, NULL, NULL, e.error),
            format('Execution %s is %s, although none of its spans failed', e.id, e.status) || coalesce(': ' || e.error, '')
        FROM execution AS e
        WHERE e.status IN ('failed', 'timeout') AND EXISTS (SELECT FROM span) AND NOT EXISTS (SELECT FROM found)
        UNION ALL
        SELECT
            'UNKNOWN_EXECUTION',
            format('There is no execution with id %s', coalesce(p_execution_id::text, 'NULL'))
        WHERE NOT EXISTS (SELECT FROM execution) AND NOT EXISTS (SELECT FROM span)
    ),
    answer AS (
        SELECT f.cause, f.service, f.operation, f.evidence FROM found AS f
        UNION ALL
        SELECT b.cause, NULL, NULL, b.evidence FROM fallback AS b
    )
    SELECT
        a.cause,
        a.service,
        a.operation,
        a.evidence,
        CASE a.cause
            WHEN 'PROVIDER_UNAVAILABLE' THEN 'Ask the router which providers it holds for healthy, and compare with what they answer.'
            WHEN 'CONNECTION_FAILURE' THEN 'Check that the service is up and that its address, DNS and network are right.'
            WHEN 'SERVICE_TIMEOUT' THEN 'Compare the time the service needs with the timeouts on the way to it.'
            WHEN 'MODAL_EXECUTION_FAILURE' THEN 'Look into the logs of the Modal function for this model and region.'
            WHEN 'NOT_FINISHED' THEN 'Look for a crash, an early return or a cancelled write where this span should end.'
            WHEN 'NETWORK_TIMEOUT' THEN 'Check the network, queues and cold starts between the operations around the gap.'
            WHEN 'PERFORMANCE_DEGRADATION' THEN 'Compare with other executions (find_similar_traces) and look at the load of the service.'
            WHEN 'NO_SPANS' THEN 'Check that the process that ran it started with tracing enabled, and that this route reaches the tracer.'
            WHEN 'UNKNOWN_EXECUTION' THEN 'Check the id and the database: this takes executions.id, not the id of a job.'
            ELSE 'Read the logs of the service around the failure, and teach span_failure_category its message.'
        END
    FROM answer AS a
$$;

COMMENT ON FUNCTION identify_root_cause(bigint) IS
    'One row with the cause, or none when the execution is healthy: no span failed or was left open, nothing took more '
    'than 120 s, at no time more than 60 s passed idle, and the execution did not fail either. Failures win over spans left open, '
    'over idle time, over slowness; of equals the deepest, then the earliest. A failure under a span that completed all '
    'the same counts after those that nothing survived. Types: PROVIDER_UNAVAILABLE, '
    'CONNECTION_FAILURE, SERVICE_TIMEOUT, MODAL_EXECUTION_FAILURE, NOT_FINISHED, NETWORK_TIMEOUT, '
    'PERFORMANCE_DEGRADATION, UNKNOWN; NO_SPANS when nothing was recorded; UNKNOWN_EXECUTION when there is no such execution.';
