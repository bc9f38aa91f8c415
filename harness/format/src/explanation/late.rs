//! Explanations of the codes of stages 6 to 10, from the write of a span to the complete tree of
//! spans, and of the codes that belong to no stage. [`Stage`](crate::Stage) lists all stages.

use super::Explanation;

pub(super) const NEVER_SENT: Explanation = Explanation::new(
    &[
        "the service prints that spans started, or that a queue was full, or the upstream received their trace, but the \
         witness (`check --witness`) counts no statement for them",
    ],
    &[
        "the exporter reports an error: `export-failed`",
        "the process was killed before its buffer was written: `lost-at-exit`",
        "statements reached the server: one of the codes of the stage stored, or a failed write",
    ],
    &[
        "a queue between the tracer and its writer is full or closed, and drops spans",
        "the tracer samples after it has printed that the span started",
        "spans are collected, but not flushed before the service stops: never, or by a timer that is too slow",
        "a disabled or unconnected tracer prints success",
    ],
);

pub(super) const EXPORT_FAILED: Explanation = Explanation::new(
    &["spans are missing, and the output has an error line of a common exporter, such as \
         OpenTelemetry's OTLP exporters"],
    &[
        "the server's log has an error about the table of spans: `write-failed-reported`",
        "every span is stored: the error concerns a different exporter, and nothing is wrong here",
    ],
    &[
        "the exporter has the address of a different environment, or the wrong protocol, port or path",
        "the collector refuses the request: credentials, size or rate",
    ],
);

pub(super) const WRITE_FAILED_REPORTED: Explanation = Explanation::new(
    &[
        "rows are missing, and a line matches `refused` under `[probes]` or is a Postgres driver's \
         error about the table of spans",
        "the server's log has the error with its SQLSTATE",
    ],
    &[
        "no line reports the failure: `write-failed-silent`",
        "valid rows were lost together with an invalid one: `batch-poisoned`",
    ],
    &[
        "a migration was not applied: a missing table (42P01) or column (42703)",
        "a privilege is missing (42501), or the server is read-only (25006)",
        "a timeout (57014), a lock (55P03) or too many connections (53300)",
        "a constraint rejects the row (class 23), or a value has a wrong type or length (class 22)",
    ],
);

pub(super) const WRITE_FAILED_SILENT: Explanation = Explanation::new(
    &[
        "rows are missing, the server's log has an error about spans, and the service reports none",
        "an insert of spans waited for a lock until the service was stopped",
        "under a fault: spans were lost, and no line matches `refused` or `unfinished`",
    ],
    &[
        "a line matches `refused` under `[probes]`: `write-failed-reported`",
        "the server's log has no error: `undetermined`; `check --witness` decides",
    ],
    &[
        "the result of the write is ignored, or its error is only counted",
        "a session holds a lock on the table, and the write has no time limit",
        "the error is logged at a level that is switched off",
    ],
);

pub(super) const BATCH_POISONED: Explanation = Explanation::new(
    &[
        "the witness (`check --witness`) counts fewer inserted rows than attempted rows, and fewer errors than lost \
         rows",
        "the server's error names one row, but the other rows of the statement are also missing",
    ],
    &["each row failed separately: `write-failed-reported` or `write-failed-silent`"],
    &[
        "the service collects spans and writes them in one statement or one transaction",
        "a span has a duplicate id, a string that is too long, or bytes that the server rejects",
    ],
);

pub(super) const WRONG_DESTINATION: Explanation = Explanation::new(
    &[
        "a table with the same name in another schema got rows that the span table does not have",
        "or a table with the columns of the span table got such rows, and the witness (`check --witness`) saw no span being deleted",
    ],
    &[
        "no such table got rows: the counts of the witness decide between the other codes",
        "the rows were in the span table first: `removed-later`",
    ],
    &[
        "a rule, a trigger or a function of the database writes the rows to another table",
        "the search path of the role or the connection has a different schema first",
        "each tenant has a schema, and the tracer uses a different schema from the readers of spans",
        "`[tables.spans]` in the spec does not name the table that the service writes to",
    ],
);

