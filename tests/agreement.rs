//! Tests that `check`, `diagnose`, `traces`, `watch`, `capture` and `replay` have the same result for the
//! same rows and lines: the database of a case, and the output of its service.

use rstest::rstest;
use spanproof::{
    Bundle, ExistingSystem, JobFeed, JobSelection, LogStream, Masking, Observation, RowSource,
    Session, TraceQuery, Window, World, capture_deployment, diagnose, find_traces, judge,
    rejudge_incident, replay,
};
use spanproof_format::Code;
use spanproof_postgres::Database;

use crate::world::{faulty_with, healthy};

/// Returns the lines of the service as a log.
fn log(observation: &Observation) -> LogStream<'static> {
    let lines = &observation.trial().unwrap().run.output.lines;
    let text: String = lines.iter().map(|line| format!("{}\n", line.text)).collect();
    let bytes = Box::new(std::io::Cursor::new(text.into_bytes()));
    LogStream { name: "service.log".into(), bytes, zone: None, format: None }
}

/// Checks that every command that reads an existing system has the same result for the database as `check`
/// for the case. `diagnose` has less evidence, so its verdict may also be `undetermined`.
async fn assert_agreement(world: &World, observation: &Observation, database: &Database) {
    let spec = world.spec();
    let code = judge(spec, observation).code();
    let selection = JobSelection { last: 20, ..JobSelection::default() };
    let mut session = Session::open(database.url(), "test").await.unwrap();
    let rows = RowSource::Session(&mut session);
    let log_stream = Some(log(observation));
    let system = ExistingSystem { spec, selection: &selection, rows, log: log_stream };
    let diagnosis = diagnose(spec, &system.read().await.unwrap());
    assert_eq!(diagnosis.jobs.len(), 1, "{diagnosis:#?}");
    let job = &diagnosis.jobs[0];
    let found = job.code;
    let is_allowed = found == code || code.is_some() && found == Some(Code::Undetermined);
    assert!(is_allowed, "check: {code:?}, diagnose: {found:?}\n{diagnosis:#?}");
    // The table of jobs and the verdict below it have the same code.
    let judgement = &diagnosis.diagnoses[0].judgement;
    assert_eq!(judgement.verdict.code(), found, "{diagnosis:#?}");

    let spans = observation.tables.spans.all().len();
    assert_eq!(job.spans, spans, "{diagnosis:#?}");
    let query = TraceQuery::Newest(100);
    let traces = find_traces(&mut session, spec, &query, Window::default()).await;
    let traced = traces
        .map_or(0, |found| found.document().traces.iter().map(|trace| trace.spans.len()).sum());
    assert_eq!(traced, spans);
    session.close().await;

    let mut feed = JobFeed::open(database.url(), "").await.unwrap();
    let progress = feed.poll(spec, 20).await.unwrap();
    assert_eq!(progress.len(), 1, "{progress:#?}");
    let watched = &progress[0];
    assert_eq!(watched.unit_count(), observation.tables.units.all().len());
    assert_eq!(watched.has_no_spans(), watched.unit_count() > 0 && spans == 0);
    feed.close().await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.jsonl");
    let mut session = Session::open(database.url(), "test").await.unwrap();
    let rows = RowSource::Session(&mut session);
    let log_stream = Some(log(observation));
    let system = ExistingSystem { spec, selection: &selection, rows, log: log_stream };
    capture_deployment(system, &mut Masking::new(None).unwrap(), &path).await.unwrap();
    session.close().await;
    let bundle = Bundle::read(&path).unwrap();
    assert_eq!(bundle.judgement.as_ref().unwrap().code(), found);
    let rejudged = rejudge_incident(spec, &bundle).await;
    assert!(rejudged.differences.is_empty(), "{rejudged:#?}");
    assert_replay(world, observation, bundle).await;
}

/// Checks that the incident happens again with the route and the upstream of the case.
async fn assert_replay(world: &World, observation: &Observation, bundle: Bundle) {
    let case = &observation.case;
    let bundle = bundle.with_defaults(Some(&case.route), Some(&case.upstream));
    let replayed = replay(world, &bundle).await.unwrap();
    let differences: Vec<_> =
        replayed.attempts.iter().map(|attempt| attempt.differences.as_slice()).collect();
    assert_eq!(differences, [[""; 0].as_slice()], "{replayed:#?}");
}

#[rstest]
#[case::queued("queued")]
#[case::cross_region("cross-region")]
#[tokio::test]
async fn every_command_reports_a_pass_for_a_passing_case(#[case] route: &str) {
    let world = healthy().await;
    let trial = world.trial().flag("ENABLE_DB_TRACING", "true").route(route);
    let (observation, database) = trial.run_keeping_database().await.unwrap();
    assert_eq!(judge(world.spec(), &observation).code(), None);
    assert_agreement(&world, &observation, &database).await;
    database.close().await.unwrap();
}

#[rstest]
#[case::untraced_route("cross-region-untraced", "cross-region", "no-providers")]
#[case::never_picked_up("never-picked-up", "queued", "")]
#[case::unlinked("not-linked", "queued", "")]
#[case::not_finished("errors-unfinished", "queued", "no-providers")]
#[case::duplicate("duplicate", "queued", "")]
#[case::tracer_absent("tracer-absent", "queued", "")]
#[tokio::test]
async fn every_command_reports_the_same_code_for_a_failing_case(
    #[case] fault: &str,
    #[case] route: &str,
    #[case] upstream: &str,
) {
    let world = faulty_with(fault).await;
    let mut trial = world.trial().flag("ENABLE_DB_TRACING", "true").route(route);
    if !upstream.is_empty() {
        trial = trial.upstream(upstream);
    }
    let (observation, database) = trial.run_keeping_database().await.unwrap();
    assert!(judge(world.spec(), &observation).code().is_some());
    assert_agreement(&world, &observation, &database).await;
    database.close().await.unwrap();
}
