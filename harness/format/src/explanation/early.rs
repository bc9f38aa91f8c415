//! Explanations of the codes of stages 1 to 5, from the flag that reaches the process to the spans
//! that the service starts. [`Stage`](crate::Stage) lists all stages.

use super::Explanation;

pub(super) const FLAG_UNSET: Explanation = Explanation::new(
    &[
        "the environment passed to the process sets the flag, but the startup line about tracing \
         reports an empty value",
        "no spans are stored",
    ],
    &[
        "the line reports the value that was set: `flag-unrecognised-value`",
        "spans are stored although the line reports off: `banner-contradicts`",
    ],
    &[
        "a wrapper script, an entry point or a process manager starts the service with another \
         environment",
        "the service reads the flag under another name, or the flag is set on another app or \
         process group",
        "the service reads the value once and was not restarted after it changed",
    ],
);

pub(super) const TRACER_NOT_CONSTRUCTED: Explanation = Explanation::new(
    &[
        "no line of the output matches `tracer` under `[probes]`, and no spans are stored",
        "the value of the flag means on",
    ],
    &[
        "spans are stored: only the line is missing, and no span is lost",
        "a line reports off: `flag-unset` or `flag-unrecognised-value`",
    ],
    &[
        "the binary that was built or started does not contain the tracer",
        "the service starts without its database and then constructs no tracer",
        "the tracer is constructed later, by the first job, or in another process of the \
         deployment",
        "the wording of the line changed, but the pattern `tracer` under `[probes]` did not",
    ],
);

pub(super) const PROCESS_CRASHED: Explanation = Explanation::new(
    &[
        "the process exited without a request to stop, or exited with an error after a request",
        "its exit status or signal and its last lines of output show the error",
    ],
    &[
        "the process did not stop in time and was killed: `not-stopped`",
        "the service became ready in no case of the run: the cases are broken, which proves \
         nothing about the service",
    ],
    &[
        "the first unit uses a tracer that was never constructed, and the process crashes",
        "a panic in a background task is not caught",
        "the service exits when its database or its upstream rejects it",
    ],
);

pub(super) const NEVER_READY: Explanation = Explanation::new(
    &[
        "the condition under `ready` is not met in time in this case, but is in others",
        "the process was still running, and spanproof stopped it",
    ],
    &[
        "the service became ready in no case of the run: the cases are broken",
        "the process exited by itself: `process-crashed`",
    ],
    &[
        "with this value of a flag, the startup waits forever",
        "with this flag, the service listens on another address",
        "`timeout-ms` under `ready` is too short for this combination",
    ],
);

pub(super) const FLAG_UNRECOGNISED_VALUE: Explanation = Explanation::new(
    &[
        "the startup line about tracing reports off and the value that was set",
        "the value means on to people: 1, TRUE, yes or on, also with spaces or quotes",
        "an extra case with another spelling has spans",
    ],
    &[
        "cases with several values that mean on were run, and none records spans: `flag-ignored`",
        "the line reports an empty value: `flag-unset`",
        "`enables` in the spec lists the accepted values, but not this value: off is correct",
    ],
    &[
        "the service compares the value with the exact text true, without trimming and \
         case-sensitively",
        "the value comes from a file or a secret store and contains quotes or a newline",
        "two flags of the service have opposite conventions: one expects 1, the other true",
    ],
);

pub(super) const FLAG_IGNORED: Explanation = Explanation::new(
    &[
        "the tracer reports off for at least two values that mean on",
        "cases that differ only in the flag record the same spans",
    ],
    &["spans are recorded with one of the values: the other values are `flag-unrecognised-value`"],
    &[
        "the service reads a variable with another name",
        "the tracer is constructed before the configuration is read",
        "a second switch, or the build, overrides the flag",
    ],
);

pub(super) const JOB_NOT_PICKED_UP: Explanation = Explanation::new(
    &[
        "the submission was accepted, the job has a status under `waiting`, and no unit has a row",
        "the process ran the whole time",
    ],
    &[
        "the job has units or another status: `job-failed-early`",
        "a unit started, and the deadline passed: `job-not-finished`",
    ],
    &[
        "this process runs no worker, or the worker listens on another queue than the route writes \
         to",
        "a worker that crashed still holds a lock",
        "a job of another version is at the head of the queue, and no worker takes it",
    ],
);

pub(super) const JOB_FAILED_EARLY: Explanation = Explanation::new(
    &[
        "the submission was refused, or the job ended with fewer rows in the unit table than units",
        "the answer to the submission, the status of the job and the number of rows show which",
    ],
    &[
        "the job has no units and a status under `waiting`: `job-not-picked-up`",
        "every unit has its row: missing spans have another reason",
    ],
    &[
        "validation rejects the job, or something that the job needs is not configured",
        "parts of the job use different names, for example for a region, so that it has no units",
        "the rows of units could not be written",
        "`units` in the spec differs from the number of units of the job",
    ],
);

pub(super) const JOB_NOT_FINISHED: Explanation = Explanation::new(
    &["every unit has its row, and a job has no status under `done` after `settle-ms`"],
    &["the service exited: `process-crashed`", "units are missing: `job-failed-early`"],
    &[
        "a call without a timeout waits for an upstream that does not answer",
        "writing a span blocks its unit, for example on a lock, and has no timeout",
        "the service never sets the final status of the job, or `done` does not list it",
    ],
);

pub(super) const BANNER_CONTRADICTS: Explanation = Explanation::new(
    &[
        "a line contradicts the tables: it reports on, and no route records spans; it reports off, \
         and spans are stored; or it reports a recorded span, and the span is missing",
        "with `check --witness`: the service reports successful writes, but the server received no \
         statement",
    ],
    &[
        "one route records spans, and another does not: `path-not-executed`",
        "the lines agree with each other, and the server rejected the rows: `write-failed-silent`",
    ],
    &[
        "the line is printed where the flag is read, not where spans are written",
        "a disabled tracer returns success, and its caller prints that",
        "the tracer has no connection and returns dummy ids",
    ],
);

pub(super) const PATH_NOT_EXECUTED: Explanation = Explanation::new(
    &[
        "the tracer reports on, every unit has its row, and fewer spans were started than units \
         exist",
        "the same job by another route has spans; an extra case of the run tries this",
        "with `check --witness`, also for services without debug lines: the server received no \
         statement",
    ],
    &[
        "no route starts a span: `banner-contradicts`",
        "spans were started but have no row: one of the codes of the stages accepted and stored",
        "output was dropped because it was too long: `undetermined`",
    ],
    &[
        "a second entry point runs the same work on a path that never calls the tracer",
        "a retry or batch path is older than the tracer",
        "another process without the tracer takes jobs from the same queue",
        "an error path omits the call that starts the inner span",
    ],
);

pub(super) const WRONG_ATTRIBUTES: Explanation = Explanation::new(
    &["a span name has fewer rows than units, and the table has spans with names that no \
         `[[span]]` has, or spans of another service"],
    &["every row has a name from the spec: the missing spans have another reason"],
    &[
        "a span was renamed in the service, but not where people look for it",
        "the name of the service comes from a variable that is not set",
    ],
);
