//! Tests of incidents from production. An incident is stored in a bundle, a file from which it can be
//! replayed. The incident `zero-spans` also has a spec of its own.

use std::path::{Path, PathBuf};

use rstest::rstest;
use spanproof::{
    Bundle, Case, Dump, ExistingSystem, JobSelection, LogStream, Masking, RowSource, Spec, Value,
    World, capture_case, capture_deployment, cases, judge_all, replay, replay_adopted,
};
use spanproof_format::{Code, Record, ReplayOutcome, Setup};
use tempfile::TempDir;

use crate::world::repository;

/// In production, jobs 469 to 472 had four failed executions each and left no span, although the
/// flag was `true`.
#[rstest]
#[case::faulty_runner(env!("CARGO_BIN_EXE_faulty-runner"), Some(Code::PathNotExecuted), 0)]
#[case::healthy_runner(env!("CARGO_BIN_EXE_runner"), None, 8)]
#[tokio::test]
async fn only_the_healthy_runner_records_spans_of_cross_region_jobs(
    #[case] binary: &str,
    #[case] code: Option<Code>,
    #[case] spans: usize,
) {
    let spec = repository("fixtures/incidents/zero-spans/spanproof.toml");
    let world = World::new(spec).binary(binary).shared_server().open().await.unwrap();
    let cases = cases(world.spec()).unwrap();
    let jobs: Vec<_> = cases.iter().map(|case| case.job.as_str()).collect();
    assert_eq!(jobs, ["job-469", "job-470", "job-471", "job-472"]);
    let mut all = Vec::new();
    for case in &cases {
        all.push(world.trial_for(case).run().await.unwrap());
    }
    for (observation, judgement) in all.iter().zip(judge_all(world.spec(), &all)) {
        assert_eq!(judgement.code(), code, "{judgement:#?}");
        assert_eq!(observation.tables.spans.all().len(), spans);
        let units = observation.tables.units.all();
        assert_eq!(units.len(), 4);
        for unit in units {
            // The unit failed after one request, and the reason is stored.
            assert_eq!(unit["status"], "failed");
            assert_eq!(unit["output"]["error"], "No healthy providers available");
        }
        let trial = observation.trial().unwrap();
        assert_eq!(trial.exchanges.len(), 4);
        let mut lines = trial.run.output.lines.iter();
        let banner = lines.find(|line| line.text.contains("DBTracer"));
        assert!(banner.unwrap().text.contains("ENABLED (ENABLE_DB_TRACING=true)"));
    }
}

/// Every incident in `fixtures/incidents`: the name of its file, the fault of the faulty runner that
/// causes the incident, and the code of the verdict.
const INCIDENTS: [(&str, &str, &str); 8] = [
    ("inference-suffix", "wrong-path", "unexpected-request"),
    ("never-picked-up", "never-picked-up", "job-not-picked-up"),
    ("spans-without-ids", "not-linked", "unlinked"),
    ("stuck-started", "errors-unfinished", "not-finished"),
    ("success-while-off", "ok-while-disabled", "banner-contradicts"),
    ("written-twice", "duplicate", "duplicate"),
    ("wrong-binary", "tracer-absent", "tracer-not-constructed"),
    ("zero-spans", "cross-region-untraced", "path-not-executed"),
];

#[test]
fn every_incident_is_in_the_table() {
    let files = std::fs::read_dir(repository("fixtures/incidents")).unwrap().flatten();
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned)).collect();
    names.sort();
    assert_eq!(names, INCIDENTS.map(|(name, ..)| name));
}

/// Each bundle expects a pass, so `Reproduced` means that the replay with the healthy runner
/// passes. Without this expectation, `Reproduced` means that the replay with the faulty runner
/// fails as recorded.
#[tokio::test]
async fn each_incident_happens_again_with_its_fault_and_not_with_the_healthy_runner() {
    let spec = repository("spanproof.toml");
    let healthy = World::new(&spec).binary(env!("CARGO_BIN_EXE_runner")).shared_server();
    let healthy = healthy.open().await.unwrap();
    for (name, fault, code) in INCIDENTS {
        let path = repository(&format!("fixtures/incidents/{name}.jsonl"));
        let mut bundle = Bundle::read(&path).unwrap().with_any_program();
        assert_eq!(bundle.judgement.as_ref().unwrap().code().unwrap().text(), code);
        let passed = replay(&healthy, &bundle).await.unwrap();
        assert_eq!(passed.outcome, ReplayOutcome::Reproduced, "{name} must pass: {passed:#?}");
        bundle.expects = None;
        let faulty = World::new(&spec).binary(env!("CARGO_BIN_EXE_faulty-runner"));
        let faulty = faulty.env("FAULT", fault).shared_server().open().await.unwrap();
        let failed = replay(&faulty, &bundle).await.unwrap();
        assert_eq!(failed.outcome, ReplayOutcome::Reproduced, "{name}: {failed:#?}");
    }
}

