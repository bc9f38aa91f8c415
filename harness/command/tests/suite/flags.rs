//! Tests of what the values of flags do: flags without an effect, flags that another one takes out of
//! effect, and `spanproof flags`.

use spanproof_format::{FlagEffect, Run};

use crate::repository::root;
use crate::run::{Output, Spanproof};

const SPEC: &str = "fixtures/newsletter/spanproof.toml";

/// Runs a command with the spec of the service with several flags.
fn newsletter(args: &[&str]) -> Output {
    let args = [args, &["--config", SPEC]].concat();
    Spanproof::new(root(), &args).output()
}

#[test]
fn a_run_reports_flags_without_an_effect() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = folder.path().to_str().unwrap();
    let checked = newsletter(&["check", "--no-faults", "--evidence", evidence]);
    let Output { code, stdout, stderr } = &checked;
    assert_eq!(*code, 0, "{stdout}{stderr}");
    let notices: Vec<_> = stdout.lines().filter(|line| line.starts_with("notice")).collect();
    let [masked, ignored] = notices.as_slice() else { panic!("{stdout}") };
    assert_eq!(*masked, "notice: SCORING_OFF=true makes PRIORITY inert");
    let start = "notice flag-ignored: DIGEST=weekly does the same as unset in 7 pairs of cases (";
    assert!(ignored.starts_with(start), "{ignored}");
    // Cases that ran again are a part of the evidence, so a report knows the same.
    let reported = newsletter(&["report", evidence, "--format", "json"]);
    let run: Run = spanproof_format::parse(&reported.stdout).unwrap();
    let effects = run.flags.iter().map(|flag| (flag.name.as_str(), flag.effect));
    let effective = ["TRACING", "CACHE", "STORE", "SCORING_OFF", "PRIORITY"];
    let expected = effective.map(|name| (name, FlagEffect::Effective));
    let expected = expected.into_iter().chain([("DIGEST", FlagEffect::Nothing)]);
    assert_eq!(effects.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}
