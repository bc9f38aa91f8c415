//! The parsers, each with samples, and with code that uses the result of parsing a file.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use spanproof::{
    Bundle, Day, Dump, ExistingSystem, JobSelection, LogStream, RowSource, Spec, World, cases,
    diagnose, experiments, judge, read_evidence, rejudge_incident, rejudge_run,
};
use spanproof_cli::report;
use spanproof_manifest::{MemoryFiles, Options, Secrets};

use super::corpus::{Sample, manifests, regression_samples, samples};
use crate::check::project;
use crate::repository::root;
use crate::run::SPEC;

/// Reads a file with a name and bytes. Returns whether it is accepted.
type Read = Box<dyn FnMut(&str, &[u8]) -> bool>;

/// A parser with its samples.
pub(super) struct Parser {
    pub(super) samples: Vec<Sample>,
    pub(super) read: Read,
}

/// Returns the parser with this name. It writes its files to `folder`.
pub(super) fn parser(name: &str, folder: &Path) -> Parser {
    let folder = folder.to_owned();
    let (mut samples, read): (Vec<Sample>, Read) = match name {
        "spec" => {
            let specs = [
                "spanproof.toml",
                "fixtures/format-1/spec",
                "fixtures/mailer",
                "fixtures/importer",
                "fixtures/newsletter",
                "fixtures/order-service",
                "fixtures/quoted-names",
                "fixtures/storefront",
            ];
            let mut specs = samples(&specs, "toml");
            specs.retain(|sample| String::from_utf8_lossy(&sample.bytes).contains("[service]"));
            (specs, Box::new(move |_, bytes| spec(&folder, bytes)))
        }
        "behaviour" => (
            samples(&["fixtures/upstream", "fixtures/format-1/spec/upstream"], "toml"),
            project(&folder, "upstream.toml"),
        ),
        "job" => (samples(&["fixtures/jobs"], "json"), project(&folder, "job.json")),
        "migration" => {
            (samples(&["migrations"], "sql"), project(&folder, "migrations/0001_work.up.sql"))
        }
        "manifest" => (manifests(), Box::new(manifest)),
        "log" => (logs(), Box::new(log)),
        "packed_log" => {
            (packed("log"), Box::new(move |name, bytes| packed_log(&folder, name, bytes)))
        }
        "dump" => (dumps(), Box::new(move |name, bytes| dump(&folder, name, bytes))),
        "packed_dump" => (packed("sql"), Box::new(move |name, bytes| dump(&folder, name, bytes))),
        "bundle" => (
            samples(&["fixtures/format-1/bundles", "fixtures/incidents"], "jsonl"),
            Box::new(move |_, bytes| bundle(&folder, bytes)),
        ),
        "evidence" => (evidence_samples(), Box::new(move |_, bytes| evidence(&folder, bytes))),
        "run" => (samples(&["fixtures/format-1/run/run.json"], "json"), run(&folder)),
        "document" => (
            samples(&["fixtures/format-1/json", "fixtures/storefront"], "json"),
            Box::new(document),
        ),
        name => panic!("no parser `{name}`"),
    };
    samples.extend(regression_samples(name));
    Parser { samples, read }
}

/// Writes a file and returns its path.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Asserts that an error names a file and has less than 20,000 bytes.
fn assert_place(error: &str, name: &str) {
    assert!(error.contains(name), "the error does not name `{name}`: {error}");
    assert!(error.len() < 20_000, "the error has {} bytes: {}", error.len(), &error[..2000]);
}

/// Asserts that an error names a line of a file. A file that is not text has no lines.
fn assert_line(error: &str, name: &str, bytes: &[u8]) {
    assert_place(error, name);
    let place = regex::Regex::new(&format!(r"{}:\d+:\d+: ", regex::escape(name))).unwrap();
    assert!(std::str::from_utf8(bytes).is_err() || place.is_match(error), "no line: {error}");
}

fn spec(folder: &Path, bytes: &[u8]) -> bool {
    let path = write(folder, "spanproof.toml", bytes);
    let spec = match Spec::read(&path) {
        Ok(spec) => spec,
        Err(error) => {
            assert_line(&error.to_string(), "spanproof.toml", bytes);
            return false;
        }
    };
    let Ok(mut all) = cases(&spec) else { return true };
    all.extend(experiments(&spec, &all));
    all.truncate(200);
    assert!(!report::plan(&spanproof::plan(&spec, &all)).is_empty());
    if let Err(error) = World::new(&path).check_inputs(spec) {
        assert!(!error.to_string().is_empty());
    }
    true
}

