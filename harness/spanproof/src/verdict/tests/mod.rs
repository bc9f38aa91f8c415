//! Every code from evidence that was changed by hand, starting from a healthy case.

mod beside_others;
mod causes;
mod damage;
mod impossible_values;
mod repetitions;

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{Judgement, Verdict, judge, judge_all};
use crate::matrix::Case;
use crate::observation::{
    Failure, JobRun, LineCounts, Observation, Origin, Period, ProcessRun, Row, Rows, Service,
    Submission, TableRows, TrialRecord, WaitResult, Witness,
};
use crate::process::{Ending, Exit, Line, Output, Stream};
use crate::spec::{Spec, Value, example};
use crate::upstream::{Answer, Exchange};

fn spec() -> Spec {
    example(|text| text)
}

/// The spec without its promise which values switch tracing on.
fn without_promise() -> Spec {
    let spec = example(|text| text.replace("enables = [\"true\"]\n", ""));
    assert!(spec.flags[0].enables.is_none());
    spec
}

fn rows(rows: Vec<Json>) -> Rows {
    Rows::Found(rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect())
}

fn line(stream: Stream, text: &str) -> Line {
    Line::new(stream, 0, text)
}

fn unit(id: u64) -> Json {
    json!({"id": id, "job_id": 1, "region": format!("r{id}"), "model_id": "m", "question_id": "q",
           "status": "completed", "output": {"response": "x"}})
}

fn span(id: u64, operation: &str, span: &str, parent: &Json) -> Json {
    json!({"trace_id": format!("t{id}"), "span_id": span, "parent_span_id": parent,
           "service": "runner", "operation": operation, "started_at": "2026-01-01T00:00:00+00:00",
           "completed_at": "2026-01-01T00:00:01+00:00", "duration_ms": 1000,
           "status": "completed", "job_id": 1, "execution_id": id, "model_id": "m",
           "region": format!("r{id}")})
}

/// A case that records as it should.
fn on() -> Parts {
    let mut lines = vec![line(Stream::Stderr, "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=true)")];
    let mut spans = Vec::new();
    let mut exchanges = Vec::new();
    for id in 1..=4 {
        for operation in ["execute_question", "hybrid_router_call"] {
            let begun =
                format!("🔍 StartSpan called: service=runner, operation={operation}, enabled=true");
            lines.push(line(Stream::Stderr, &begun));
            lines.push(line(Stream::Stderr, "✅ StartSpan RecordSpan success"));
        }
        spans.push(span(id, "execute_question", &format!("s{id}"), &Json::Null));
        spans.push(span(id, "hybrid_router_call", &format!("c{id}"), &json!(format!("s{id}"))));
        exchanges.push(exchange(Answer::Status(200), &format!("t{id}")));
    }
    evidence("true", lines, spans, exchanges)
}

/// The observation of a case that records as it should.
pub(super) fn healthy() -> Observation {
    on().observation()
}

