//! Tests of what the values of flags do: flags without an effect, flags that another one takes out of
//! effect, and `spanproof flags`.

use spanproof_format::{FlagEffect, FlagTable, Run, SweepReading};

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
    let Output { stdout, .. } = newsletter(&["flags", "--evidence", evidence]);
    assert!(stdout.contains("not read     inert\n"), "{stdout}");
    assert!(stdout.contains("\nSCORING_OFF=true makes PRIORITY inert\n"), "{stdout}");
    assert!(stdout.contains("\nPRIORITY=5: request POST /score, body differs ("), "{stdout}");
}

/// Copies the service with several flags to a folder, where a test can change its spec.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("fixtures/newsletter")).unwrap().flatten() {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}

#[test]
fn the_table_shows_where_flags_are_named_and_who_sets_them() {
    let folder = copy();
    let compose = "services:\n  newsletter:\n    image: x\n    environment:\n      CACHE: 'True'\n";
    std::fs::write(folder.path().join("compose.yaml"), compose).unwrap();
    let args = ["flags", "--manifest", "compose.yaml"];
    let Output { code, stdout, stderr } = Spanproof::new(folder.path(), &args).output();
    assert_eq!(code, 0, "{stdout}{stderr}");
    let row = |name: &str| {
        let line = stdout.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>()
    };
    let cache = ["CACHE", "yes", ".env.example:2", "newsletter.py:34", "cannot tell", "untested"];
    assert_eq!(row("CACHE")[..6], cache);
    assert_eq!(row("CACHE")[6], "True (newsletter, compose.yaml:5)");
    assert_eq!(row("DIGEST")[3], "only named: newsletter.py:5");
    assert_eq!(row("SENDER_PASSWORD")[..3], ["SENDER_PASSWORD", "no", ".env.example:5"]);
    assert!(stdout.contains("no stored run shows what the flags do"), "{stdout}");
}

/// A value that means on and is read as off in silence is a finding.
#[test]
fn each_spelling_of_a_flag_is_tried() {
    let folder = copy();
    let spec = folder.path().join("spanproof.toml");
    let text = std::fs::read_to_string(&spec).unwrap();
    let name = "name = \"SCORING_OFF\"\n";
    std::fs::write(&spec, text.replace(name, &format!("{name}sweep = true\n"))).unwrap();
    let args = ["flags", "--format", "json"];
    let Output { code, stdout, stderr } = Spanproof::new(folder.path(), &args).output();
    assert_eq!(code, 1, "{stdout}{stderr}");
    let document: FlagTable = spanproof_format::parse(&stdout).unwrap();
    let [sweep] = document.sweeps.as_slice() else { panic!("{stdout}") };
    let read_as = |reading: SweepReading| {
        let rows = sweep.rows.iter().filter(move |row| row.reading == reading);
        rows.map(|row| row.text.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(read_as(SweepReading::On), ["1", "true", "TRUE", "True", "yes"]);
    let off = ["unset", "\"\"", "0", "false", "on", "\"true \"", "'\"true\"'", "\"true\\n\""];
    assert_eq!(read_as(SweepReading::Off), off);
    let wrong = sweep.rows.iter().filter(|row| !row.finding.is_empty());
    assert_eq!(wrong.map(|row| row.text.as_str()).collect::<Vec<_>>(), off[4..]);
    let yes = sweep.rows.iter().find(|row| row.text == "yes").unwrap();
    assert_eq!((yes.otel, yes.same_as.len()), (Some(false), 4));
}