/// Writes a project, and returns the parser that reads the project with the file `damaged` replaced.
fn project(folder: &Path, damaged: &'static str) -> Read {
    std::fs::create_dir_all(folder.join("migrations")).unwrap();
    let reply = "[[reply]]\nmethod = \"GET\"\npath = \"/\"\n";
    let spec = project::SPEC.replace("SERVICE", "/bin/true");
    for (name, text) in
        [("spanproof.toml", spec.as_str()), ("upstream.toml", reply), ("job.json", "{}")]
    {
        write(folder, name, text.as_bytes());
    }
    write(folder, "migrations/0001_work.up.sql", b"create table jobs (status text);");
    let folder = folder.to_owned();
    let spec = Spec::read(&folder.join("spanproof.toml")).unwrap();
    Box::new(move |_, bytes| {
        write(&folder, damaged, bytes);
        let checked = World::new(folder.join("spanproof.toml")).check_inputs(spec.clone());
        let Err(error) = checked else { return true };
        let text = format!("{error:?}");
        match damaged {
            "upstream.toml" => assert_line(&text, damaged, bytes),
            _ => assert_place(&text, damaged.rsplit('/').next().unwrap()),
        }
        false
    })
}

fn manifest(name: &str, bytes: &[u8]) -> bool {
    let (name, text) = (name.to_owned(), String::from_utf8_lossy(bytes));
    let mut secrets = Secrets::parse("secrets", &text);
    // Every process gets every secret.
    secrets.names.truncate(20);
    let mut files = MemoryFiles::default();
    for sample in manifests() {
        files = files.with(&sample.name, sample.bytes);
    }
    let files = files.with(&name, bytes);
    match spanproof_manifest::read(
        &files,
        &[PathBuf::from(&name)],
        &Options { secrets: Some(secrets) },
    ) {
        Ok(manifests) => {
            for process in manifests.iter().flat_map(|manifest| &manifest.processes) {
                let variable = process.variable("TRACING");
                assert!(variable.steps.iter().all(|step| !step.to_string().is_empty()));
            }
            true
        }
        Err(error) => {
            assert_place(&error.to_string(), name.rsplit('/').next().unwrap());
            false
        }
    }
}

/// The spec of the sample logs and dumps.
static SAMPLES_SPEC: LazyLock<Spec> = LazyLock::new(|| Spec::read(Path::new(SPEC)).unwrap());

/// Reads the rows and the log of an existing system, and creates the report of `diagnose`. Returns `false` if
/// they can't be read, and asserts that the error names the file.
fn read_and_diagnose(system: ExistingSystem<'_>, name: &str) -> bool {
    let spec = system.spec;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(system.read()) {
        Ok(observation) => {
            assert!(!report::diagnosis(&diagnose(spec, &observation), false).is_empty());
            true
        }
        Err(error) => {
            assert_place(&format!("{error:?}"), name);
            false
        }
    }
}

fn logs() -> Vec<Sample> {
    samples(&["fixtures/first-incident", "fixtures/format-1/json", "fixtures/fuzz/logs"], "log")
}

fn log(name: &str, bytes: &[u8]) -> bool {
    let spec = &*SAMPLES_SPEC;
    let stream =
        LogStream { name: name.to_owned(), bytes: Box::new(bytes), zone: None, format: None };
    let selection = JobSelection::default();
    read_and_diagnose(
        ExistingSystem { spec, selection: &selection, rows: RowSource::None, log: Some(stream) },
        name,
    )
}

/// Returns the compressed samples, and those in UTF-16, whose names contain the extension.
fn packed(extension: &str) -> Vec<Sample> {
    let mut all = samples(&["fixtures/fuzz/packed"], "gz");
    for ending in ["bz2", "utf16"] {
        all.extend(samples(&["fixtures/fuzz/packed"], ending));
    }
    all.retain(|sample| sample.name.contains(extension));
    all
}