/// A case that has tracing off, as it should.
fn off() -> Parts {
    let mut lines = vec![line(Stream::Stderr, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=false)")];
    let begun = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false";
    lines.extend((0..4).map(|_| line(Stream::Stderr, begun)));
    evidence("false", lines, Vec::new(), vec![exchange(Answer::Status(200), "t1")])
}

fn exchange(answer: Answer, trace: &str) -> Exchange {
    Exchange {
        at_ms: 1,
        method: "POST".into(),
        path: "/inference".into(),
        headers: [("x-trace-id".to_owned(), trace.to_owned())].into(),
        body: "{}".into(),
        answer,
    }
}

/// The parts of a trial, so that one of them can be changed.
#[derive(Clone)]
struct Parts {
    case: Case,
    output: Output,
    ready: WaitResult,
    submission: Option<Submission>,
    settled: Option<WaitResult>,
    jobs: Rows,
    units: Rows,
    spans: Rows,
    exchanges: Vec<Exchange>,
    exit: Exit,
    server_errors: Vec<Failure>,
    period: Option<Period>,
    variations: Option<std::collections::BTreeSet<String>>,
}

fn evidence(flag: &str, lines: Vec<Line>, spans: Vec<Json>, exchanges: Vec<Exchange>) -> Parts {
    let flags = vec![
        ("ENABLE_DB_TRACING".to_owned(), Value::Set(flag.to_owned())),
        ("HYBRID_ROUTER_DISABLE".to_owned(), Value::Unset),
    ];
    Parts {
        case: Case::new(&spec(), flags, ["queued", "healthy", "four-units"]),
        output: Output { lines, ..Output::default() },
        ready: WaitResult::Reached,
        submission: Some(Submission { request: "POST /".into(), status: 202, body: "{}".into() }),
        settled: Some(WaitResult::Reached),
        jobs: rows(vec![json!({"id": 1, "status": "completed"})]),
        units: rows((1..=4).map(unit).collect()),
        spans: rows(spans),
        exchanges,
        exit: Exit {
            ending: Ending::Code(0),
            stop_requested: true,
            killed: false,
            at_ms: 100,
            stop_ms: 1,
            strays: Vec::new(),
            process: None,
        },
        server_errors: Vec::new(),
        period: None,
        variations: None,
    }
}

impl Parts {
    fn observation(&self) -> Observation {
        let Self {
            case,
            output,
            ready,
            submission,
            settled,
            jobs,
            units,
            spans,
            exchanges,
            exit,
            server_errors,
            period,
            variations,
        } = self.clone();
        let trial = TrialRecord {
            service: Service {
                command: "runner".into(),
                program: None,
                environment: std::collections::BTreeMap::new(),
                placeholders: Vec::new(),
            },
            run: ProcessRun { output, startup: LineCounts { stdout: 0, stderr: 1 }, ready, exit },
            job_run: JobRun { submission, settled },
            exchanges,
            witness: None,
            server_errors,
            server_log_read: true,
            other_tables: Vec::new(),
            helpers: Vec::new(),
            second_job: None,
            further_jobs: Vec::new(),
            period,
            variations,
            repetitions: Vec::new(),
            job_times: None,
            spans_before_stop: None,
            timings: std::collections::BTreeMap::new(),
        };
        let origin = Origin::Trial(Box::new(trial));
        Observation { case, tables: TableRows { jobs, units, spans }, origin }
    }
}

fn judged(spec: &Spec, parts: &Parts) -> Judgement {
    judge(spec, &parts.observation())
}

fn judged_all(spec: &Spec, all: &[Parts]) -> Vec<Judgement> {
    let all: Vec<_> = all.iter().map(Parts::observation).collect();
    judge_all(spec, &all)
}

fn codes(judgement: &Judgement) -> Vec<&'static str> {
    judgement.findings().iter().map(|finding| finding.code.text()).collect()
}

fn banner(evidence: &mut Parts, text: &str) {
    evidence.output.lines[0].text = text.to_owned();
}

fn drop_lines(evidence: &mut Parts, part: &str) {
    evidence.output.lines.retain(|line| !line.text.contains(part));
}

fn each(rows: &mut Rows, change: impl Fn(&mut Row)) {
    if let Rows::Found(rows) = rows {
        rows.iter_mut().for_each(change);
    }
}

fn none(rows: &mut Rows) {
    *rows = Rows::Found(Vec::new());
}

/// What a tracer that is off leaves: it begins disabled spans and writes none.
fn switch_off(evidence: &mut Parts) {
    drop_lines(evidence, "✅");
    each_line(evidence, "enabled=true", "enabled=false");
    none(&mut evidence.spans);
}

/// Keeps only the first lines that contain a text.
fn keep_lines(evidence: &mut Parts, text: &str, most: usize) {
    let mut seen = 0;
    evidence.output.lines.retain(|line| {
        let matches = line.text.contains(text);
        seen += usize::from(matches);
        !matches || seen <= most
    });
}

/// A witness saw nothing, and the server refused inserts into a table that does not exist.
#[test]
fn spans_for_another_table_are_refused_whatever_the_witness_sees() {
    let mut evidence = on();
    drop_lines(&mut evidence, "✅");
    none(&mut evidence.spans);
    let statement = "INSERT INTO spans_2026 (trace_id, span_id, operation) VALUES ($1, $2, $3)";
    let mut observation = evidence.observation();
    if let Origin::Trial(trial) = &mut observation.origin {
        trial.witness = Some(Witness::default());
        trial.server_errors = vec![Failure {
            state: "42P01".into(),
            message: "relation \"spans_2026\" does not exist".into(),
            statement: Some(statement.into()),
        }];
    }
    assert_eq!(codes(&judge(&spec(), &observation)), ["write-failed-silent"]);
}

/// The server refused every insert of a span.
fn refuse(evidence: &mut Parts, state: &str) {
    let failure = |_| Failure {
        state: state.into(),
        message: "no".into(),
        statement: Some("INSERT INTO trace_spans VALUES ($1)".into()),
    };
    evidence.server_errors = (0..8).map(failure).collect();
}

fn set_job(evidence: &mut Parts, status: &str) {
    each(&mut evidence.jobs, |row| {
        row.insert("status".into(), json!(status));
    });
}

