//! Tests that names of jobs and models that look like secrets are masked in an incident file, and that
//! masking changes no verdict.

use std::path::Path;

use rstest::rstest;

use crate::run::{Output, SPEC, run};

/// The tables of the dump, each with its columns.
const TABLES: [(&str, &str); 3] = [
    ("jobs", "id text, jobspec_id text, status text, created_at timestamp"),
    (
        "executions",
        "id integer, job_id text, region text, status text, started_at timestamp, completed_at \
         timestamp, model_id text, question_id text",
    ),
    (
        "trace_spans",
        "trace_id uuid, span_id uuid, parent_span_id uuid, service text, operation text, \
         started_at timestamp, completed_at timestamp, duration_ms integer, status text, job_id \
         text, execution_id integer, model_id text, region text, api_key text",
    ),
];

/// Writes a dump and a log of a job with one unit and two spans. `model` is the model in the spans.
fn write_dump_and_log(folder: &Path, model: &str) {
    let times = "2025-10-22 12:00:01\t2025-10-22 12:00:02";
    let (job, unit) = ("token=abc469", "Basic Llama-3.2-1b");
    let id = |last: u8| format!("5bc8fbbc-bde5-c099-4164-d8399f767c4{last}");
    let span = |id: &str, parent: &str, operation: &str| {
        format!(
            "c6a53877-7733-0bdb-d721-0dff076ce2ef\t{id}\t{parent}\trunner\t{operation}\t{times}\t\
             1000\tcompleted\t{job}\t7\t{model}\tus-east\tswordfish"
        )
    };
    let rows = [
        format!("{job}\tada\tcompleted\t2025-10-22 12:00:00"),
        format!("7\t{job}\tus-east\tcompleted\t{times}\t{unit}\tq"),
        [span(&id(1), "\\N", "execute_question"), span(&id(2), &id(1), "hybrid_router_call")]
            .join("\n"),
    ];
    let mut text = "--\n-- PostgreSQL database dump\n--\n\n".to_owned();
    for ((table, columns), rows) in TABLES.iter().zip(rows) {
        let names = columns.split(", ").filter_map(|column| column.split(' ').next());
        let names: Vec<_> = names.collect();
        let (columns, names) = (columns.replace(", ", ",\n    "), names.join(", "));
        let create = format!("CREATE TABLE public.{table} (\n    {columns}\n);\n\n");
        let copy = format!("COPY public.{table} ({names}) FROM stdin;\n{rows}\n\\.\n\n");
        text = text + &create + &copy;
    }
    std::fs::write(folder.join("dump.sql"), text).unwrap();
    let log = "2025-10-22T12:00:00Z 🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
    std::fs::write(folder.join("runner.log"), log).unwrap();
}

#[rstest]
#[case::same_name("Basic Llama-3.2-1b", 0, "pass")]
#[case::other_name("Basic Mistral-7b", 1, "unlinked")]
fn masked_names_are_equal_only_if_the_names_are_equal(
    #[case] model: &str,
    #[case] expected_code: i32,
    #[case] verdict: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    write_dump_and_log(folder.path(), model);
    let files = ["--dump", "dump.sql", "--log", "runner.log", "--config", SPEC];
    let diagnosis = run(folder.path(), &[&["diagnose"], &files[..]].concat());
    assert_eq!(diagnosis.code, expected_code, "{diagnosis:?}");
    assert!(diagnosis.stdout.contains(verdict), "{diagnosis:?}");
    let capture = [&["capture", "-oout.jsonl"], &files[..]].concat();
    let Output { code, stdout, stderr } = run(folder.path(), &capture);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let bundle = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    for secret in ["swordfish", "abc469", "Llama", "Mistral"] {
        assert!(!diagnosis.stdout.contains(secret), "{secret}: {diagnosis:?}");
        assert!(!bundle.contains(secret), "{secret}: {bundle}");
    }
    let replay = ["replay", "out.jsonl", "--assert-only", "--config", SPEC];
    let Output { code, stdout, stderr } = run(folder.path(), &replay);
    assert!(code == 0 && stdout.contains(verdict), "{stdout}{stderr}");
}
