//! Tests of `diagnose` with the text of dumps: quoted text, missing ends, unusual spellings of statements,
//! and files that are not dumps.

use rstest::rstest;

use super::dumps::{BEGUN, job_codes};
use super::job_dump::{JobDump, ON, codes, diagnose, first_message, run};
use crate::run::Output;

/// Returns a dump in which every unit (a row of `executions`) has its spans.
fn healthy() -> String {
    JobDump { traced_units: 4, ..JobDump::default() }.text()
}

/// Runs `diagnose` on a file that contains `text`.
fn diagnose_file(text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.sql"), text).unwrap();
    run(folder.path(), &["diagnose", "--dump", "dump.sql"])
}

/// Regression test: a `$$` in a quoted string hid the rest of the dump, and statements in such a string were
/// read as rows.
#[rstest]
#[case::dollars("COMMENT ON TABLE public.jobs IS 'costs $$, see the wiki';\n")]
#[case::labels("CREATE TYPE public.price AS ENUM (\n    '$a$',\n    '$$'\n);\n")]
#[case::statements(
    "COMMENT ON TABLE public.jobs IS 'Restore:\nCOPY public.trace_spans (execution_id) FROM stdin;\n1\n\\.\n\
     INSERT INTO public.jobs VALUES (1);\nIt''s done;\n';\n"
)]
#[case::escapes(
    "COMMENT ON TABLE public.jobs IS E'it\\'s\nINSERT INTO public.jobs VALUES (1);\n\\\\';\n"
)]
#[case::old_strings(
    "SET standard_conforming_strings = off;\nCOMMENT ON TABLE public.jobs IS 'it\\'s\nCOPY public.jobs (id) FROM stdin;\n';\n"
)]
#[case::name(
    "CREATE VIEW public.\"it's $$\" AS\n SELECT 'a\nCOPY public.jobs (id) FROM stdin;\n'::text AS a;\n"
)]
#[case::comment("/* it isn't /* nested */\nCOPY public.jobs (id) FROM stdin;\n*/\n-- it's $$\n")]
#[case::body(
    "CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS $f$\nselect 'it''s $$', '$f';\n\
     INSERT INTO public.jobs VALUES (1);\n$f$;\n"
)]
#[case::atomic(
    "CREATE FUNCTION public.f() RETURNS void LANGUAGE sql\n    BEGIN ATOMIC\n INSERT INTO public.jobs (id) VALUES (1);\n\
     \x20INSERT INTO public.jobs (id) VALUES (2);\nEND;\n"
)]
#[case::default(
    "CREATE TABLE public.notes (\n    id bigint,\n    note text DEFAULT 'a\n);\nCOPY public.jobs (id) FROM stdin;\n'::text\n);\n"
)]
fn quoted_text_is_not_a_statement(#[case] statement: &str) {
    let dump = healthy().replace("COPY public.jobs", &format!("{statement}COPY public.jobs"));
    let (code, json) = diagnose(&dump, None, &[]);
    assert_eq!((code, job_codes(&json)), (0, vec![serde_json::Value::Null]), "{json:#}");
}

const HEADER: &str = "--\n-- PostgreSQL database dump\n--\n\n";
const END: &str = "\n--\n-- PostgreSQL database dump complete\n--\n\n";
const DATA: &str =
    "--\n-- Data for Name: trace_spans; Type: TABLE DATA; Schema: public; Owner: x\n--\n\n";

/// Regression test: a dump that was cut off between two statements was taken for a complete one without
/// spans.
#[rstest]
#[case::before_the_rows(&format!("{HEADER}{}{DATA}", healthy().split_once("COPY public.trace_spans").unwrap().0))]
#[case::first_of_two(&format!("{HEADER}{}{DATA}{HEADER}{END}", healthy()))]
#[case::in_a_comment(&format!("{}COMMENT ON TABLE public.jobs IS 'a\n", healthy()))]
#[case::in_a_definition("CREATE TABLE public.jobs (\n    id bigint,\n")]
fn a_dump_without_its_end_is_truncated(#[case] text: &str) {
    let Output { code, stderr, .. } = diagnose_file(text);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("the dump is truncated"), "{stderr}");
}

