//! Tests that commands that look up jobs refuse a spec that names no table of jobs.

use rstest::rstest;

use crate::run::{Output, Spanproof};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/importer/spanproof.toml");

#[rstest]
#[case::diagnose(&["diagnose", "--database", "postgres://127.0.0.1:1/x"])]
#[case::traces(&["traces", "--last", "1", "--database", "postgres://127.0.0.1:1/x"])]
#[case::watch(&["watch", "--for", "1s", "--database", "postgres://127.0.0.1:1/x"])]
#[case::capture(&["capture", "--job", "1", "--database", "postgres://127.0.0.1:1/x"])]
fn a_spec_without_a_table_of_jobs_is_refused(#[case] args: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let args = [args, &["--config", SPEC]].concat();
    let Output { code, stderr, .. } = Spanproof::new(folder.path(), &args).output();
    assert_eq!(code, 2, "{stderr}");
    let reason =
        "has no table of jobs, and this command looks up jobs there; name one as `table` under";
    assert!(stderr.contains(reason), "{stderr}");
}
