//! Tests of `diagnose` with dumps that the real tools make: every format of `pg_dump`, compressed dumps, and
//! several databases in one dump.

use std::path::Path;

use rstest::rstest;
use serde_json::Value as Json;

use super::job_dump::{JobDump, ON, codes, run};
use super::production::{LOG, Production};
use crate::run::Output;

/// Runs a shell script in which `pg_dump` and `pg_dumpall` are those of the server binaries, and `$URL` is
/// the database.
#[expect(clippy::disallowed_methods, reason = "a test makes its input")]
fn shell(folder: &Path, url: &str, script: &str) {
    let programs = spanproof_postgres::client_programs("pg_dump");
    let path = std::env::var("PATH").unwrap();
    let bin = programs[0].parent().unwrap().display().to_string();
    let output = std::process::Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("PATH", format!("{bin}:{path}"))
        .env("URL", url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the jobs of a document with their verdicts, and the codes of all findings.
fn verdicts(output: &Output) -> Json {
    let json = output.json();
    Json::from(vec![json["jobs"].clone(), Json::from(codes(&json))])
}

#[rstest]
#[case::plain("pg_dump $URL > dump")]
#[case::custom("pg_dump -Fc $URL > dump")]
#[case::custom_without_compression("pg_dump -Fc -Z0 $URL > dump")]
#[case::tar("pg_dump -Ft $URL > dump")]
#[case::folder("pg_dump -Fd -f dump $URL")]
#[case::folder_in_parallel("pg_dump -Fd -j2 -f dump $URL")]
#[case::gzip("pg_dump $URL | gzip > dump")]
#[case::gzip_by_pg_dump("pg_dump -Z6 $URL > dump")]
#[case::zstd("pg_dump $URL | zstd -q > dump")]
#[case::xz("pg_dump $URL | xz > dump")]
#[case::bzip2("pg_dump $URL | bzip2 > dump")]
#[case::custom_in_gzip("pg_dump -Fc $URL | gzip > dump")]
#[case::inserts("pg_dump --inserts $URL > dump")]
#[case::column_inserts("pg_dump --column-inserts --rows-per-insert=3 $URL > dump")]
#[case::data_only("pg_dump --data-only $URL > dump")]
#[case::clean("pg_dump --clean --if-exists --create -C $URL > dump")]
#[case::quoted("pg_dump --quote-all-identifiers -Fc $URL > dump")]
#[case::without_comments("pg_dump --no-comments -O -x $URL | grep -v '^--' > dump")]
#[case::utf_16("pg_dump $URL | iconv -f UTF-8 -t UTF-16 > dump")]
#[case::windows("pg_dump $URL | sed 's/$/\\r/' > dump")]
#[tokio::test]
async fn a_dump_in_any_format_has_the_same_verdict_as_the_database(#[case] script: &str) {
    let production = Production::new("").await;
    let folder = production.folder.path();
    shell(folder, production.database.url(), script);
    let live = production.diagnose(&["--format", "json"]).await;
    let args = ["diagnose", "--dump", "dump", "--log", LOG, "--format", "json"];
    let dump = run(folder, &args);
    assert_eq!(verdicts(&dump), verdicts(&live), "{}", dump.stderr);
    assert_eq!(codes(&dump.json()), ["path-not-executed"]);
    production.close().await;
}

/// Each test case leaves something out of the dump, so that no verdict about spans is possible.
#[rstest]
#[case::schema_only("pg_dump -Fc --schema-only $URL > dump", "the dump has no rows of ")]
#[case::without_spans(
    "pg_dump -Fc --exclude-table-data=trace_spans $URL > dump",
    "the dump has no rows of `public.trace_spans`"
)]
#[case::one_table("pg_dump -Fc -t jobs $URL > dump", "the dump has no table `executions`")]
#[tokio::test]
async fn a_dump_without_all_rows_and_tables_makes_the_verdict_undetermined(
    #[case] script: &str,
    #[case] expected: &str,
) {
    let production = Production::new("").await;
    let folder = production.folder.path();
    shell(folder, production.database.url(), script);
    let args = ["diagnose", "--dump", "dump", "--log", LOG];
    let Output { code, stdout, stderr } = run(folder, &args);
    assert_eq!(code, 1, "{stdout}{stderr}");
    assert!(stdout.contains("FAIL undetermined"), "{stdout}");
    assert!(stdout.contains(expected), "expected {expected}\nfound {stdout}");
    production.close().await;
}

#[test]
fn one_of_several_databases_is_selected() {
    let folder = tempfile::tempdir().unwrap();
    let two = format!(
        "\\connect template1\n\\connect shop\n{}\\connect -reuse-previous=on \"dbname='other one'\"\n{}",
        JobDump::default().text(),
        JobDump { traced_units: 4, ..JobDump::default() }.text()
    );
    std::fs::write(folder.path().join("all.sql"), two).unwrap();
    let begun = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n\
                 🔍 StartSpan called: service=runner, operation=hybrid_router_call, enabled=true\n";
    std::fs::write(folder.path().join("off.log"), ON).unwrap();
    std::fs::write(folder.path().join("on.log"), format!("{ON}{}", begun.repeat(4))).unwrap();
    for (args, expected_code, expected) in [
        (
            &[][..],
            2,
            "several databases of `all.sql` have a table `jobs`: shop, other one (choose one with `--dump-database NAME`)",
        ),
        (&["--dump-database", "shop"], 1, "FAIL path-not-executed"),
        (&["--dump-database", "other one", "--log", "on.log"], 0, "pass"),
        (
            &["--dump-database", "x"],
            4,
            "`all.sql` has no database `x`, only template1, shop, other one",
        ),
    ] {
        let log = if args.contains(&"--log") { &[][..] } else { &["--log", "off.log"] };
        let args = [&["diagnose", "--dump", "all.sql"], log, args].concat();
        let Output { code, stdout, stderr } = run(folder.path(), &args);
        assert_eq!(code, expected_code, "{args:?}\n{stdout}{stderr}");
        assert!(format!("{stdout}{stderr}").contains(expected), "{args:?}\n{stdout}{stderr}");
    }
}

#[rstest]
#[case::gzip("gzip -c")]
#[case::zstd("zstd -cq")]
#[case::xz("xz -c")]
#[case::bzip2("bzip2 -c")]
#[case::utf_16("iconv -f UTF-8 -t UTF-16")]
#[case::rotated("sh -c 'cat > x; (head -n 5 x | gzip -c; tail -n +6 x | gzip -c)'")]
fn a_compressed_log_is_read_from_a_file_and_from_standard_input(#[case] packer: &str) {
    let folder = tempfile::tempdir().unwrap();
    shell(folder.path(), "", &format!("{packer} < {LOG} > runner.log.packed"));
    let args = ["diagnose", "--log", "runner.log.packed"];
    let from_file = run(folder.path(), &args).stdout;
    assert!(from_file.contains("12 lines (flyctl"), "{from_file}");
    let script =
        format!("cat runner.log.packed | spanproof diagnose --log - --config {}", crate::run::SPEC);
    let from_stdin = crate::run::Spanproof::shell(folder.path(), &script).output().stdout;
    assert_eq!(from_stdin, from_file.replace("runner.log.packed", "-"));
}