pub(super) const ROLLED_BACK: Explanation = Explanation::new(
    &["the witness (`check --witness`) counts every row as inserted, but the table has fewer \
         rows, and the server's log has no error"],
    &[
        "the witness saw rows being deleted: `removed-later`",
        "an error at the end of the transaction: `write-failed-reported` or `write-failed-silent`",
        "the witness counts fewer inserted rows than attempted rows, and the server's log has no \
         error: `silently-discarded`",
    ],
    &[
        "spans are written in the transaction of the work, which rolls back on failure",
        "a transaction is opened, never committed, and ends with the connection",
    ],
);

pub(super) const REMOVED_LATER: Explanation = Explanation::new(
    &[
        "the witness (`check --witness`) counts every row as inserted, counts rows that were deleted, and the table has \
         fewer rows",
        "or the witness counts updates that changed the id of a row to the id of another span",
    ],
    &["no row was deleted: `rolled-back`"],
    &[
        "an upsert whose key is too short: two spans share it",
        "a clean-up or a trigger moves spans to an archive",
        "a retention job or a clean-up at the end of a job deletes more than it should",
        "a trigger, or a foreign key with `on delete cascade`, deletes spans together with another row",
        "the service truncates the table when it starts or stops",
    ],
);

pub(super) const SILENTLY_DISCARDED: Explanation = Explanation::new(
    &[
        "the witness (`check --witness`) counts fewer inserted rows than attempted rows, and the server's log has no \
         error",
        "or inserts went to a rule or a function that keeps no row: a line of the finding starts with \
         `not counted`",
        "the service sees a successful write",
    ],
    &[
        "the rows were inserted: `rolled-back`",
        "the server's log has an error: `write-failed-reported`, `write-failed-silent` or \
         `batch-poisoned`",
    ],
    &[
        "a trigger that returns null, left over from an experiment or a partitioning scheme",
        "an insert with `on conflict do nothing`, and a key that already exists",
        "a rule on the table that replaces the insert with nothing",
        "a function that inserts the spans and catches the error",
    ],
);

pub(super) const UNDETERMINED: Explanation = Explanation {
    supports: &[
        "rows are missing, and the evidence fits several reasons; the finding lists them",
        "or the line that would decide may be in output that was dropped because it was too long",
    ],
    contradicts: &[
        "facts decide: the finding then has another code, and names the fact that rules out each other reason",
    ],
    causes: &[
        "a service without debug lines, on a server whose log spanproof can't read: a server given \
         by URL",
        "more cases needed a second run with the witness than one run allows",
        "a service without debug lines that records nothing by any route",
    ],
    experiment: Some(
        "run the case with `check --witness` on a server that spanproof starts. Rows in another \
         table mean `wrong-destination`. Rows inserted but not kept mean `rolled-back`. Rows not \
         inserted mean `silently-discarded`. An error of the server means a failed write. No \
         statement means that the service never sent the span",
    ),
};

pub(super) const NOT_FINISHED: Explanation = Explanation::new(
    &[
        "a span has a status under `not-ended`, or no end, although its job ended and the service \
         stopped by itself",
        "a line matches `unfinished` under `[probes]`, if the service prints such lines",
    ],
    &["the service was killed: `lost-at-exit`", "the row is missing: a code of an earlier stage"],
    &[
        "an early return, an error or a cancellation leaves the work without ending its span",
        "the update that ends a span fails, matches no row or uses another connection",
    ],
);

pub(super) const LOST_AT_EXIT: Explanation = Explanation::new(
    &[
        "spans are missing or have not ended, and spanproof or a fault killed the service",
        "the same case with a clean stop, without the fault, or with a longer wait, has every span",
    ],
    &["a longer wait changes nothing: `not-finished`, or a code of an earlier stage"],
    &[
        "spans are collected, but flushed only on a timer or at a clean stop",
        "the service does not stop in time, and its buffer is lost",
        "spans are written only when they end: spans in progress are never written",
    ],
);

