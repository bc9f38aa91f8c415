DROP FUNCTION diagnose_execution_trace(bigint);
