//! Codes of the funnel up to the first span: flag, tracer, work, attempt.

use super::Explanation;

pub(super) const FLAG_UNSET: Explanation = Explanation::new(
    &[
        "the environment that the process was given holds the flag, and the tracer's line at startup \
         shows an empty raw value",
        "no span is stored",
    ],
    &[
        "the line shows the value that was given: `flag-unrecognised-value`",
        "spans are stored although the line says off: `banner-contradicts`",
    ],
    &[
        "a wrapper script, an entry point or a process manager that starts the service with an \
         environment of its own",
        "the flag is read under another name, or set on another app or process group",
        "the process was not restarted after the value changed, and reads it only once",
    ],
);

pub(super) const TRACER_NOT_CONSTRUCTED: Explanation = Explanation::new(
    &[
        "no line of the output matches the probe `tracer`, and no span is stored",
        "the flag's value means on",
    ],
    &[
        "spans are stored: then only the line is missing, and nothing is lost",
        "a line that says off: `flag-unset` or `flag-unrecognised-value`",
    ],
    &[
        "another binary was built or started than the one with the tracer",
        "the service goes on without its database, and builds no tracer then",
        "the tracer is built later, by the first job, or by another process of the deployment",
        "the wording of the line changed, and the probe `tracer` did not",
    ],
);

pub(super) const PROCESS_CRASHED: Explanation = Explanation::new(
    &[
        "the process ended although nobody had asked it to, or ended with an error when it was asked",
        "its exit status or signal, and the last lines it wrote",
    ],
    &[
        "it had to be killed because it did not stop: `not-stopped`",
        "no case of the run came up: then the world is broken, and nothing is said about the service",
    ],
    &[
        "a tracer that was never built is called, and the first unit takes the process down",
        "a panic in a background task that is not caught",
        "the service gives up when its database or its upstream refuses it",
    ],
);

pub(super) const NEVER_READY: Explanation = Explanation::new(
    &[
        "the condition under `ready` was not met in time in this case, and was in others",
        "the process was still there: it was stopped by the harness",
    ],
    &[
        "no case became ready: then the world is broken",
        "the process ended by itself: `process-crashed`",
    ],
    &[
        "a value of a flag sends the startup into a wait without an end",
        "the service listens somewhere else under this flag",
        "`timeout-ms` under `ready` is too short for this combination",
    ],
);

pub(super) const FLAG_UNRECOGNISED_VALUE: Explanation = Explanation::new(
    &[
        "the tracer's line says off and shows the value that was given",
        "the value means on to people: 1, TRUE, yes, on, with spaces or quotes around it",
        "another spelling, run as an extra case, makes the spans appear",
    ],
    &[
        "several values that mean on were tried and none works: `flag-ignored`",
        "the line shows an empty value: `flag-unset`",
        "the spec lists under `enables` what counts, and this value is not there: then off is right",
    ],
    &[
        "the value is compared with the exact text true, without trimming and with its case",
        "quotes or a line break came with the value from a file or a secret store",
        "two flags of one service follow opposite conventions, one wants 1 and the other true",
    ],
);

pub(super) const FLAG_IGNORED: Explanation = Explanation::new(
    &[
        "at least two values that mean on were run, and the tracer says off under each of them",
        "no pair of cases that differ in the flag alone differs in spans",
    ],
    &["one of the values records: then the others are `flag-unrecognised-value`"],
    &[
        "the variable that is read has another name",
        "the tracer is built before the configuration is read",
        "a second switch, or the build, overrules the flag",
    ],
);

pub(super) const JOB_NOT_PICKED_UP: Explanation = Explanation::new(
    &[
        "the submission was accepted, the job's row has one of the statuses under `waiting`, and no \
         row of work exists",
        "the process was alive all the time",
    ],
    &[
        "some rows of work exist, or the job has another status: `job-failed-early`",
        "the work began and time was up: `job-not-finished`",
    ],
    &[
        "no worker runs in this process, or it listens on another queue than the route writes to",
        "a lock of a worker that died is still held",
        "a job of another version waits at the head of the queue and is never taken",
    ],
);

pub(super) const JOB_FAILED_EARLY: Explanation = Explanation::new(
    &[
        "the submission was refused, or the job ended with fewer rows of work than it has units",
        "the answer to the submission, the job's status, the number of rows",
    ],
    &[
        "no row of work and a status that waits: `job-not-picked-up`",
        "every unit has its row: then missing spans have another reason",
    ],
    &[
        "validation refuses the job, or a needed part of it is not configured",
        "names differ between parts of the job, such as regions, so that it has no units",
        "the rows of work could not be written",
        "`units` of the job in the spec is not what the job has",
    ],
);

pub(super) const JOB_NOT_FINISHED: Explanation = Explanation::new(
    &["every unit has its row, and a job was not among `done` when `settle-ms` was over"],
    &["the service ended meanwhile: `process-crashed`", "units are missing: `job-failed-early`"],
    &[
        "a call without a timeout waits for an upstream that does not answer",
        "the writing of a span blocks its unit, for instance on a lock, and has no limit of its own",
        "the status of the job is never set, or one that ends it is missing under `done`",
    ],
);

pub(super) const BANNER_CONTRADICTS: Explanation = Explanation::new(
    &[
        "what a line says and what the tables hold exclude each other: on and no span on any route, \
         off and spans, acknowledged and none there",
        "with the witness: successes are reported, and no statement ever reached the server",
    ],
    &[
        "one route records and another does not: `path-not-executed`",
        "the lines agree with each other and the server refused the rows: `write-failed-silent`",
    ],
    &[
        "the line is printed where the flag is read, not where spans are written",
        "a disabled tracer returns success, and the caller prints it",
        "the connection of the tracer is missing, and dummy ids are handed out instead",
    ],
);

pub(super) const PATH_NOT_EXECUTED: Explanation = Explanation::new(
    &[
        "the tracer says that it is on, the work has its rows, and fewer spans were begun than units \
         exist",
        "the same job by another route leaves spans; an extra case tries that",
        "with the witness, also for services that say nothing: no statement reached the server",
    ],
    &[
        "no route begins a span: `banner-contradicts`",
        "spans were begun and have no row: one of the codes of stages accepted and stored",
        "output was dropped because it was too much: `undetermined`",
    ],
    &[
        "a second entry point executes the same work on a path that never calls the tracer",
        "a retry or a batch path that was written before the tracer",
        "another process without the tracer takes jobs from the same queue",
        "the inner span of an error path is missing, because the call is left out there",
    ],
);

pub(super) const WRONG_ATTRIBUTES: Explanation = Explanation::new(
    &["an operation has fewer rows than units, and the table has rows of operations that no \
         `[[span]]` names, or of another service"],
    &["every row has a name that the spec knows: then the missing ones have another reason"],
    &[
        "an operation was renamed in the service, and not where spans are looked for",
        "the name of the service comes from a variable that is not set",
    ],
);
