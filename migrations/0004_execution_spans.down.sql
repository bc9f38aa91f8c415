DROP FUNCTION span_failure_category(text, text, text, text);
DROP FUNCTION execution_spans(bigint);