fn packed_log(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    let path = write(folder, name, bytes);
    match LogStream::open(&path) {
        Ok(stream) => {
            let (spec, selection) = (&*SAMPLES_SPEC, JobSelection::default());
            read_and_diagnose(
                ExistingSystem {
                    spec,
                    selection: &selection,
                    rows: RowSource::None,
                    log: Some(stream),
                },
                name,
            )
        }
        Err(error) => {
            assert_place(&format!("{error:?}"), name);
            false
        }
    }
}

fn dumps() -> Vec<Sample> {
    samples(
        &[
            "fixtures/first-incident/dump.sql",
            "fixtures/format-1/json/dump.sql",
            "fixtures/fuzz/dumps",
        ],
        "sql",
    )
}

fn dump(folder: &Path, name: &str, bytes: &[u8]) -> bool {
    let path = write(folder, name, bytes);
    let dump = match Dump::open(&path) {
        Ok(dump) => dump,
        Err(error) => {
            assert_place(&format!("{error:?}"), name);
            return false;
        }
    };
    let (spec, selection) = (&*SAMPLES_SPEC, JobSelection::default());
    read_and_diagnose(
        ExistingSystem { spec, selection: &selection, rows: RowSource::Dump(&dump), log: None },
        name,
    )
}

fn bundle(folder: &Path, bytes: &[u8]) -> bool {
    let path = write(folder, "incident.jsonl", bytes);
    let strict = Bundle::read(&path);
    match Bundle::read_edited(&path) {
        Ok(bundle) => {
            let spec = &*SAMPLES_SPEC;
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let rejudged = runtime.block_on(rejudge_incident(spec, &bundle));
            assert!(!report::rejudgement(&rejudged).is_empty());
            true
        }
        Err(error) => {
            assert!(strict.is_err());
            assert_place(&format!("{error:?}"), "incident.jsonl");
            false
        }
    }
}

/// Returns the files with the evidence of cases that version 0.1.0 wrote.
fn evidence_samples() -> Vec<Sample> {
    let all = samples(&["fixtures/format-1/run", "fixtures/format-1/run-1.0"], "json");
    all.into_iter().filter(|sample| sample.name == "evidence.json").collect()
}

fn evidence(folder: &Path, bytes: &[u8]) -> bool {
    write(folder, "evidence.json", bytes);
    match read_evidence(folder) {
        Ok(observation) => {
            let judgement = judge(&SAMPLES_SPEC, &observation);
            assert!(judgement.passed().map_or_else(|why| !why.to_string().is_empty(), |_| true));
            true
        }
        Err(error) => {
            assert_place(&format!("{error:?}"), "evidence.json");
            false
        }
    }
}

fn run(folder: &Path) -> Read {
    let folder = folder.to_owned();
    let stored = root().join("fixtures/format-1/run");
    for entry in
        std::fs::read_dir(stored).unwrap().flatten().filter(|entry| entry.path().is_dir()).take(3)
    {
        let copy = folder.join(entry.file_name());
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::copy(entry.path().join("evidence.json"), copy.join("evidence.json")).unwrap();
    }
    Box::new(move |_, bytes| {
        write(&folder, "run.json", bytes);
        let spec = &*SAMPLES_SPEC;
        match rejudge_run(spec, &folder, Day::today()) {
            Ok(result) => {
                let run = result.document(spec, &[], Vec::new());
                assert!(!report::run(&run, "spanproof check").is_empty());
                true
            }
            Err(error) => {
                assert_place(&format!("{error:?}"), ".json");
                false
            }
        }
    })
}

fn document(name: &str, bytes: &[u8]) -> bool {
    use spanproof_format as format;
    let text = String::from_utf8_lossy(bytes);
    let error = match name {
        "diagnose.json" => {
            format::parse::<format::Diagnosis>(&text).map(|one| report::diagnosis(&one, true))
        }
        "preflight.json" => {
            format::parse::<format::Preflight>(&text).map(|one| report::preflight(&one))
        }
        "spanproof.proof.json" => format::parse::<format::FlagProof>(&text).map(|_| String::new()),
        "report.json" | "check.json" => {
            format::parse::<format::Run>(&text).map(|one| report::run(&one, "spanproof check"))
        }
        _ => return true,
    };
    error.map_err(|error| assert!(!error.to_string().is_empty())).is_ok()
}
