//! The text of a dump with one job, and functions that run `diagnose` on a dump and a log.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;

use crate::run::{Output, SPEC, Spanproof};

/// The startup line that reports that tracing is on.
pub(crate) const ON: &str = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
/// A line that the service prints when it starts.
pub(crate) const STARTED: &str = "listening on 127.0.0.1:8090\n";

/// A dump with one job, its units (rows of `executions`) and their spans.
#[derive(Debug, Clone)]
pub(crate) struct JobDump {
    /// The job's status.
    pub(crate) job_status: &'static str,
    /// The number of the job's units.
    pub(crate) units: usize,
    /// The number of units that have spans. Each of these units has two spans.
    pub(crate) traced_units: usize,
    /// A string to replace in the row of each span, and its replacement. If the first string is empty,
    /// nothing is replaced.
    pub(crate) change: (&'static str, &'static str),
}

impl Default for JobDump {
    fn default() -> Self {
        Self { job_status: "failed", units: 4, traced_units: 0, change: ("", "") }
    }
}

impl JobDump {
    /// Returns the text of the dump.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "CREATE TABLE public.jobs (\n    id bigint NOT NULL,\n    jobspec_id text,\n    status text,\n    created_at timestamp with time zone\n);\n\
             CREATE TABLE public.executions (\n    id bigint NOT NULL,\n    job_id bigint\n);\nCREATE TABLE public.trace_spans (\n    execution_id bigint,\n    duration_ms bigint\n);\n\
             COPY public.jobs (id, jobspec_id, status, created_at) FROM stdin;\n\
             469\tbias-1\t{}\t2025-10-22 12:00:00+00\n\\.\n\
             COPY public.executions (id, job_id, region, model_id, question_id, status, started_at, completed_at) FROM stdin;\n",
            self.job_status
        );
        for id in 1..=self.units {
            let _infallible = writeln!(
                text,
                "{id}\t469\tr{id}\tm\tq\tfailed\t2025-10-22 12:00:00.02+00\t2025-10-22 12:00:00.04+00"
            );
        }
        text.push_str(
            "\\.\nCOPY public.trace_spans (trace_id, span_id, parent_span_id, service, operation, started_at, \
             completed_at, duration_ms, status, job_id, execution_id, model_id, region) FROM stdin;\n",
        );
        for id in 1..=self.traced_units {
            for (operation, span, parent) in
                [("execute_question", "s", "\\N"), ("hybrid_router_call", "c", "s")]
            {
                let parent = if parent == "s" { format!("s{id}") } else { parent.to_owned() };
                let row = format!(
                    "t{id}\t{span}{id}\t{parent}\trunner\t{operation}\t2025-10-22 12:00:00.02+00\t\
                     2025-10-22 12:00:00.03+00\t10\tfailed\t469\t{id}\tm\tr{id}\n"
                );
                text.push_str(&row.replace(
                    self.change.0,
                    if self.change.0.is_empty() { "" } else { self.change.1 },
                ));
            }
        }
        text.push_str("\\.\n");
        text
    }

    /// Runs `diagnose` on the dump and a log. Returns the exit code and the JSON document.
    pub(crate) fn diagnose(&self, log: Option<&str>, more: &[&str]) -> (i32, Json) {
        diagnose(&self.text(), log, more)
    }

    /// Runs `diagnose` on the dump and a log.
    pub(crate) fn run(&self, log: Option<&str>, more: &[&str]) -> Output {
        output(&self.text(), log, more)
    }
}

/// Runs `diagnose` on a dump and a log. Returns the exit code and the JSON document.
pub(crate) fn diagnose(dump: &str, log: Option<&str>, more: &[&str]) -> (i32, Json) {
    let output = output(dump, log, &[&["--format", "json"], more].concat());
    (output.code, output.json())
}

/// Runs `diagnose` on a dump and a log.
fn output(dump: &str, log: Option<&str>, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.sql"), dump).unwrap();
    let mut args = vec!["diagnose", "--dump", "dump.sql"];
    if let Some(log) = log {
        std::fs::write(folder.path().join("runner.log"), log).unwrap();
        args.extend(["--log", "runner.log"]);
    }
    run(folder.path(), &[&args, more].concat())
}

/// Runs `spanproof ARGS` with the spec of this repository.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output()
}

/// Creates the command `spanproof ARGS` with the spec of this repository.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Spanproof {
    Spanproof::new(folder, &[args, &["--config", SPEC]].concat())
}

/// Returns the message of the first finding.
pub(crate) fn first_message(json: &Json) -> String {
    json["diagnoses"][0]["judgement"]["verdict"]["fail"][0]["message"].to_string()
}

/// Returns the codes of all findings, in the order of the diagnoses.
pub(crate) fn codes(json: &Json) -> Vec<String> {
    let all = json["diagnoses"].as_array().unwrap().iter();
    let findings = all.flat_map(|one| {
        one["judgement"]["verdict"]["fail"].as_array().cloned().unwrap_or_default()
    });
    findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}