pub(super) const IMPOSSIBLE_TIMES: Explanation = Explanation::new(
    &[
        "the end of a span is before its start, or its duration is negative",
        "a span starts before its job was submitted, before its parent or after the answer to a request \
         with its id, or ends after the service stopped",
        "the duration is not end minus start in seconds, milliseconds, microseconds or \
         nanoseconds",
    ],
    &["the end is missing: `not-finished`"],
    &[
        "local times are written as if they were UTC: they are whole quarter hours off",
        "the start comes from the server's clock or a default, and the end from the service's \
         clock",
        "the duration is not measured from the start, but, for example, from the insert of the row",
    ],
);

pub(super) const INVALID_IDS: Explanation = Explanation::new(
    &[
        "a trace id or span id is all zeros",
        "two spans with different names or units have the same trace id and span id",
    ],
    &["two rows with the same id, name and unit: `duplicate`"],
    &[
        "the span was started without a tracer, and a placeholder was stored",
        "an id is computed from something that is not unique, or is generated once for the process",
    ],
);

pub(super) const UNLINKED: Explanation = Explanation::new(
    &[
        "the column under `unit` is null or is not the id of a unit of the case",
        "or a column under `attributes` differs from the unit's column",
    ],
    &[
        "only the status differs: `status-disagrees`",
        "the row is missing: a code of an earlier stage",
    ],
    &[
        "the ids are known only after the span starts, are set in memory, and are not in the \
         update that ends the span",
        "the service writes the id of the job where the id of the unit belongs",
        "spans of units that run at the same time get each other's ids",
    ],
);

pub(super) const STATUS_DISAGREES: Explanation = Explanation::new(
    &["a span has the id of its unit and has ended, but its status is not the unit's"],
    &["other attributes also differ: `unlinked`", "the span has not ended: `not-finished`"],
    &[
        "an exception fails a span, but an answer that reports a failure does not",
        "the span ends before the outcome of the unit is known",
        "the service has two words for one status, such as error and failed",
    ],
);

pub(super) const BROKEN_TREE: Explanation = Explanation::new(
    &[
        "the parent of an inner span is missing or is not the unit's outer span, or the spans of \
         one unit are in several traces",
        "the upstream got requests, but none had the trace id in the header under `header`",
    ],
    &["a span is missing: a code of an earlier stage", "a span exists twice: `duplicate`"],
    &[
        "the parent's id is not passed to the code that starts the inner span",
        "each span gets a new trace id",
        "a retry or another client does not set the header",
    ],
);

pub(super) const DUPLICATE: Explanation = Explanation::new(
    &["a unit has two spans of a name, but should have one, or the job has too many units"],
    &["the second span belongs to another unit: `unlinked`"],
    &[
        "two tracers, or a wrapper around a function that is already traced",
        "a retry, or a message processed twice, without a key that prevents it",
        "`units` in the spec differs from the number of units of the job",
    ],
);

pub(super) const LEAKED_WHILE_OFF: Explanation = Explanation::new(
    &["tracing is off in the case, the job ran, and spans were stored or started as if it were on"],
    &["the service prints success lines, but stores no span: `banner-contradicts`"],
    &[
        "the service reads any string as on, even false, 0 and the empty string",
        "a second switch turns the tracer on",
        "`enables` in the spec lacks a spelling that the service accepts",
    ],
);

