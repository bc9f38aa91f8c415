DROP FUNCTION identify_root_cause(bigint);
