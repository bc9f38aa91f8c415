//! Codes of the funnel from the write to the joined trace, and of what holds beside it.

use super::Explanation;

pub(super) const WRITE_FAILED_REPORTED: Explanation = Explanation::new(
    &[
        "spans were begun, rows are missing, and a line matches the probe `refused`",
        "with the witness: the server's own error with its SQLSTATE",
    ],
    &[
        "no line speaks of it: `write-failed-silent`",
        "good rows were lost with a bad one: `batch-poisoned`",
    ],
    &[
        "a migration was not run: a missing table (42P01) or column (42703)",
        "a privilege is missing (42501), or the server is read-only (25006)",
        "a timeout (57014), a lock (55P03), too many connections (53300)",
        "a constraint refuses the row (class 23), or a value does not fit (class 22)",
    ],
);

pub(super) const WRITE_FAILED_SILENT: Explanation = Explanation::new(
    &[
        "spans were begun, or tried by the witness's count, rows are missing, and no line says so",
        "with the witness: the server's error, or that no statement was ever sent",
        "under a fault of the world: spans were lost, and no line matches `refused` or `unfinished`",
    ],
    &[
        "a line matches the probe `refused`: `write-failed-reported`",
        "every span is acknowledged: `undetermined`, which the witness decides",
    ],
    &[
        "the result of the write is thrown away, or its error is only counted",
        "the error is logged at a level that is switched off",
        "a queue in the service is full, or closed, and drops what comes",
    ],
);

pub(super) const BATCH_POISONED: Explanation = Explanation::new(
    &[
        "the witness counts more rows tried than written, and fewer failures than rows are lost",
        "the server's error names one row, and its neighbours in the statement are gone too",
    ],
    &["each row failed by itself: `write-failed-reported` or `write-failed-silent`"],
    &[
        "spans are collected and written by one statement, or in one transaction",
        "one span has a duplicate id, a text that is too long, or bytes that the server refuses",
    ],
);

pub(super) const WRONG_DESTINATION: Explanation = Explanation::new(
    &["a table of the same name in another schema of the database has rows, and this one has none"],
    &["no such table has rows: the witness's counts decide between the other codes"],
    &[
        "the search path of the role or of the connection puts another schema first",
        "a schema for each tenant, and the tracer takes another one than the readers",
        "the spec names another table under `[tables.spans]` than the service writes to",
    ],
);

pub(super) const ROLLED_BACK: Explanation = Explanation::new(
    &[
        "the witness counts as many rows written as tried, none or fewer are kept, and the server's \
         log has no error",
    ],
    &[
        "an error at the end of the transaction: `write-failed-reported` or `write-failed-silent`",
        "fewer rows written than tried, and no error: `silently-discarded`",
    ],
    &[
        "spans are written in the transaction of the work, and that is rolled back when it fails",
        "a transaction is opened and never committed, and ends with the connection",
        "something deletes spans: a clean-up, a trigger, a retention job",
    ],
);

pub(super) const SILENTLY_DISCARDED: Explanation = Explanation::new(
    &[
        "the witness counts rows tried and not written, and the server's log has no error",
        "the service sees success",
    ],
    &[
        "the rows were written: `rolled-back`",
        "an error in the server's log: `write-failed-reported`, `write-failed-silent` or \
         `batch-poisoned`",
    ],
    &[
        "a trigger that returns null, left over from an experiment or a partitioning scheme",
        "on conflict do nothing, with a key that is used already",
        "a rule on the table that does nothing instead",
    ],
);

pub(super) const UNDETERMINED: Explanation = Explanation {
    supports: &[
        "rows are missing, and what the service says fits several reasons: every span is \
         acknowledged, or nothing is said at all",
        "or a line that would decide may be among output that was too much to keep",
    ],
    contradicts: &[
        "the witness was on: its counts, the server's errors and the rows leave one reason",
    ],
    causes: &[
        "a service without debug lines, on a server whose log can't be read: a given one, or Docker",
        "more looks were needed than a run takes a second time",
    ],
    experiment: Some(
        "run the case with `check --witness` on a server of the harness's own: rows elsewhere tell \
         `wrong-destination`, written and not kept `rolled-back`, tried and not written \
         `silently-discarded`, an error of the server a failed write, and no statement at all that \
         nothing was ever sent",
    ),
};

pub(super) const NOT_FINISHED: Explanation = Explanation::new(
    &[
        "a span has a status under `open`, or no end, although its job has ended and the service \
         stopped by itself",
        "a line that matches the probe `unfinished`, where there is one",
    ],
    &["the service was killed: `lost-at-exit`", "the row is missing: a code of an earlier stage"],
    &[
        "an early return, an error or a cancellation leaves the work without completing its span",
        "the update that completes a span fails, finds no row, or is sent to another connection",
    ],
);

pub(super) const LOST_AT_EXIT: Explanation = Explanation::new(
    &[
        "spans are open or missing, and the service was killed, by the harness or by a fault",
        "the same case with a clean stop, or without the fault, has them",
    ],
    &["it stopped by itself: `not-finished`, or a code of an earlier stage"],
    &[
        "spans are collected and flushed on a timer or at a clean stop only",
        "the service does not stop in time, and takes its buffer with it",
        "spans are written when they end, so that those in flight are never there",
    ],
);