pub(super) const RECORDING_STOPPED: Explanation = Explanation::new(
    &[
        "the same job was submitted several times while the service kept running; the first jobs left \
         their spans, and every later job lacks some",
        "the code is `likely`, because a sampler may also leave out several jobs in a row; it is certain if \
         at least two jobs lack spans, and the reason for the first of them is certain",
    ],
    &[
        "a later job left its spans again: the missing spans are reported with their own code",
        "the later jobs had a different outcome: they are not compared",
        "spans still arrive when the service is stopped: the service writes slowly, and the reason is unknown",
    ],
    &[
        "the thread or task that exports spans ended after its first error or its first batch",
        "a queue of fixed size is never emptied",
        "the tracer is bound to the first job, request or connection",
    ],
);

pub(super) const FLAKY: Explanation = Explanation::new(
    &[
        "the same case was run several times with the same flags, and lacks spans only in some trials",
    ],
    &[
        "every trial lacks spans: the finding has another code, or is `undetermined` if the reasons differ",
        "only later jobs lack spans, without a restart of the service: `recording-stopped`",
    ],
    &[
        "the process ends, or a request is answered, before its spans are written",
        "two threads share a context, a connection or a buffer without a lock",
        "a sampler that decides at random",
    ],
);

pub(super) const NOT_RECOVERED: Explanation = Explanation::new(
    &["a fault was removed, but the next job lacks spans; the finding has the code and the lines \
         of that job"],
    &["the job under the fault already fails: only that failure is reported"],
    &[
        "after an error, the tracer switches itself off until the next start",
        "a broken connection is reused",
        "a statement prepared for the old table or role is not prepared again",
    ],
);

pub(super) const OUTCOME_CHANGED_BY_TRACING: Explanation = Explanation::new(
    &[
        "the same job, with the same route and flags except tracing, has a different status, or its \
         units have different results",
        "or the status or the results change under a fault that affects only spans",
    ],
    &["no case with tracing off, or without the fault, was run: nothing to compare with"],
    &[
        "the work fails or panics because of an error of the tracer",
        "spans are written in the transaction of the work",
        "waiting for the span table uses up the time or the connections of the work",
    ],
);

pub(super) const SLOWED_BY_TRACING: Explanation = Explanation::new(
    &[
        "one trial of the job was much slower with tracing on than with tracing off, and both cases were \
         run three more times, alternately and alone: each time, the job took at least twice as long and \
         300 ms longer, and the shortest time with tracing was at least four times the shortest without",
    ],
    &[
        "no case with tracing off was run with the same job, route and flags: nothing to compare with",
        "the difference is smaller, or did not occur in every pair of trials",
        "the job does not end in time: `job-not-finished`",
    ],
    &[
        "each span is written, or sent, before the work continues",
        "each span opens a connection, or waits for one from a pool that the work also uses",
        "a lock or a slow trigger on the table of spans",
    ],
);

pub(super) const EXPECTED_FAILURE_PASSED: Explanation = Explanation::new(
    &["a rule under `[[expected]]` applies to the case and has not expired, but the case passes"],
    &["the case fails with the expected code: the failure is known, and the run still passes"],
    &["the failure was fixed", "`when` in the rule matches more cases than fail"],
);

pub(super) const UNEXPECTED_REQUEST: Explanation = Explanation::new(
    &["the upstream got a request that no `[[reply]]` of its behaviour matches"],
    &["a `[[reply]]` matches the request: it was expected, whatever the answer"],
    &[
        "the service builds a path incorrectly: a suffix twice, a missing slash",
        "the service sends a new request that the behaviour file lacks",
    ],
);

pub(super) const NOT_STOPPED: Explanation = Explanation::new(
    &["the service got SIGTERM and was killed after `grace-ms`"],
    &["the service exited with an error: `process-crashed`"],
    &[
        "a shell in front of the service does not forward the signal",
        "the service does not handle the signal, or waits for work that does not end",
    ],
);

pub(super) const PROCESSES_LEFT: Explanation = Explanation::new(
    &["processes that the service started were running, or held its output open, after it exited"],
    &["the processes exited while spanproof waited for the last output"],
    &[
        "the service starts a helper or daemon and does not stop it",
        "a child leaves the process group",
    ],
);