/// If the last statement is an `INSERT`, it is not known whether more rows followed.
#[test]
fn a_dump_that_ends_with_inserts_and_lacks_its_end_makes_the_verdict_undetermined() {
    let (tables, _) = healthy()
        .split_once("COPY public.trace_spans")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let columns = "trace_id, span_id, parent_span_id, service, operation, started_at, completed_at, duration_ms, status, \
                   job_id, execution_id, model_id, region";
    let defined = format!("    {} text\n", columns.replace(", ", " text,\n    "));
    let tables = tables.replace("    execution_id bigint,\n    duration_ms bigint\n", &defined);
    let values = format!("'t', 's'{}", ", NULL".repeat(11));
    let insert = format!("INSERT INTO public.trace_spans ({columns}) VALUES ({values});\n");
    let dump = format!("{HEADER}{tables}{insert}");
    let log = "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)\nlistening on 127.0.0.1:8090\n";
    let (code, json) = diagnose(&dump, Some(log), &[]);
    assert_eq!((code, job_codes(&json)), (1, vec!["undetermined".into()]), "{json:#}");
    assert!(json.to_string().contains("may lack rows"), "{json:#}");
    let (_, json) = diagnose(&format!("{dump}{END}"), Some(log), &[]);
    assert!(!json.to_string().contains("may lack rows"), "{json:#}");
}

#[rstest]
#[case::complete(&format!("{HEADER}{}{END}", healthy()))]
#[case::joined(&format!("{HEADER}{}{END}{HEADER}{END}", healthy()))]
#[case::cluster(&format!(
    "-- PostgreSQL database cluster dump\n{HEADER}{}{END}-- PostgreSQL database cluster dump complete\n", healthy()
))]
#[case::crlf(&format!("{HEADER}{}{END}", healthy()).replace('\n', "\r\n"))]
#[case::excerpt(&healthy())]
#[case::excerpt_with_a_header(&format!("{HEADER}{}", healthy()))]
#[case::cluster_without_its_end(&format!("-- PostgreSQL database cluster dump\n{HEADER}{}{END}", healthy()))]
fn a_dump_with_its_end_or_without_a_header_is_complete(#[case] text: &str) {
    let (code, json) = diagnose(text, None, &[]);
    assert_eq!((code, job_codes(&json)), (0, vec![serde_json::Value::Null]), "{json:#}");
}

const TABLES: &str = "CREATE TABLE public.jobs (
    id bigint NOT NULL,
    jobspec_id text,
    status character varying(50) DEFAULT 'a,b'::character varying,
    CONSTRAINT jobs_status CHECK (((status)::text = ANY (ARRAY['a'::text, 'b'::text]))),
    PRIMARY KEY (id)
);
CREATE TABLE public.executions (id bigint, job_id bigint, status text);
";

/// Regression test: constraints were counted as columns, and statements in lower case were not read.
#[rstest]
#[case::overriding(
    "INSERT INTO public.jobs OVERRIDING SYSTEM VALUE VALUES\n\t(1, 'a', 'failed'),\n\t(2, 'b', 'failed');\n"
)]
#[case::lower_case(
    "insert into public.jobs (id, jobspec_id, status) values (1, 'a', 'failed'), (2, e'\\'b', null);\n"
)]
#[case::indented(
    "  insert into public.jobs(id,jobspec_id,status)\n  values (1, 'a', 'failed'),\n  (2, 'b'::text, 'failed'); -- two\n"
)]
#[case::copy(
    "copy public.jobs (id, jobspec_id, status) from stdin;\n1\ta\tfailed\n2\tb\tfailed\n\\.\n"
)]
#[case::several(
    "INSERT INTO public.jobs VALUES (1, 'a', 'b'); INSERT INTO public.jobs VALUES (2, 'a', 'b');\n"
)]
fn statements_in_other_spellings_are_read_and_several_on_a_line_are_refused(
    #[case] rows: &str,
    #[values(true, false)] is_lower: bool,
) {
    let tables = if is_lower {
        TABLES.to_lowercase().replace("public.jobs (", "public.jobs\n(")
    } else {
        TABLES.to_owned()
    };
    let empty = "COPY public.executions FROM stdin;\n\\.\n";
    let text = format!("{tables}{rows}{empty}");
    let output = diagnose_file(&text);
    if rows.matches(';').count() > 1 {
        assert_eq!(output.code, 2, "{}", output.stdout);
        assert!(output.stderr.contains("several statements"), "{}", output.stderr);
        return;
    }
    for id in ["\n1  ", "\n2  "] {
        assert!(output.stdout.contains(id), "{}{}", output.stdout, output.stderr);
    }
}

