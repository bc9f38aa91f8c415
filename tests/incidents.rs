//! Incidents from production: one as a spec of its own, all as bundles that are replayed.

use std::path::Path;

use rstest::rstest;
use spanproof::{
    Bundle, Case, Dump, Existing, LogStream, Masking, Rowset, Spec, Subject, Value, World,
    capture_case, capture_deployment, cases, judge_all, replay, replay_adopted,
};
use spanproof_format::{Code, Faithful, Record, Setting};

use crate::world::repository;

/// Jobs 469 to 472: four failed executions each, and no span although the flag was `true`.
#[rstest]
#[case::as_it_was(env!("CARGO_BIN_EXE_faulty-runner"), Some(Code::PathNotExecuted), 0)]
#[case::as_it_should_be(env!("CARGO_BIN_EXE_runner"), None, 8)]
#[tokio::test]
async fn zero_spans_on_the_cross_region_route(
    #[case] binary: &str,
    #[case] code: Option<Code>,
    #[case] spans: usize,
) {
    let spec = repository("fixtures/incidents/zero-spans/spanproof.toml");
    let world = World::of(spec).binary(binary).shared_server().open().await.unwrap();
    let cases = cases(world.spec()).unwrap();
    let jobs: Vec<_> = cases.iter().map(|case| case.job.as_str()).collect();
    assert_eq!(jobs, ["job-469", "job-470", "job-471", "job-472"]);
    let mut all = Vec::new();
    for case in &cases {
        all.push(world.trial_of(case).run().await.unwrap());
    }
    for (observation, judgement) in all.iter().zip(judge_all(world.spec(), &all)) {
        assert_eq!(judgement.code(), code, "{judgement:#?}");
        assert_eq!(observation.tables.spans.all().len(), spans);
        let units = observation.tables.units.all();
        assert_eq!(units.len(), 4);
        for unit in units {
            // Refused at once, in one round trip, and the reason is kept.
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

/// Every incident in `fixtures/incidents`: the fault of the runner that shows it, and its verdict.
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

fn incidents() -> Vec<String> {
    let files = std::fs::read_dir(repository("fixtures/incidents")).unwrap().flatten();
    let names = files.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned)).collect();
    names.sort();
    names
}

#[test]
fn every_incident_is_in_the_table() {
    assert_eq!(incidents(), INCIDENTS.map(|(name, ..)| name));
}

/// With the fault an incident is what it was, without it nothing of it is left.
#[tokio::test]
async fn incidents_are_reproduced_with_their_fault_and_gone_without_it() {
    let spec = repository("spanproof.toml");
    let healthy = World::of(&spec).binary(env!("CARGO_BIN_EXE_runner")).shared_server();
    let healthy = healthy.open().await.unwrap();
    for (name, fault, code) in INCIDENTS {
        let path = repository(&format!("fixtures/incidents/{name}.jsonl"));
        let mut bundle = Bundle::read(&path, false).unwrap();
        assert_eq!(bundle.judgement.as_ref().unwrap().code().unwrap().text(), code);
        let gone = replay(&healthy, &bundle, true).await.unwrap();
        assert_eq!(gone.faithful, Faithful::Reproduced, "{name} must pass: {gone:#?}");
        bundle.expects = None;
        let faulty = World::of(&spec).binary(env!("CARGO_BIN_EXE_faulty-runner"));
        let faulty = faulty.env("FAULT", fault).shared_server().open().await.unwrap();
        let back = replay(&faulty, &bundle, true).await.unwrap();
        assert_eq!(back.faithful, Faithful::Reproduced, "{name}: {back:#?}");
    }
}

/// From a dump and a log of that day alone: the ways in which the world can have been are found.
#[tokio::test]
async fn a_job_in_production_is_seen_again_on_the_route_that_was_dark() {
    let spec = repository("spanproof.toml");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("469.jsonl");
    let dump = Dump::open(&repository("fixtures/production/dump.sql")).unwrap();
    let bytes = std::fs::File::open(repository("fixtures/production/runner.log")).unwrap();
    let log = LogStream { name: "runner.log".into(), bytes: Box::new(bytes) };
    let subject = Subject { jobs: vec!["469".into()], last: 1, ..Subject::default() };
    let mut masking = Masking::new(None, false).unwrap();
    let read = Spec::read(&spec).unwrap();
    let rows = Rowset::Dumped(&dump);
    let existing = Existing { spec: &read, subject: &subject, rows, log: Some(log) };
    capture_deployment(existing, &mut masking, &path).await.unwrap();
    let bundle = Bundle::read(&path, false).unwrap();

    let dark = World::of(&spec).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let dark = dark.env("FAULT", "cross-region-untraced").shared_server().open().await.unwrap();
    let replayed = replay(&dark, &bundle, false).await.unwrap();
    assert_eq!(replayed.faithful, Faithful::Perhaps, "never a pass: {replayed:#?}");
    let same = replayed.tried.iter().filter(|one| one.differences.is_empty());
    let same: Vec<_> =
        same.map(|one| (one.case.route.as_str(), one.case.upstream.as_str())).collect();
    assert_eq!(same, [("cross-region", "no-providers"), ("cross-region", "no-providers-503")]);
    assert_eq!(replayed.tried.len(), 8, "the ways that were tried");

    let healthy = World::of(&spec).binary(env!("CARGO_BIN_EXE_runner")).shared_server();
    let replayed = replay(&healthy.open().await.unwrap(), &bundle, false).await.unwrap();
    assert_eq!(replayed.faithful, Faithful::Differs);
}

/// An adopted incident is replayed whenever all cases are run, and reported if it is back.
#[tokio::test]
async fn an_incident_that_is_back_is_told() {
    let world = World::of(repository("spanproof.toml")).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let world = world.env("FAULT", "cross-region-untraced").shared_server().open().await.unwrap();
    let all = replay_adopted(&world).await.unwrap();
    assert_eq!(all.len(), INCIDENTS.len());
    let back: Vec<_> = all.iter().filter(|one| one.back).collect();
    let names: Vec<_> = back.iter().map(|one| Path::new(&one.path).file_stem().unwrap()).collect();
    assert_eq!(names, ["stuck-started", "zero-spans"], "both came in by that route");
    let difference = "verdict: pass is expected, and here it is path-not-executed";
    assert_eq!(back[1].differences, [difference]);
    assert_eq!(back[1].expects.as_deref(), Some("pass"));
}

/// A case that fails, its bundle, and what a replay with another program or world is worth.
#[tokio::test]
async fn a_case_is_captured_and_replayed() {
    let spec = repository("spanproof.toml");
    let world = World::of(&spec).binary(env!("CARGO_BIN_EXE_faulty-runner"));
    let world = world.env("FAULT", "cross-region-untraced").shared_server().open().await.unwrap();
    let flags = vec![
        ("ENABLE_DB_TRACING".to_owned(), Value::Set("true".into())),
        ("HYBRID_ROUTER_DISABLE".to_owned(), Value::Unset),
    ];
    let case = Case::new(world.spec(), flags, ["cross-region", "slow", "four-units"]);
    let observation = world.trial_of(&case).run().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.jsonl");
    let mut masking = Masking::new(None, true).unwrap();
    capture_case(world.spec(), &observation, &mut masking, &path).unwrap();
    let bundle = Bundle::read(&path, false).unwrap();
    let setting = setting(&path);
    let delay = setting.behaviour.unwrap().replies[0].delay_ms;
    assert!(delay > 0, "the delays of the answers are kept");
    assert!(setting.input.is_some(), "the job is kept on request");
    let again = replay(&world, &bundle, false).await.unwrap();
    assert_eq!(again.faithful, Faithful::Reproduced, "{again:#?}");

    let other = World::of(&spec).binary(env!("CARGO_BIN_EXE_runner")).shared_server();
    let other = other.open().await.unwrap();
    let differs = replay(&other, &bundle, false).await.unwrap();
    assert_eq!(differs.faithful, Faithful::Differs);
    assert!(differs.lacking[0].starts_with("the program: it was "), "{:?}", differs.lacking);
    assert!(
        differs.tried[0].differences[0].contains("it was path-not-executed, and here it is pass")
    );

    // Unknown parts are tried in every way, and the same verdict is worth less then.
    let unknown = changed(&path, |setting| {
        (setting.route, setting.upstream, setting.behaviour) = (None, None, None);
    });
    let perhaps = replay(&world, &unknown, false).await.unwrap();
    assert_eq!(perhaps.faithful, Faithful::Perhaps, "{perhaps:#?}");
    assert_eq!(perhaps.tried.len(), 8);
    assert_eq!(perhaps.tried[0].case.route, "cross-region");
    assert!(perhaps.lacking.join(" ").contains("by which route the job came in: all 2"));
    only_data(&path, &world).await;
}

/// The setting in the file of an incident.
fn setting(path: &Path) -> Setting {
    let text = std::fs::read_to_string(path).unwrap();
    let mut settings =
        text.lines().rev().filter_map(|line| match serde_json::from_str(line).unwrap() {
            Record::Setting(setting) => Some(*setting),
            _ => None,
        });
    settings.next().unwrap()
}

/// The incident with another setting: an edited file beside its own.
fn changed(path: &Path, change: impl FnOnce(&mut Setting)) -> Bundle {
    let mut other = setting(path);
    change(&mut other);
    let other = serde_json::to_string(&Record::Setting(Box::new(other))).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let lines =
        text.lines().map(|line| if line.starts_with("{\"setting\"") { &other } else { line });
    let edited = path.with_extension("edited");
    std::fs::write(&edited, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    Bundle::read(&edited, true).unwrap()
}

/// Names in a bundle that are none of the spec are refused, and name no file.
async fn only_data(path: &Path, world: &World) {
    let wrong = changed(path, |setting| setting.route = Some("../../etc".into()));
    let error = replay(world, &wrong, false).await.unwrap_err().to_string();
    assert!(
        error.contains("the incident needs the route `../../etc`, which the spec does not have")
    );
    let wrong = changed(path, |setting| setting.fault = Some("drop table jobs".into()));
    assert!(replay(world, &wrong, false).await.is_err());
    assert!(!Path::new("etc").exists());
}
