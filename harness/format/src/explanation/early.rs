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
        "a wrapper script, an entry point or a process manager starts the service with a different \
         environment",
        "the service reads the flag under a different name, or the flag is set on a different app or \
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
        "the tracer is constructed later, by the first job, or in a different process of the \
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
        "the condition under `ready` is not met in time in this case, but is met in others",
        "the process was still running, and spanproof stopped it",
    ],
    &[
        "the service became ready in no case of the run: the cases are broken",
        "the process exited by itself: `process-crashed`",
    ],
    &[
        "with this value of a flag, the startup waits forever",
        "with this flag, the service listens on a different address",
        "`timeout-ms` under `ready` is too short for this combination",
    ],
);

pub(super) const FLAG_UNRECOGNISED_VALUE: Explanation = Explanation::new(
    &[
        "the startup line about tracing reports off and the value that was set",
        "a person would read the value as on: 1, TRUE, yes or on, even with spaces or quotes",
        "an extra case with a different spelling has spans",
    ],
    &[
        "cases with several values that mean on were run, and none records spans: `flag-ignored`",
        "the line reports an empty value: `flag-unset`",
        "`enables` in the spec lists the accepted values, but not this value: off is correct",
    ],
    &[
        "the service compares the value with exactly `true`, without trimming and \
         case-sensitively",
        "the value comes from a file or a secret store and contains quotes or a newline",
        "two flags of the service have opposite conventions: one expects 1, the other true",
    ],
);

pub(super) const JOB_NOT_PICKED_UP: Explanation = Explanation::new(
    &[
        "the submission was accepted, the job has a status under `waiting`, and no unit has a row",
        "the process ran the whole time",
    ],
    &[
        "the job has units or a different status: `job-failed-early`",
        "a unit started, and the deadline passed: `job-not-finished`",
    ],
    &[
        "this process runs no worker, or the worker does not listen on the queue that the route writes \
         to",
        "a worker that crashed still holds a lock",
        "a job of a different version is at the head of the queue, and no worker takes it",
    ],
);

pub(super) const JOB_FAILED_EARLY: Explanation = Explanation::new(
    &[
        "the submission was refused, or the job ended with fewer rows in the unit table than units",
        "the answer to the submission, the status of the job and the number of rows show which of the two \
         happened",
    ],
    &[
        "the job has no units and a status under `waiting`: `job-not-picked-up`",
        "every unit has its row: missing spans have a different reason",
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
         and spans are stored",
        "a line reports more recorded spans than are stored; another finding of the case names the reason",
    ],
    &[
        "one route records spans, and another does not: only `path-not-executed`",
        "the service reports that a write failed: only `write-failed-reported`",
    ],
    &[
        "the line is printed where the flag is read, not where spans are written",
        "a disabled tracer returns success, and its caller prints that",
        "the tracer has no connection and returns dummy ids",
    ],
);

pub(super) const CLAIM_MISSING: Explanation = Explanation::new(
    &["spans are stored, and no line matches `tracer` under `[probes]`"],
    &["no span is stored: `tracer-not-constructed`, or another reason for missing spans"],
    &[
        "the line was reworded, but the pattern was not",
        "the line is printed at a log level that this case switches off",
    ],
);

pub(super) const PATH_NOT_EXECUTED: Explanation = Explanation::new(
    &[
        "there is no line about the start of the missing spans, although this case or another has such \
         lines: then the code is certain",
        "the same work by another route has its spans, and with `check --witness` the server \
         received no statement for the missing ones: then the code is likely",
    ],
    &[
        "no case and no route has spans: `undetermined`, since a sampler, a switched-off library \
         and a buffer that is never flushed look the same",
        "spans were started but have no row: one of the codes of the stages accepted and stored",
        "output was dropped because it was too long: `undetermined`",
    ],
    &[
        "a second entry point does the same work on a path that never calls the tracer",
        "a retry or batch path is older than the tracer",
        "another process without the tracer takes jobs from the same queue",
        "an error path omits the call that starts the inner span",
    ],
);

pub(super) const SDK_DISABLED: Explanation = Explanation::new(
    &["no span is stored, and the environment of the process has `OTEL_SDK_DISABLED=true` or \
         `OTEL_TRACES_EXPORTER=none`"],
    &[
        "some spans are stored: one of the codes of the later stages",
        "the service itself prints that tracing is off: `flag-unset` or `flag-unrecognised-value`",
    ],
    &[
        "a variable of a base image, a shared configuration or a test set-up reaches this service",
        "the exporter was set to `none` to silence errors where no collector runs",
    ],
);

pub(super) const SAMPLED_OUT: Explanation = Explanation::new(
    &[
        "the upstream received a trace context that is marked as not sampled",
        "the environment of the process sets `OTEL_TRACES_SAMPLER` to a sampler that drops \
         every trace",
    ],
    &[
        "the upstream received a trace that is sampled: the span started and was lost later",
        "the service prints that the span started, but nothing reached the server: `never-sent`",
    ],
    &[
        "a sampling ratio for production that drops most traces of a test",
        "a sampler that follows its parent, and a caller that does not sample",
    ],
);

pub(super) const WRONG_ATTRIBUTES: Explanation = Explanation::new(
    &[
        "a span name has fewer rows than units, and other spans take the place of the missing ones: \
         with nearly the same name, with the same name and a different service, or one for each unit",
    ],
    &[
        "every row has a name from the spec: the missing spans have a different reason",
        "units that lack no span have the other spans, too: the other spans come from a framework",
    ],
    &[
        "a span was renamed in the service, but not where people look for it",
        "the name of the service comes from a variable that is not set",
    ],
);