#[test]
fn a_healthy_case_passes_with_a_full_funnel_and_an_off_case_with_an_empty_one() {
    let healthy = judged(&spec(), &on());
    assert_eq!(healthy.verdict, Verdict::Pass);
    assert_eq!((healthy.funnel.attempted, healthy.funnel.joined, healthy.spans), (4, 4, 8));
    assert!(healthy.assertions > 20, "{}", healthy.assertions);
    let off = judged(&spec(), &off());
    assert_eq!(off.verdict, Verdict::Pass);
    assert_eq!((off.funnel.executed, off.funnel.attempted, off.spans), (4, 0, 0));
}

type Change = fn(&mut Parts);

#[rstest]
#[case::unset("flag-unset", |e: &mut Parts| { banner(e, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)"); switch_off(e); })]
#[case::spelling("flag-unrecognised-value", |e: &mut Parts| { banner(e, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true)"); switch_off(e); })]
#[case::no_tracer("tracer-not-constructed", |e: &mut Parts| { drop_lines(e, "Span"); drop_lines(e, "DBTracer"); none(&mut e.spans); })]
#[case::banner_off_rows_there("banner-contradicts", |e: &mut Parts| banner(e, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true)"))]
#[case::crashed("process-crashed", |e: &mut Parts| { e.exit.stop_requested = false; e.exit.ending = Ending::Signal(6); none(&mut e.spans); })]
#[case::not_picked_up("job-not-picked-up", |e: &mut Parts| { set_job(e, "queued"); none(&mut e.units); none(&mut e.spans); })]
#[case::failed_early("job-failed-early", |e: &mut Parts| { set_job(e, "failed"); none(&mut e.units); none(&mut e.spans); })]
#[case::refused("job-failed-early", |e: &mut Parts| { e.submission.as_mut().unwrap().status = 400; none(&mut e.units); })]
#[case::still_running("job-not-finished", |e: &mut Parts| { set_job(e, "processing"); e.settled = Some(WaitResult::NotReached("late".into())); })]
#[case::other_path("path-not-executed", |e: &mut Parts| { drop_lines(e, "Span"); none(&mut e.spans); })]
#[case::child_never_called("path-not-executed", |e: &mut Parts| { drop_lines(e, "hybrid_router_call"); keep_lines(e, "✅", 4); if let Rows::Found(r) = &mut e.spans { r.retain(|s| s["operation"] != "hybrid_router_call"); } })]
#[case::reported("write-failed-reported", |e: &mut Parts| { each_line(e, "✅ StartSpan RecordSpan success", "❌ StartSpan RecordSpan error: permission denied"); none(&mut e.spans); })]
#[case::silent("write-failed-silent", |e: &mut Parts| { drop_lines(e, "✅"); none(&mut e.spans); refuse(e, "42501"); })]
#[case::begun_and_gone("undetermined", |e: &mut Parts| { drop_lines(e, "✅"); none(&mut e.spans); })]
#[case::table_missing("write-failed-silent", |e: &mut Parts| { drop_lines(e, "✅"); e.spans = Rows::Unreadable("relation does not exist".into()); refuse(e, "42P01"); })]
#[case::acknowledged_and_gone("undetermined", |e: &mut Parts| none(&mut e.spans))]
#[case::open("not-finished", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("status".into(), json!("started")); s.insert("completed_at".into(), Json::Null); }))]
#[case::no_duration("not-finished", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("duration_ms".into(), Json::Null); }))]
#[case::open_when_killed("lost-at-exit", |e: &mut Parts| { e.exit.killed = true; each(&mut e.spans, |s| { s.insert("completed_at".into(), Json::Null); }); })]
#[case::no_ids("unlinked", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("execution_id".into(), Json::Null); }))]
#[case::other_model("unlinked", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("model_id".into(), json!("other")); }))]
#[case::status("status-disagrees", |e: &mut Parts| each(&mut e.units, |u| { u.insert("status".into(), json!("failed")); }))]
#[case::parent("broken-tree", |e: &mut Parts| each(&mut e.spans, |s| { if s["operation"] == "hybrid_router_call" { s.insert("parent_span_id".into(), json!("nobody")); } }))]
#[case::trace("broken-tree", |e: &mut Parts| each(&mut e.spans, |s| { if s["operation"] == "hybrid_router_call" { s.insert("trace_id".into(), json!("other")); } }))]
#[case::upstream_not_told("broken-tree", |e: &mut Parts| e.exchanges.iter_mut().for_each(|x| x.headers.clear()))]
#[case::twice("duplicate", |e: &mut Parts| { if let Rows::Found(r) = &mut e.spans { let mut again = r[0].clone(); again.insert("span_id".into(), json!("again")); r.push(again); } })]
#[case::unmatched("unexpected-request", |e: &mut Parts| e.exchanges.push(exchange(Answer::Unmatched("POST /inference".into()), "t1")))]
#[case::no_trace_at_all("broken-tree", |e: &mut Parts| { each(&mut e.spans, |s| { s.insert("trace_id".into(), Json::Null); }); e.exchanges.clear(); })]
#[case::own_parent("broken-tree", |e: &mut Parts| each(&mut e.spans, |s| { if s["operation"] == "execute_question" { let id = s["span_id"].clone(); s.insert("parent_span_id".into(), id); } }))]
#[case::one_unit_more("duplicate", |e: &mut Parts| { if let Rows::Found(r) = &mut e.units { let again = r[0].clone(); r.push(again); } })]
#[case::other_service("wrong-attributes", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("service".into(), json!("someone-else")); }))]
#[case::ends_before_it_starts("impossible-times", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("completed_at".into(), json!("1999-01-01T00:00:00+00:00")); }))]
#[case::negative_duration("impossible-times", |e: &mut Parts| each(&mut e.spans, |s| { s.insert("duration_ms".into(), json!(-5)); }))]
#[case::some_acknowledged("undetermined", |e: &mut Parts| { none(&mut e.spans); keep_lines(e, "✅", 4); })]
#[case::output_dropped("undetermined", |e: &mut Parts| { drop_lines(e, "Span"); none(&mut e.spans); e.output.dropped_bytes = 9; })]
#[case::crashed_at_stop("process-crashed", |e: &mut Parts| e.exit.ending = Ending::Signal(11))]
#[case::ignores_sigterm("not-stopped", |e: &mut Parts| e.exit.killed = true)]
#[case::strays("processes-left", |e: &mut Parts| e.exit.strays.push("7 (sleep)".into()))]
fn a_recording_case_names_the_reason_first(#[case] code: &str, #[case] change: Change) {
    let mut evidence = on();
    change(&mut evidence);
    let judgement = judged(&spec(), &evidence);
    assert_eq!(codes(&judgement).first(), Some(&code), "{judgement:#?}");
    let finding = &judgement.findings()[0];
    assert!(!finding.evidence.is_empty(), "{finding:#?}");
}