pub(super) const IMPOSSIBLE_TIMES: Explanation = Explanation::new(
    &["a span's end is before its start, or its duration is negative"],
    &["the end is missing: `not-finished`"],
    &[
        "the start is written by the server's clock or a default, and the end by the service's",
        "the duration is counted from another time than the start, such as that of the row",
    ],
);

pub(super) const UNLINKED: Explanation = Explanation::new(
    &[
        "the column under `unit` is null, or names no unit of the case",
        "or a column under `link` differs from the unit's",
    ],
    &["only the status differs: `status-disagrees`", "there is no row at all: an earlier stage"],
    &[
        "the ids are known only after the span has begun, are set in memory, and are not among what \
         the completing update writes",
        "the id of the job is written where that of the unit belongs",
        "spans of units that run side by side take each other's ids",
    ],
);

pub(super) const STATUS_DISAGREES: Explanation = Explanation::new(
    &["a span is linked to its unit, has ended, and its status is not the unit's"],
    &["other linked columns differ as well: `unlinked`", "the span is open: `not-finished`"],
    &[
        "only an exception fails a span, and an answer that says it failed does not",
        "the span is completed before the outcome of the unit is known",
        "two words for one thing, such as error and failed",
    ],
);

pub(super) const BROKEN_TREE: Explanation = Explanation::new(
    &[
        "an inner span's parent is not the unit's own span, or is missing; or the spans of one unit \
         are of several traces",
        "the upstream was asked, and no request carried the trace id in the header under `header`",
    ],
    &["a span is missing: an earlier stage", "a span is there twice: `duplicate`"],
    &[
        "the parent's id is not handed to the code that begins the inner span",
        "each span makes a trace id of its own",
        "the header is not set on a retry or by another client",
    ],
);

pub(super) const DUPLICATE: Explanation = Explanation::new(
    &["a unit has two spans of an operation that it should have once, or the job more units than \
         it has"],
    &["the second span belongs to another unit: `unlinked`"],
    &[
        "two tracers, or a wrapper around a function that is traced already",
        "a retry, or an envelope that is processed twice, without a key that would tell",
        "`units` of the job in the spec is not what the job has",
    ],
);

pub(super) const LEAKED_WHILE_OFF: Explanation = Explanation::new(
    &["the case has tracing off, the job did run, and spans are stored or begun as if it were on"],
    &["only success lines, and no span: `banner-contradicts`"],
    &[
        "any text is taken for on, also false, 0 and the empty one",
        "a second switch turns the tracer on",
        "the spec's `enables` leaves out a spelling that the service reads",
    ],
);

pub(super) const NOT_RECOVERED: Explanation = Explanation::new(
    &["a fault of the world was put right, and the next job does not leave what it should; the \
         finding has the code and the lines of that job"],
    &["the job under the fault is at fault already: then only that is told"],
    &[
        "after an error the tracer switches itself off, until the next start",
        "a connection that is broken is kept, and used again",
        "a statement that was prepared for the old table or role is not made anew",
    ],
);

pub(super) const OUTCOME_CHANGED_BY_TRACING: Explanation = Explanation::new(
    &[
        "the same job, by the same route and with the same flags but for tracing, has another status, \
         or its units give something else",
        "or it does so under a fault that hits spans only",
    ],
    &["no case with tracing off, or without the fault, was run: then nothing is compared"],
    &[
        "an error of the tracer is returned to the work, or panics",
        "spans are written in the transaction of the work",
        "waiting for the span table uses up the time, or the connections, of the work",
    ],
);

pub(super) const EXPECTED_FAILURE_PASSED: Explanation = Explanation::new(
    &[
        "a rule under `[[expected]]` holds for the case, its day has not passed, and the case passes",
    ],
    &["the case fails with the expected code: then it is known, and fails nothing"],
    &["it was repaired", "the rule's `when` is wider than the failure is"],
);

pub(super) const UNEXPECTED_REQUEST: Explanation = Explanation::new(
    &["the upstream's journal has a request that no `[[reply]]` of its behaviour matches"],
    &["the request is answered, whatever the answer is: then it was expected"],
    &[
        "a path is put together wrongly: a suffix twice, a missing slash",
        "the service asks something new that the behaviour file does not know yet",
    ],
);

pub(super) const NOT_STOPPED: Explanation = Explanation::new(
    &["SIGTERM was sent, `grace-ms` went by, and the process had to be killed"],
    &["it ended, with an error: `process-crashed`"],
    &[
        "a shell in front of the service does not pass the signal on",
        "the signal is not handled, or the stop waits for work that does not end",
    ],
);

pub(super) const LEFT_PROCESSES: Explanation = Explanation::new(
    &[
        "processes that the service had started were alive when it was gone, or held its output open",
    ],
    &["they ended within the time that the last bytes of output were waited for"],
    &["a helper or daemon is started and not stopped", "a child leaves the process group"],
);
