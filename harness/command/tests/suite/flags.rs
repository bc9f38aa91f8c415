//! Tests of what the values of flags do: flags without an effect, flags that another flag disables, and
//! `spanproof flags`.

use spanproof_format::{FlagEffect, FlagTable, Run, SweepReading};

use crate::repository::root;
use crate::run::{Output, Spanproof};

/// The spec of a service with several flags.
const SPEC: &str = "fixtures/newsletter/spanproof.toml";

/// Runs a command with [`SPEC`].
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
    let [inert, ignored] = notices.as_slice() else { panic!("{stdout}") };
    assert_eq!(*inert, "notice: SCORING_OFF=true makes PRIORITY inert");
    let start = "notice flag-ignored: DIGEST=weekly does the same as unset in 7 pairs of cases (";
    assert!(ignored.starts_with(start), "{ignored}");
    // Repeated cases are part of the evidence, so `report` gives the same answer.
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
fn the_table_shows_which_files_name_a_flag_and_which_manifests_set_it() {
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

/// The table gets the values in the same way as `guard`, so it also reports a script that could change a
/// flag.
#[test]
fn the_table_shows_what_each_environment_sets() {
    let folder = copy();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "compose.yaml",
        "services:\n  newsletter:\n    image: x\n    environment: { CACHE: yes }\n",
    );
    write("start.sh", "#!/bin/sh\nexport DIGEST=daily\nexec newsletter\n");
    write(
        "Procfile",
        "web: CACHE=true DIGEST=weekly ./start.sh\nworker: CACHE=true ./start.sh\nrelease: migrate\n",
    );
    let spec = folder.path().join("spanproof.toml");
    let text = std::fs::read_to_string(&spec).unwrap();
    let sections = "\n[manifests.production]\nfiles = ['compose.yaml']\n\
                    [manifests.staging]\nfiles = ['Procfile']\n";
    std::fs::write(&spec, text.clone() + sections).unwrap();
    let output = Spanproof::new(folder.path(), &["flags", "--format", "json"]).output();
    assert_eq!(output.code, 0, "{output:?}");
    let table: FlagTable = spanproof_format::parse(&output.stdout).unwrap();
    let settings = |name: &str| -> Vec<String> {
        let row = table.flags.iter().find(|row| row.name == name).unwrap();
        let text = |one: &spanproof_format::FlagSetting| {
            let environment = one.environment.as_deref().unwrap();
            format!("{environment} {} {} {}", one.value, one.place, one.processes.join("+"))
        };
        row.settings.iter().map(text).collect()
    };
    assert_eq!(
        settings("CACHE"),
        [
            "production yes compose.yaml:4 newsletter",
            "staging true Procfile:1 web",
            "staging true Procfile:2 worker",
        ]
    );
    let digest = settings("DIGEST");
    assert!(digest[1].contains("runs the script `start.sh`, which may change it"), "{digest:?}");
    let Output { stdout, .. } = Spanproof::new(folder.path(), &["flags"]).output();
    assert!(stdout.contains("production: yes (newsletter, compose.yaml:4); "), "{stdout}");
    let missing = text + "\n[manifests.production]\nfiles = ['fly.toml']\n";
    std::fs::write(&spec, missing).unwrap();
    let Output { code, stderr, .. } = Spanproof::new(folder.path(), &["flags"]).output();
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("fly.toml") && stderr.contains("spanproof.toml:"), "{stderr}");
}

/// A value that means on and is silently read as off is a finding.
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
