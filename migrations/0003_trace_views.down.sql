DROP VIEW trace_spans_health;
DROP VIEW trace_waterfall;
DROP FUNCTION interval_ms(interval);
