-- Looking at traces: one as a tree, all of them as numbers.

CREATE FUNCTION interval_ms(p_interval interval) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    -- extract() is double precision before PostgreSQL 14, numeric since.
    SELECT round((extract(epoch FROM p_interval) * 1000)::numeric, 3)
$$;

COMMENT ON FUNCTION interval_ms(interval) IS 'Milliseconds, exact to the microsecond.';

CREATE VIEW trace_waterfall AS
SELECT
    trace.trace_id,
    tree.level,
    tree.path,
    tree.placement,
    tree.span_id,
    tree.parent_span_id,
    tree.service,
    tree.operation,
    interval_ms(tree.started_at - trace.started_at) AS offset_ms,
    tree.started_at,
    tree.completed_at,
    tree.duration_ms,
    tree.status,
    tree.job_id,
    tree.execution_id,
    tree.model_id,
    tree.region,
    tree.error_type,
    tree.error_message,
    tree.metadata
FROM (
    SELECT trace_id, min(started_at) AS started_at
    FROM trace_spans
    GROUP BY trace_id
) AS trace
-- Lateral, so that a condition on trace_id reaches the recursion and only that trace is built.
CROSS JOIN LATERAL (
    WITH RECURSIVE
    span AS (
        SELECT
            s.*,
            CASE
                WHEN s.parent_span_id IS NULL THEN 'root'
                WHEN parent.span_id IS NULL THEN 'missing-parent'
                WHEN parent.trace_id <> s.trace_id THEN 'foreign-parent'
                ELSE 'child'
            END AS given_placement
        FROM trace_spans AS s
        LEFT JOIN trace_spans AS parent ON parent.span_id = s.parent_span_id
        WHERE s.trace_id = trace.trace_id
    ),
    reached AS (
        SELECT span_id FROM span WHERE given_placement <> 'child'
        UNION ALL
        SELECT child.span_id
        FROM reached
        JOIN span AS child ON child.parent_span_id = reached.span_id AND child.given_placement = 'child'
    ),
    -- What no top span leads to is in a parent cycle, or hangs below one.
    stray AS (
        SELECT span.*
        FROM span
        WHERE NOT EXISTS (SELECT FROM reached WHERE reached.span_id = span.span_id)
    ),
    climb AS (
        SELECT span_id AS origin, parent_span_id AS ancestor, ARRAY[span_id] AS seen FROM stray
        UNION ALL
        SELECT climb.origin, stray.parent_span_id, climb.seen || climb.ancestor
        FROM climb
        JOIN stray ON stray.span_id = climb.ancestor
        WHERE climb.ancestor <> ALL (climb.seen)
    ),
    -- A span that is its own ancestor. The earliest of each cycle takes the place of the root it lacks.
    cycle AS (
        SELECT
            climb.origin AS span_id,
            NOT EXISTS (
                SELECT
                FROM stray AS other
                JOIN stray AS self ON self.span_id = climb.origin
                WHERE other.span_id = ANY (climb.seen) AND (other.started_at, other.id) < (self.started_at, self.id)
            ) AS is_entry
        FROM climb
        WHERE climb.ancestor = climb.origin
    ),
    placed AS (
        SELECT
            span.*,
            CASE WHEN cycle.span_id IS NULL THEN span.given_placement ELSE 'cycle' END AS placement,
            coalesce(cycle.is_entry, span.given_placement <> 'child') AS is_top
        FROM span
        LEFT JOIN cycle ON cycle.span_id = span.span_id
    ),
    ranked AS (
        SELECT
            placed.*,
            row_number() OVER (
                PARTITION BY CASE WHEN is_top THEN NULL ELSE parent_span_id END ORDER BY started_at, id
            )::int AS sibling
        FROM placed
    ),
    walk AS (
        SELECT 0 AS level, ARRAY[ranked.sibling] AS path, ranked.* FROM ranked WHERE is_top
        UNION ALL
        SELECT walk.level + 1, walk.path || child.sibling, child.*
        FROM walk
        JOIN ranked AS child ON child.parent_span_id = walk.span_id AND NOT child.is_top
    )
    SELECT * FROM walk
) AS tree
ORDER BY trace.started_at, trace.trace_id, tree.path;

COMMENT ON VIEW trace_waterfall IS
    'Every span exactly once, depth first within its trace, with its place in the tree. Select by trace_id; for an '
    'execution: WHERE trace_id = ANY (ARRAY(SELECT trace_id FROM trace_spans WHERE execution_id = ...)). '
    'A query that joins or sorts anew restores the order with ORDER BY trace_id, path.';
COMMENT ON COLUMN trace_waterfall.level IS 'Nesting: 0 for a span at the top of its trace.';
COMMENT ON COLUMN trace_waterfall.path IS
    'The rank among its siblings of each enclosing span and of the span itself. Sorts depth first; a parent''s path is a prefix of its child''s.';
COMMENT ON COLUMN trace_waterfall.placement IS
    'root and child are sound. missing-parent: the parent was never written. foreign-parent: the parent is in another '
    'trace. cycle: the span is its own ancestor; the earliest span of the cycle is shown at the top.';
COMMENT ON COLUMN trace_waterfall.offset_ms IS 'From the first start in the trace to the start of this span.';

CREATE VIEW trace_spans_health AS
SELECT
    count(*) AS total_spans,
    count(*) FILTER (WHERE created_at > now() - interval '1 day') AS spans_last_24h,
    count(*) FILTER (WHERE created_at > now() - interval '1 hour') AS spans_last_hour,
    pg_size_pretty(pg_table_size('trace_spans'::regclass)) AS table_size,
    pg_size_pretty(pg_total_relation_size('trace_spans'::regclass)) AS total_size_with_indexes,
    count(DISTINCT trace_id) AS unique_traces,
    round(avg(duration_ms))::bigint AS avg_duration_ms,
    count(*) FILTER (WHERE status = 'failed') AS failed_spans,
    count(*) FILTER (WHERE status = 'timeout') AS timeout_spans,
    count(*) FILTER (WHERE status = 'started') AS open_spans,
    now() - min(started_at) FILTER (WHERE status = 'started') AS oldest_open_span_age,
    count(*) FILTER (WHERE execution_id IS NULL) AS spans_without_execution
FROM trace_spans;

COMMENT ON VIEW trace_spans_health IS 'One row about all spans, also when there are none.';
COMMENT ON COLUMN trace_spans_health.spans_last_24h IS 'By created_at, when the row was written.';
COMMENT ON COLUMN trace_spans_health.avg_duration_ms IS 'Over spans that have a duration. NULL when none has.';
COMMENT ON COLUMN trace_spans_health.open_spans IS 'Spans that have not ended, whether running or forgotten.';
COMMENT ON COLUMN trace_spans_health.oldest_open_span_age IS 'NULL when no span is open. Hours mean a forgotten span.';
COMMENT ON COLUMN trace_spans_health.spans_without_execution IS
    'Spans no query by execution finds. Equal to total_spans means that linking is broken, not tracing.';
