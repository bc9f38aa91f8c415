//! Defects by which the service itself fails, mostly because tracing is on.

use spanproof_format::Code;

use crate::accuracy::{Kind, kinds, otel, runner, silent};

const SHORT_JOB: &[(&str, &str)] = &[("service.settle-ms", "1500")];
const SHORT_STOP: &[(&str, &str)] = &[("service.stop", "{ grace-ms = 1000 }")];
const SHORT_START: &[(&str, &str)] =
    &[("service.ready", "{ http = '/health', timeout-ms = 1500 }")];
const SHORT_ALL: &[(&str, &str)] =
    &[("service.settle-ms", "2000"), ("service.stop", "{ grace-ms = 1000 }")];

/// Codes that are also true if a job ends too early, and only while tracing is on.
const CUT_SHORT: &[Code] = &[
    Code::OutcomeChangedByTracing,
    Code::JobFailedEarly,
    Code::JobNotFinished,
    Code::LostAtExit,
    Code::NotStopped,
];

pub(super) const KINDS: &[Kind] = kinds! {
    "the service crashes in the middle of its work" [ProcessCrashed] [] {
        silent("crash-mid-order").spec(SHORT_JOB).also(CUT_SHORT);
        runner("no-tracer").also(CUT_SHORT);
        otel("crash-mid-order").spec(SHORT_JOB).also(CUT_SHORT);
    }
    "the tracer ends the process" [ProcessCrashed] [] {
        silent("exit-mid-order").spec(SHORT_JOB).also(CUT_SHORT);
        otel("exit-mid-order").spec(SHORT_JOB).also(CUT_SHORT);
    }
    "the service exits at its start" [ProcessCrashed] [NeverReady] {
        silent("crash-at-start");
    }
    "the service is never ready" [NeverReady] [] {
        silent("hangs-at-start").spec(SHORT_START).also(&[Code::NotStopped]);
    }
    "the service does not stop" [NotStopped] [] {
        silent("hangs-at-stop").spec(SHORT_STOP);
        otel("hangs-at-stop").spec(SHORT_STOP);
    }
    "the service exits with an error after it was stopped" [ProcessCrashed] [] {
        silent("fails-at-stop");
        otel("fails-at-stop");
    }
    "a child process is left" [ProcessesLeft] [] {
        silent("child-left");
        runner("leaves-process");
        otel("child-left");
    }
    "the job is never picked up" [JobNotPickedUp] [] {
        silent("not-picked-up").spec(SHORT_JOB).also(CUT_SHORT);
        runner("never-picked-up").spec(SHORT_ALL);
        otel("not-picked-up").spec(SHORT_JOB).also(CUT_SHORT);
    }
    "the job ends without its units" [JobFailedEarly] [] {
        silent("no-units").also(CUT_SHORT);
        runner("early-failure");
        otel("no-units").also(CUT_SHORT);
    }
    "the job has fewer units than it should" [JobFailedEarly] [] {
        silent("half-the-units");
    }
    "the submission is refused" [JobFailedEarly] [] {
        silent("refused").spec(SHORT_JOB);
    }
    "an error of the tracer ends the worker" [JobFailedEarly JobNotFinished] [] {
        otel("worker-dies").spec(SHORT_JOB).also(CUT_SHORT);
    }
    "the job never ends" [JobNotFinished] [] {
        silent("never-closed").spec(SHORT_JOB).also(CUT_SHORT);
        runner("tracer-hangs").spec(SHORT_ALL).also(CUT_SHORT);
        otel("never-closed").spec(SHORT_JOB).also(CUT_SHORT);
    }
    "results change while tracing is on" [OutcomeChangedByTracing] [] {
        silent("result-changed");
        runner("outcome");
        otel("result-changed");
    }
    "units fail while tracing is on" [OutcomeChangedByTracing] [] {
        silent("status-changed");
        otel("status-changed");
    }
    "the job waits for the spans to be written" [SlowedByTracing] [] {
        silent("slow-write");
        silent("slow-begin");
        otel("slow-export");
        otel("waits-for-flush");
    }
    "the exporter sends requests to the upstream" [UnexpectedRequest] [] {
        silent("collector-request");
        otel("collector-request");
    }
};
