//! Names that look like secrets are masked, and are judged as what they are all the same.

use std::path::Path;

use rstest::rstest;

use crate::{SPEC, run};

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

/// A job with one unit and its two spans, whose model is recorded as `model`.
fn dump(folder: &Path, model: &str) {
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
        let made = format!("CREATE TABLE public.{table} (\n    {columns}\n);\n\n");
        let filled = format!("COPY public.{table} ({names}) FROM stdin;\n{rows}\n\\.\n\n");
        text = text + &made + &filled;
    }
    std::fs::write(folder.join("dump.sql"), text).unwrap();
    let log = "2025-10-22T12:00:00Z 🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\n";
    std::fs::write(folder.join("runner.log"), log).unwrap();
}

#[rstest]
#[case::the_same("Basic Llama-3.2-1b", 0, "pass")]
#[case::another("Basic Mistral-7b", 1, "unlinked")]
fn a_masked_name_is_still_the_same_or_another(
    #[case] model: &str,
    #[case] code: i32,
    #[case] verdict: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    dump(folder.path(), model);
    let files = ["--dump", "dump.sql", "--log", "runner.log", "--config", SPEC];
    let (exit, told, notes) = run(folder.path(), &[&["diagnose"], &files[..]].concat());
    assert!(exit == code && told.contains(verdict), "{told}{notes}");
    let capture = [&["capture", "-oout.jsonl"], &files[..]].concat();
    let (exit, out, notes) = run(folder.path(), &capture);
    assert_eq!(exit, 0, "{out}{notes}");
    let bundle = std::fs::read_to_string(folder.path().join("out.jsonl")).unwrap();
    for secret in ["swordfish", "abc469", "Llama", "Mistral"] {
        assert!(!format!("{told}{bundle}").contains(secret), "{secret}: {told}{bundle}");
    }
    let replay = ["replay", "out.jsonl", "--assert-only", "--config", SPEC];
    let (exit, again, notes) = run(folder.path(), &replay);
    assert!(exit == 0 && again.contains(verdict), "{again}{notes}");
}
