DROP FUNCTION find_similar_traces(bigint, int);
DROP FUNCTION execution_trace_profile(bigint);