/// Regression test: a file that is not a dump was taken for a dump without the tables of the spec.
#[rstest]
#[case::csv("id,jobspec_id,status\n1,a,failed\n2,b,failed\n", "CSV")]
#[case::aligned(
    " id | jobspec_id | status \n----+------------+--------\n  1 | a          | failed\n(1 row)\n",
    "psql"
)]
#[case::mysql(
    "-- MySQL dump 10.13  Distrib 8.0\n\nCREATE TABLE `jobs` (\n  `id` bigint\n);\n",
    "MySQL"
)]
#[case::maria("/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n", "MySQL")]
#[case::sqlite(
    "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nINSERT INTO jobs VALUES(1,'a');\n",
    "SQLite"
)]
#[case::sqlite_file("SQLite format 3\0\x10\0", "SQLite")]
#[case::list(
    ";\n; Archive created at 2026-03-10 09:00:00 UTC\n;     dbname: app\n215; 1259 16386 TABLE public jobs x\n",
    "pg_restore"
)]
#[case::json("[{\"id\": 1}]\n", "JSON")]
fn the_error_for_a_file_that_is_not_a_dump_names_its_format(
    #[case] text: &str,
    #[case] expected: &str,
) {
    let Output { code, stderr, .. } = diagnose_file(text);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains(expected) && stderr.contains("pg_dump"), "{stderr}");
}

/// Regression test: spans that could not be read were counted as not stored.
#[test]
fn spans_that_cannot_be_read_are_not_reported_as_missing() {
    let dump = JobDump::default().text();
    let (rest, _) = dump.split_once("COPY public.trace_spans ").unwrap();
    let log = format!(
        "{ON}{}❌ StartSpan RecordSpan error: permission denied for table trace_spans\n",
        BEGUN.repeat(4)
    );
    let (_, json) = diagnose(rest, Some(&log), &[]);
    assert!(!first_message(&json).contains("0 stored"), "{json:#}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.sql"), rest).unwrap();
    std::fs::write(folder.path().join("app.log"), log).unwrap();
    let args = ["diagnose", "--dump", "dump.sql", "--log", "app.log"];
    let text = run(folder.path(), &args).stdout;
    assert!(text.contains("→?→?→?→?"), "{text}");
    assert!(text.contains("4 failed    ?  "), "{text}");
}

/// Regression test: a column whose values a dump leaves out was taken for an empty one.
#[test]
fn values_that_a_dump_leaves_out_make_the_verdict_undetermined() {
    let dump = healthy();
    let (tables, spans) = dump.split_once("COPY public.trace_spans (").unwrap();
    let tables = tables.replace(
        "execution_id bigint,",
        "execution_id bigint GENERATED ALWAYS AS (((link ->> 'e'::text))::bigint) STORED,",
    );
    let spans = spans.replace(", execution_id", "").replace("\t1\tm\t", "\tm\t");
    let spans = ["2", "3", "4"]
        .iter()
        .fold(spans, |spans, id| spans.replace(&format!("\t{id}\tm\t"), "\tm\t"));
    let (_, json) = diagnose(&format!("{tables}COPY public.trace_spans ({spans}"), None, &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("generated column `execution_id`"), "{json:#}");
}

/// Regression test: ids that are equal in SQL were treated as different.
#[rstest]
#[case::padded("id bigint NOT NULL,\n    job_id bigint", "id character(4) NOT NULL,\n    job_id bigint", ("\n1\t469", "\n1   \t469"))]
#[case::scale("job_id bigint", "job_id numeric(12,1)", ("\n1\t469", "\n1\t469.0"))]
fn ids_that_are_equal_in_sql_name_the_same_unit(
    #[case] from: &str,
    #[case] to: &str,
    #[case] row: (&str, &str),
) {
    let dump = JobDump { traced_units: 1, units: 1, ..JobDump::default() }.text();
    let dump = dump.replace(from, to).replace(row.0, row.1);
    let (code, json) = diagnose(&dump, None, &[]);
    assert_eq!((code, job_codes(&json)), (0, vec![serde_json::Value::Null]), "{json:#}");
}