fn each_line(evidence: &mut Parts, old: &str, new: &str) {
    for line in &mut evidence.output.lines {
        line.text = line.text.replace(old, new);
    }
}

#[rstest]
#[case::rows("leaked-while-off", |e: &mut Parts| e.spans = on().spans)]
#[case::attempts("leaked-while-off", |e: &mut Parts| each_line(e, "enabled=false", "enabled=true"))]
#[case::banner("banner-contradicts", |e: &mut Parts| banner(e, "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=false)"))]
#[case::success_line("banner-contradicts", |e: &mut Parts| e.output.lines.push(line(Stream::Stderr, "✅ StartSpan RecordSpan success")))]
#[case::dead("job-failed-early", |e: &mut Parts| { set_job(e, "failed"); none(&mut e.units); })]
fn with_tracing_off_nothing_is_recorded_and_the_job_still_runs(
    #[case] code: &str,
    #[case] change: Change,
) {
    let mut evidence = off();
    change(&mut evidence);
    let judgement = judged(&spec(), &evidence);
    assert_eq!(codes(&judgement), [code], "{judgement:#?}");
}

#[test]
fn a_spelling_that_does_not_count_must_be_reported_with_its_value() {
    let spelled = |raw: &str| {
        let mut evidence = off();
        evidence.case.flags[0].1 = Value::Set("TRUE".into());
        banner(&mut evidence, &format!("⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING={raw})"));
        judged(&spec(), &evidence)
    };
    assert_eq!(spelled("TRUE").verdict, Verdict::Pass);
    assert_eq!(codes(&spelled("")), ["flag-unset"]);
    let mut silent = off();
    silent.case.flags[0].1 = Value::Set("TRUE".into());
    drop_lines(&mut silent, "DBTracer");
    assert_eq!(codes(&judged(&spec(), &silent)), ["tracer-not-constructed"]);
}

#[test]
fn without_a_promise_every_spelling_that_means_on_must_record() {
    let spec = without_promise();
    let mut evidence = off();
    evidence.case.flags[0].1 = Value::Set("TRUE".into());
    banner(&mut evidence, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=TRUE)");
    let judgement = judged(&spec, &evidence);
    assert_eq!(codes(&judgement), ["flag-unrecognised-value"]);
    let evidence = &judgement.findings()[0].evidence;
    assert_eq!(
        evidence.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "environment  ENABLE_DB_TRACING=TRUE",
            "stderr:1  ⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=TRUE)"
        ]
    );
}