/// The dump and the log do not contain the route by which the job was submitted, or the replies of
/// the upstream. So the replay tries every route with every upstream.
#[tokio::test]
async fn a_production_job_is_replayed_on_every_route_and_upstream() {
    let spec = repository("spanproof.toml");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("469.jsonl");
    let dump = Dump::open(&repository("fixtures/first-incident/dump.sql")).unwrap();
    let bytes = std::fs::File::open(repository("fixtures/first-incident/runner.log")).unwrap();
    let log =
        LogStream { name: "runner.log".into(), bytes: Box::new(bytes), zone: None, format: None };
    let selection = JobSelection { jobs: vec!["469".into()], last: 1, ..JobSelection::default() };
    let mut masking = Masking::new(None).unwrap();
    let parsed = Spec::read(&spec).unwrap();
    let rows = RowSource::Dump(&dump);
    let existing = ExistingSystem { spec: &parsed, selection: &selection, rows, log: Some(log) };
    capture_deployment(existing, &mut masking, &path).await.unwrap();
    let bundle = Bundle::read(&path).unwrap();

    let faulty = World::new(&spec).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let faulty = faulty.env("FAULT", "cross-region-untraced").shared_server().open().await.unwrap();
    let result = replay(&faulty, &bundle).await.unwrap();
    assert_eq!(result.outcome, ReplayOutcome::Uncertain, "{result:#?}");
    let same = result.attempts.iter().filter(|attempt| attempt.differences.is_empty());
    let same: Vec<_> =
        same.map(|attempt| (attempt.case.route.as_str(), attempt.case.upstream.as_str())).collect();
    assert_eq!(same, [("cross-region", "no-providers"), ("cross-region", "no-providers-503")]);
    assert_eq!(result.attempts.len(), 8, "2 routes x 4 upstreams");

    let healthy = World::new(&spec).binary(env!("CARGO_BIN_EXE_runner")).shared_server();
    let result = replay(&healthy.open().await.unwrap(), &bundle).await.unwrap();
    assert_eq!(result.outcome, ReplayOutcome::Different);
}