/// Regression test: if a column of the spec did not exist, rows were read without a name, or not at all.
#[rstest]
#[case::name("service, operation,", "service, name,", "`operation`")]
#[case::job("job_id, region", "job, region", "`job_id`")]
fn the_message_names_a_column_of_the_spec_that_does_not_exist(
    #[case] from: &str,
    #[case] to: &str,
    #[case] part: &str,
) {
    let (_, json) = diagnose(&healthy().replace(from, to), None, &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let message = first_message(&json);
    assert!(message.contains("has no column") && message.contains(part), "{json:#}");
}

/// Regression test: rows that row security hid from the role of the dump were reported as missing.
#[test]
fn rows_that_row_security_may_hide_are_not_reported_as_missing() {
    let policies = "ALTER TABLE public.trace_spans ENABLE ROW LEVEL SECURITY;\n";
    let dump = format!("SET row_security = on;\n{}{policies}", JobDump::default().text());
    let (_, json) = diagnose(&dump, Some(&format!("{ON}{}", BEGUN.repeat(4))), &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("row security"), "{json:#}");
    let (_, json) = diagnose(&dump.replace("= on", "= off"), None, &[]);
    assert!(!first_message(&json).contains("row security"), "{json:#}");
}

/// The dump has no job, because row security hid all of them. The message must not report that there are
/// none.
#[test]
fn jobs_that_row_security_may_hide_are_not_reported_as_missing() {
    let policies = "ALTER TABLE public.jobs ENABLE ROW LEVEL SECURITY;\n";
    let dump = JobDump::default().text();
    let job = "469\tbias-1\tfailed\t2025-10-22 12:00:00+00\n";
    let dump = format!("SET row_security = on;\n{}{policies}", dump.replace(job, ""));
    let (_, json) = diagnose(&dump, None, &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    assert!(first_message(&json).contains("row security may hide rows of `jobs`"), "{json:#}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.sql"), &dump).unwrap();
    let args = ["diagnose", "--dump", "dump.sql", "--job", "469"];
    let Output { code, stderr, .. } = run(folder.path(), &args);
    assert_eq!(code, 4, "{stderr}");
    assert!(stderr.contains("row security may hide rows of `jobs`"), "{stderr}");
}

/// Rows that are not in the format of `pg_dump` can't be read, and the message says what to do.
#[rstest]
#[case::csv("WITH (FORMAT csv)", "`COPY … FROM stdin WITH (FORMAT csv)`")]
#[case::old_csv("CSV HEADER", "`COPY … FROM stdin CSV HEADER`")]
#[case::binary("WITH (FORMAT binary)", "only the text format of `pg_dump` is read")]
#[case::delimiter("DELIMITER '|'", "only the text format of `pg_dump` is read")]
fn rows_in_another_format_of_copy_are_refused(#[case] options: &str, #[case] expected: &str) {
    let dump = healthy().replace(
        "started_at, completed_at) FROM stdin;",
        &format!("started_at, completed_at) FROM stdin {options};"),
    );
    let (_, json) = diagnose(&dump, None, &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let message = first_message(&json);
    assert!(message.contains("executions") && message.contains(expected), "{json:#}");
}

/// A dump has no rows of a view.
#[rstest]
#[case::view("CREATE VIEW")]
#[case::replaced("CREATE OR REPLACE VIEW")]
#[case::materialized("CREATE MATERIALIZED VIEW")]
fn the_message_reports_a_view_in_place_of_a_table(#[case] create: &str) {
    let (tables, rows) = healthy()
        .split_once("COPY public.trace_spans (")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let view = format!("{create} public.trace_spans AS\n SELECT * FROM public.spans_2;\n");
    let tables = tables.replace(
        "CREATE TABLE public.trace_spans (\n    execution_id bigint,\n    duration_ms bigint\n);\n",
        &view,
    );
    let dump = format!("{tables}COPY public.spans_2 ({rows}");
    let (_, json) = diagnose(&dump, None, &[]);
    assert_eq!(codes(&json), ["undetermined"], "{json:#}");
    let message = first_message(&json);
    assert!(
        message.contains("is a view, and a dump has no rows of a view; name the table"),
        "{json:#}"
    );
    // A view of the same name in a different schema changes nothing.
    let api = format!("{create} api.trace_spans AS\n SELECT 1;\n{}", healthy());
    let (code, json) = diagnose(&api, None, &[]);
    assert_eq!(code, 0, "{json:#}");
}

/// The message names a folder that is not a complete dump, and what it contains.
#[test]
fn a_folder_without_a_table_of_contents_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("backup")).unwrap();
    let args = ["diagnose", "--dump", "backup"];
    let Output { code, stderr, .. } = run(folder.path(), &args);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("it contains no file"), "{stderr}");
    std::fs::write(folder.path().join("backup/3412.dat.gz"), "x").unwrap();
    let Output { code, stderr, .. } = run(folder.path(), &args);
    assert_eq!(code, 2, "{stderr}");
    let expected = "could not read `backup`: it is a folder without `toc.dat`, so it is not a whole dump of `pg_dump -Fd`; \
                    name one of its files: `3412.dat.gz`";
    assert!(stderr.contains(expected), "{stderr}");
}
