-- Other executions whose traces look like this one's.

CREATE FUNCTION execution_trace_profile(p_execution_id bigint)
RETURNS TABLE (
    model_id          text,
    region            text,
    operations        text[],
    status            text,
    failure_point     text,
    total_duration_ms bigint
)
-- As execution_spans, plpgsql for its kept plans.
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT
        coalesce(max(e.model_id), max(w.model_id))::text,
        coalesce(max(e.region), max(w.region))::text,
        array_agg(DISTINCT format('%s.%s', s.service, s.operation)),
        CASE
            WHEN bool_or(s.status = 'failed') THEN 'failed'
            WHEN bool_or(s.status = 'timeout') THEN 'timeout'
            WHEN bool_or(s.status = 'started') THEN 'started'
            ELSE 'completed'
        END,
        -- The span identify_root_cause would name.
        (array_agg(format('%s.%s', s.service, s.operation) ORDER BY s.is_recovered, s.level DESC, s.started_at, s.trace_id, s.path)
            FILTER (WHERE s.status IN ('failed', 'timeout')))[1],
        -- From the first start to the last end: a sum would count nested spans twice.
        CASE
            WHEN bool_and(s.completed_at IS NOT NULL)
            THEN round(interval_ms(max(s.completed_at) - min(s.started_at)))::bigint
        END
    FROM execution_spans(p_execution_id) AS s
    JOIN trace_spans AS w ON w.span_id = s.span_id
    LEFT JOIN executions AS e ON e.id = p_execution_id
    HAVING count(*) > 0;
END
$$;

COMMENT ON FUNCTION execution_trace_profile(bigint) IS
    'What find_similar_traces compares. No row for an execution without spans. status: the worst of its spans, in the '
    'order failed, timeout, started (some span is open), completed. total_duration_ms: NULL while a span is open.';

CREATE FUNCTION find_similar_traces(p_execution_id bigint, p_limit int DEFAULT 5)
RETURNS TABLE (
    similar_execution_id bigint,
    similarity_score     double precision,
    status               text,
    total_duration_ms    bigint,
    failure_point        text
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF p_limit IS NULL OR p_limit < 1 THEN
        RAISE EXCEPTION 'p_limit must be at least 1, not %', coalesce(p_limit::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF NOT EXISTS (SELECT FROM executions AS e WHERE e.id = p_execution_id)
        AND NOT EXISTS (SELECT FROM trace_spans AS s WHERE s.execution_id = p_execution_id)
    THEN
        RAISE EXCEPTION 'there is no execution with id %', coalesce(p_execution_id::text, 'NULL')
            USING ERRCODE = 'no_data_found';
    END IF;

    RETURN QUERY
    WITH
    target AS MATERIALIZED (
        SELECT p.* FROM execution_trace_profile(p_execution_id) AS p
    ),
    traced AS (
        SELECT s.execution_id AS id FROM trace_spans AS s WHERE s.execution_id IS NOT NULL
        UNION
        SELECT e.id
        FROM executions AS e
        WHERE EXISTS (SELECT FROM trace_spans AS s WHERE s.trace_id = e.trace_id)
    ),
    candidate AS MATERIALIZED (
        SELECT traced.id
        FROM traced
        CROSS JOIN target
        LEFT JOIN executions AS e ON e.id = traced.id
        WHERE traced.id <> p_execution_id
        ORDER BY
            coalesce((e.model_id = target.model_id)::int, 0) + coalesce((e.region = target.region)::int, 0) DESC,
            traced.id DESC
        LIMIT 200
    ),
    scored AS (
        SELECT
            candidate.id,
            other.status,
            other.total_duration_ms,
            other.failure_point,
            0.15 * coalesce((other.model_id = target.model_id)::int, 0)
                + 0.15 * coalesce((other.region = target.region)::int, 0)
                + 0.25 * shared.operations / (cardinality(other.operations) + cardinality(target.operations) - shared.operations)
                + 0.15 * (other.status = target.status)::int
                + 0.15 * (other.failure_point IS NOT DISTINCT FROM target.failure_point)::int
                + 0.15 * CASE
                    WHEN other.total_duration_ms = target.total_duration_ms THEN 1
                    ELSE coalesce(
                        least(other.total_duration_ms, target.total_duration_ms)::numeric
                            -- Both are known and different, so the greater is not 0.
                            / CASE WHEN other.total_duration_ms IS NOT NULL AND target.total_duration_ms IS NOT NULL
                                THEN greatest(other.total_duration_ms, target.total_duration_ms) END,
                        0
                    )
                END AS score
        FROM candidate
        CROSS JOIN target
        CROSS JOIN LATERAL execution_trace_profile(candidate.id) AS other
        CROSS JOIN LATERAL (
            SELECT count(*)::numeric AS operations
            FROM unnest(other.operations) AS o (operation)
            WHERE o.operation = ANY (target.operations)
        ) AS shared
    )
    SELECT s.id, round(s.score, 3)::double precision, s.status, s.total_duration_ms, s.failure_point
    FROM scored AS s
    ORDER BY s.score DESC, s.id DESC
    LIMIT p_limit;
END
$$;

COMMENT ON FUNCTION find_similar_traces(bigint, int) IS
    'Other traced executions, the most similar first, the newest first among equals. similarity_score is 0 to 1, the sum of: 0.15 same model, 0.15 same region, '
    '0.25 x the share of service.operation pairs both have among those either has, 0.15 same trace status, 0.15 same '
    'failure point (none in both counts as same), 0.15 x the shorter duration / the longer. Something unknown on either side adds '
    '0: two open traces reach 0.85. Looks at 200 executions at most, those of the same model and region and the newest first. '
    'Columns: see execution_trace_profile. No rows: this or every other execution has no spans. Errors: no_data_found for an '
    'unknown execution, invalid_parameter_value for a limit below 1.';
