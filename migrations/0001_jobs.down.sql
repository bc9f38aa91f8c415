DROP TABLE job_queue;
DROP TABLE executions;
DROP TABLE jobs;