/// An adopted incident is a bundle in the repository that is replayed whenever all cases run. The
/// bundles of this repository expect a pass.
#[tokio::test]
async fn an_adopted_incident_that_happens_again_is_reported() {
    let world =
        World::new(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let world = world.env("FAULT", "cross-region-untraced").shared_server().open().await.unwrap();
    let all = replay_adopted(&world).await.unwrap();
    assert_eq!(all.len(), INCIDENTS.len());
    let regressed: Vec<_> = all.iter().filter(|incident| incident.regressed).collect();
    let names: Vec<_> =
        regressed.iter().map(|incident| Path::new(&incident.path).file_stem().unwrap()).collect();
    assert_eq!(names, ["stuck-started", "zero-spans"], "these two used the cross-region route");
    let difference = "verdict: expected pass, found path-not-executed";
    assert_eq!(regressed[1].differences, [difference]);
    assert_eq!(regressed[1].expects.as_deref(), Some("pass"));
}

/// A case that was captured to a bundle. It failed because the runner does not trace the cross-region
/// route.
struct CapturedCase {
    world: World,
    folder: TempDir,
}

impl CapturedCase {
    async fn new() -> Self {
        let world = World::new(repository("spanproof.toml"));
        let world = world.binary(env!("CARGO_BIN_EXE_faulty-runner")).shared_server();
        let world = world.env("FAULT", "cross-region-untraced").open().await.unwrap();
        let captured = Self { world, folder: tempfile::tempdir().unwrap() };
        let flags = vec![
            ("ENABLE_DB_TRACING".to_owned(), Value::Set("true".into())),
            ("HYBRID_ROUTER_DISABLE".to_owned(), Value::Unset),
        ];
        let spec = captured.world.spec();
        let case = Case::new(spec, flags, ["cross-region", "slow", "four-units"]);
        let observation = captured.world.trial_for(&case).run().await.unwrap();
        let mut masking = Masking::new(None).unwrap().keep_contents(true);
        capture_case(spec, &observation, &mut masking, &captured.path()).unwrap();
        captured
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("case.jsonl")
    }

    fn bundle(&self) -> Bundle {
        Bundle::read(&self.path()).unwrap()
    }

    /// Returns the setup in the bundle: flags, route, upstream and job of the case.
    fn setup(&self) -> Setup {
        let text = std::fs::read_to_string(self.path()).unwrap();
        let mut setups =
            text.lines().filter_map(|line| match serde_json::from_str(line).unwrap() {
                Record::Setup(setup) => Some(*setup),
                _ => None,
            });
        setups.next_back().unwrap()
    }

    /// Returns the bundle with a changed setup.
    fn edited(&self, edit: impl FnOnce(&mut Setup)) -> Bundle {
        let mut setup = self.setup();
        edit(&mut setup);
        let setup = serde_json::to_string(&Record::Setup(Box::new(setup))).unwrap();
        let text = std::fs::read_to_string(self.path()).unwrap();
        let lines = text.lines().map(|line| {
            let line = if line.starts_with("{\"setting\"") { &setup } else { line };
            format!("{line}\n")
        });
        let path = self.folder.path().join("edited.jsonl");
        std::fs::write(&path, lines.collect::<String>()).unwrap();
        Bundle::read_edited(&path).unwrap()
    }
}

#[tokio::test]
async fn a_captured_case_is_reproduced() {
    let captured = CapturedCase::new().await;
    let setup = captured.setup();
    assert!(setup.behaviour.unwrap().replies[0].delay_ms > 0, "the bundle has no delay");
    assert!(setup.input.is_some(), "`keep_contents` did not keep the job");
    let result = replay(&captured.world, &captured.bundle()).await.unwrap();
    assert_eq!(result.outcome, ReplayOutcome::Reproduced, "{result:#?}");
}

#[tokio::test]
async fn a_replay_with_another_program_reports_the_program_and_its_verdict() {
    let healthy = World::new(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_runner"));
    let healthy = healthy.shared_server().open().await.unwrap();
    let result = replay(&healthy, &CapturedCase::new().await.bundle()).await.unwrap();
    assert_eq!(result.outcome, ReplayOutcome::Different);
    let program = &result.uncertainties[0];
    assert!(program.starts_with("the program: recorded "), "{program}");
    let difference = &result.attempts[0].differences[0];
    assert!(difference.contains("recorded path-not-executed, now pass"), "{difference}");
}

#[tokio::test]
async fn an_unknown_route_and_upstream_make_a_replay_uncertain() {
    let captured = CapturedCase::new().await;
    let bundle = captured.edited(|setup| {
        (setup.route, setup.upstream, setup.behaviour) = (None, None, None);
    });
    let result = replay(&captured.world, &bundle).await.unwrap();
    assert_eq!(result.outcome, ReplayOutcome::Uncertain, "{result:#?}");
    assert_eq!(result.attempts.len(), 8, "2 routes x 4 upstreams");
    assert_eq!(result.attempts[0].case.route, "cross-region");
    let uncertainties = result.uncertainties.join(" ");
    assert!(uncertainties.contains("the route of the job: all 2"), "{uncertainties}");
}

/// Each name in the edited bundles is the path of a valid file. A replay that read the name as a
/// path would not fail.
#[tokio::test]
async fn names_in_a_bundle_are_never_read_as_files() {
    type Edit = fn(&mut Setup, String);
    let captured = CapturedCase::new().await;
    let edits: [(&str, &str, Edit); 4] = [
        ("route", "spanproof.toml", |setup, path| setup.route = Some(path)),
        ("upstream", "fixtures/upstream/slow.toml", |setup, path| {
            (setup.upstream, setup.behaviour) = (Some(path), None);
        }),
        ("job", "fixtures/jobs/four-units.json", |setup, path| {
            (setup.job, setup.input) = (Some(path), None);
        }),
        ("fault", "fixtures/faults/refuse.sql", |setup, path| setup.fault = Some(path)),
    ];
    for (kind, path, edit) in edits {
        let path = repository(path).canonicalize().unwrap().display().to_string();
        let bundle = captured.edited(|setup| edit(setup, path.clone()));
        let error = replay(&captured.world, &bundle).await.unwrap_err().to_string();
        let expected =
            format!("the incident needs the {kind} `{path}`, which the spec does not have");
        assert!(error.contains(&expected), "expected {expected}\nfound {error}");
    }
}
