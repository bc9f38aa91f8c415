//! Verdicts on evidence that is made by hand: that of a passing case (one run of the service with certain
//! flags), with a change. A unit is one part of a job; the first line of output reports whether tracing is
//! on.

mod ancestors;
mod beside_others;
mod causes;
mod consequences;
mod contracts;
mod counterparts;
mod crossed_units;
mod damage;
mod full_disks;
mod gaps;
mod impossible_values;
mod on_the_way;
mod other_spans;
mod remarks;
mod repeated_ids;
mod repetitions;
mod requests;
mod tries;
mod updates;

use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{Judgement, Verdict, judge, judge_all, remarks, slow_pairs};
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

/// The spec without the key `enables`, which lists the values that switch tracing on.
fn spec_without_enables() -> Spec {
    let spec = example(|text| text.replace("enables = [\"true\"]\n", ""));
    assert!(spec.flags[0].enables.is_none());
    spec
}

/// Returns the text of a spec without the pattern for the start of a span.
fn without_begin_lines(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("attempt = "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn line(stream: Stream, text: &str) -> Line {
    Line::new(stream, 0, text)
}

fn unit(id: u64) -> Json {
    json!({"id": id, "job_id": 1, "region": format!("r{id}"), "model_id": "m", "question_id": "q",
           "status": "completed", "output": {"response": "x"}})
}

/// A row of a span of the unit with this id, in a trace of the unit's own. `span` is the id of the span.
fn span(id: u64, operation: &str, span: &str, parent: &Json) -> Json {
    json!({"trace_id": format!("t{id}"), "span_id": span, "parent_span_id": parent,
           "service": "runner", "operation": operation, "started_at": "2026-01-01T00:00:00+00:00",
           "completed_at": "2026-01-01T00:00:01+00:00", "duration_ms": 1000,
           "status": "completed", "job_id": 1, "execution_id": id, "model_id": "m",
           "region": format!("r{id}")})
}

/// A passing case with tracing on: four units, each with two spans.
fn recording_case() -> TrialParts {
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

pub(super) fn healthy() -> Observation {
    recording_case().observation()
}

fn case_with_tracing_off() -> TrialParts {
    let mut lines = vec![line(Stream::Stderr, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=false)")];
    let begun = "🔍 StartSpan called: service=runner, operation=execute_question, enabled=false";
    lines.extend((0..4).map(|_| line(Stream::Stderr, begun)));
    evidence("false", lines, Vec::new(), vec![exchange(Answer::Status(200), "t1")])
}

fn exchange(answer: Answer, trace: &str) -> Exchange {
    Exchange {
        at_ms: 1,
        answered: None,
        method: "POST".into(),
        path: "/inference".into(),
        headers: [("x-trace-id".to_owned(), trace.to_owned())].into(),
        body: "{}".into(),
        answer,
    }
}

/// The parts of a trial, so that one of them can be changed.
#[derive(Clone)]
struct TrialParts {
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

fn evidence(
    flag: &str,
    lines: Vec<Line>,
    spans: Vec<Json>,
    exchanges: Vec<Exchange>,
) -> TrialParts {
    let flags = vec![
        ("ENABLE_DB_TRACING".to_owned(), Value::Set(flag.to_owned())),
        ("HYBRID_ROUTER_DISABLE".to_owned(), Value::Unset),
    ];
    TrialParts {
        case: Case::new(&spec(), flags, ["queued", "healthy", "four-units"]),
        output: Output { lines, ..Output::default() },
        ready: WaitResult::Reached,
        submission: Some(Submission { request: "POST /".into(), status: 202, body: "{}".into() }),
        settled: Some(WaitResult::Reached),
        jobs: Rows::from_json(vec![json!({"id": 1, "status": "completed"})]),
        units: Rows::from_json((1..=4).map(unit)),
        spans: Rows::from_json(spans),
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

impl TrialParts {
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
        let (environment, placeholders) = Default::default();
        let trial = TrialRecord {
            service: Service { command: "runner".into(), program: None, environment, placeholders },
            run: ProcessRun { output, startup: LineCounts { stdout: 0, stderr: 1 }, ready, exit },
            job_run: JobRun { submission, settled },
            exchanges,
            strangers: std::collections::BTreeMap::new(),
            witness: None,
            server_errors,
            server_log_read: true,
            other_tables: Vec::new(),
            helpers: Vec::new(),
            second_job: None,
            further_jobs: Vec::new(),
            request_counts: Vec::new(),
            is_later_job: false,
            period,
            variations,
            repetitions: Vec::new(),
            job_times: None,
            spans_before_stop: None,
            most_spans: None,
            running_statements: Vec::new(),
            spans_arriving: false,
            row_gains: Vec::new(),
            timings: std::collections::BTreeMap::default(),
        };
        let origin = Origin::Trial(Box::new(trial));
        Observation { case, tables: TableRows { jobs, units, spans }, origin }
    }
}

fn judge_parts(spec: &Spec, parts: &TrialParts) -> Judgement {
    judge(spec, &parts.observation())
}

fn judge_all_parts(spec: &Spec, all: &[TrialParts]) -> Vec<Judgement> {
    let all: Vec<_> = all.iter().map(TrialParts::observation).collect();
    judge_all(spec, &all)
}

fn codes(judgement: &Judgement) -> Vec<&'static str> {
    judgement.findings().iter().map(|finding| finding.code.text()).collect()
}

fn set_startup_line(evidence: &mut TrialParts, text: &str) {
    evidence.output.lines[0].text = text.to_owned();
}

fn drop_lines(evidence: &mut TrialParts, part: &str) {
    evidence.output.lines.retain(|line| !line.text.contains(part));
}

fn change_rows(rows: &mut Rows, change: impl Fn(&mut Row)) {
    rows.found_mut().into_iter().flatten().for_each(change);
}

fn clear_rows(rows: &mut Rows) {
    *rows = Rows::default();
}

/// Changes the evidence to that of a tracer that is off: it begins disabled spans and writes none.
fn switch_off(evidence: &mut TrialParts) {
    drop_lines(evidence, "✅");
    replace_in_lines(evidence, "enabled=true", "enabled=false");
    clear_rows(&mut evidence.spans);
}

/// Keeps only the first lines that contain a text.
fn keep_first_lines(evidence: &mut TrialParts, text: &str, most: usize) {
    let mut seen = 0;
    evidence.output.lines.retain(|line| {
        let matches = line.text.contains(text);
        seen += usize::from(matches);
        !matches || seen <= most
    });
}

/// The witness (triggers on the span table) saw nothing, and the database server refused inserts into a
/// table that does not exist.
#[test]
fn spans_for_another_table_are_refused_whatever_the_witness_sees() {
    let mut evidence = recording_case();
    drop_lines(&mut evidence, "✅");
    clear_rows(&mut evidence.spans);
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

/// Adds an error with this SQLSTATE for every insert of a span.
fn refuse_inserts(evidence: &mut TrialParts, state: &str) {
    let failure = |_| Failure {
        state: state.into(),
        message: "no".into(),
        statement: Some("INSERT INTO trace_spans VALUES ($1)".into()),
    };
    evidence.server_errors = (0..8).map(failure).collect();
}

fn set_job_status(evidence: &mut TrialParts, status: &str) {
    change_rows(&mut evidence.jobs, |row| {
        row.insert("status".into(), json!(status));
    });
}

#[test]
fn a_case_passes_with_all_spans_if_tracing_is_on_and_with_none_if_it_is_off() {
    let healthy = judge_parts(&spec(), &recording_case());
    assert_eq!(healthy.verdict, Verdict::Pass);
    assert_eq!((healthy.funnel.attempted, healthy.funnel.joined, healthy.spans), (4, 4, 8));
    assert!(healthy.assertions > 20, "{}", healthy.assertions);
    let off = judge_parts(&spec(), &case_with_tracing_off());
    assert_eq!(off.verdict, Verdict::Pass);
    assert_eq!((off.funnel.executed, off.funnel.attempted, off.spans), (4, 0, 0));
}

type Change = fn(&mut TrialParts);

#[rstest]
#[case::unset("flag-unset", |e: &mut TrialParts| { set_startup_line(e, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=)"); switch_off(e); })]
#[case::spelling("flag-unrecognised-value", |e: &mut TrialParts| { set_startup_line(e, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true)"); switch_off(e); })]
#[case::no_tracer("tracer-not-constructed", |e: &mut TrialParts| { drop_lines(e, "Span"); drop_lines(e, "DBTracer"); clear_rows(&mut e.spans); })]
#[case::banner_off_rows_there("banner-contradicts", |e: &mut TrialParts| set_startup_line(e, "⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING=true)"))]
#[case::crashed("process-crashed", |e: &mut TrialParts| { e.exit.stop_requested = false; e.exit.ending = Ending::Signal(6); clear_rows(&mut e.spans); })]
#[case::not_picked_up("job-not-picked-up", |e: &mut TrialParts| { set_job_status(e, "queued"); clear_rows(&mut e.units); clear_rows(&mut e.spans); })]
#[case::failed_early("job-failed-early", |e: &mut TrialParts| { set_job_status(e, "failed"); clear_rows(&mut e.units); clear_rows(&mut e.spans); })]
#[case::refused("job-failed-early", |e: &mut TrialParts| { e.submission.as_mut().unwrap().status = 400; clear_rows(&mut e.units); })]
#[case::still_running("job-not-finished", |e: &mut TrialParts| { set_job_status(e, "processing"); e.settled = Some(WaitResult::NotReached("late".into())); })]
#[case::other_path("path-not-executed", |e: &mut TrialParts| { drop_lines(e, "Span"); clear_rows(&mut e.spans); })]
#[case::child_never_called("path-not-executed", |e: &mut TrialParts| { drop_lines(e, "hybrid_router_call"); keep_first_lines(e, "✅", 4); if let Some(r) = e.spans.found_mut() { r.retain(|s| s["operation"] != "hybrid_router_call"); } })]
#[case::reported("write-failed-reported", |e: &mut TrialParts| { replace_in_lines(e, "✅ StartSpan RecordSpan success", "❌ StartSpan RecordSpan error: permission denied"); clear_rows(&mut e.spans); })]
#[case::silent("write-failed-silent", |e: &mut TrialParts| { drop_lines(e, "✅"); clear_rows(&mut e.spans); refuse_inserts(e, "42501"); })]
#[case::begun_and_gone("undetermined", |e: &mut TrialParts| { drop_lines(e, "✅"); clear_rows(&mut e.spans); })]
#[case::table_missing("write-failed-silent", |e: &mut TrialParts| { drop_lines(e, "✅"); e.spans = Rows::Unreadable("relation does not exist".into()); refuse_inserts(e, "42P01"); })]
#[case::acknowledged_and_gone("undetermined", |e: &mut TrialParts| clear_rows(&mut e.spans))]
#[case::open("not-finished", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("status".into(), json!("started")); s.insert("completed_at".into(), Json::Null); }))]
#[case::no_duration("not-finished", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("duration_ms".into(), Json::Null); }))]
#[case::open_when_killed("lost-at-exit", |e: &mut TrialParts| { e.exit.killed = true; change_rows(&mut e.spans, |s| { s.insert("completed_at".into(), Json::Null); }); })]
#[case::no_ids("unlinked", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("execution_id".into(), Json::Null); }))]
#[case::other_model("unlinked", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("model_id".into(), json!("other")); }))]
#[case::status("status-disagrees", |e: &mut TrialParts| change_rows(&mut e.units, |u| { u.insert("status".into(), json!("failed")); }))]
#[case::parent("broken-tree", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { if s["operation"] == "hybrid_router_call" { s.insert("parent_span_id".into(), json!("nobody")); } }))]
#[case::trace("broken-tree", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { if s["operation"] == "hybrid_router_call" { s.insert("trace_id".into(), json!("other")); } }))]
#[case::no_trace_in_requests("broken-tree", |e: &mut TrialParts| e.exchanges.iter_mut().for_each(|x| x.headers.clear()))]
#[case::twice("duplicate", |e: &mut TrialParts| { if let Some(r) = e.spans.found_mut() { let mut again = r[0].clone(); again.insert("span_id".into(), json!("again")); r.push(again); } })]
#[case::unmatched("unexpected-request", |e: &mut TrialParts| e.exchanges.push(exchange(Answer::Unmatched("POST /inference".into()), "t1")))]
#[case::no_trace_at_all("broken-tree", |e: &mut TrialParts| { change_rows(&mut e.spans, |s| { s.insert("trace_id".into(), Json::Null); }); e.exchanges.clear(); })]
#[case::own_parent("broken-tree", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { if s["operation"] == "execute_question" { let id = s["span_id"].clone(); s.insert("parent_span_id".into(), id); } }))]
#[case::one_unit_more("duplicate", |e: &mut TrialParts| { if let Some(r) = e.units.found_mut() { let again = r[0].clone(); r.push(again); } })]
#[case::other_service("wrong-attributes", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("service".into(), json!("someone-else")); }))]
#[case::ends_before_it_starts("impossible-times", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("completed_at".into(), json!("1999-01-01T00:00:00+00:00")); }))]
#[case::negative_duration("impossible-times", |e: &mut TrialParts| change_rows(&mut e.spans, |s| { s.insert("duration_ms".into(), json!(-5)); }))]
#[case::some_acknowledged("undetermined", |e: &mut TrialParts| { clear_rows(&mut e.spans); keep_first_lines(e, "✅", 4); })]
#[case::output_dropped("undetermined", |e: &mut TrialParts| { drop_lines(e, "Span"); clear_rows(&mut e.spans); e.output.dropped_bytes = 9; })]
#[case::crashed_at_stop("process-crashed", |e: &mut TrialParts| e.exit.ending = Ending::Signal(11))]
#[case::ignores_sigterm("not-stopped", |e: &mut TrialParts| e.exit.killed = true)]
#[case::strays("processes-left", |e: &mut TrialParts| e.exit.strays.push("7 (sleep)".into()))]
fn the_first_finding_names_the_reason(#[case] code: &str, #[case] change: Change) {
    let mut evidence = recording_case();
    change(&mut evidence);
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement).first(), Some(&code), "{judgement:#?}");
    let finding = &judgement.findings()[0];
    assert!(!finding.evidence.is_empty(), "{finding:#?}");
}

fn replace_in_lines(evidence: &mut TrialParts, old: &str, new: &str) {
    for line in &mut evidence.output.lines {
        line.text = line.text.replace(old, new);
    }
}

#[rstest]
#[case::rows("leaked-while-off", |e: &mut TrialParts| e.spans = recording_case().spans)]
#[case::attempts("leaked-while-off", |e: &mut TrialParts| replace_in_lines(e, "enabled=false", "enabled=true"))]
#[case::banner("banner-contradicts", |e: &mut TrialParts| set_startup_line(e, "🔍 DBTracer: ENABLED (ENABLE_DB_TRACING=false)"))]
#[case::success_line("banner-contradicts", |e: &mut TrialParts| e.output.lines.push(line(Stream::Stderr, "✅ StartSpan RecordSpan success")))]
#[case::job_failed("job-failed-early", |e: &mut TrialParts| { set_job_status(e, "failed"); clear_rows(&mut e.units); })]
fn with_tracing_off_anything_recorded_and_a_failed_job_are_reported(
    #[case] code: &str,
    #[case] change: Change,
) {
    let mut evidence = case_with_tracing_off();
    change(&mut evidence);
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), [code], "{judgement:#?}");
}

#[test]
fn a_value_that_leaves_tracing_off_must_be_reported_as_it_is() {
    let spelled = |raw: &str| {
        let mut evidence = case_with_tracing_off();
        evidence.case.flags[0].1 = Value::Set("TRUE".into());
        set_startup_line(
            &mut evidence,
            &format!("⚠️  DBTracer: DISABLED (ENABLE_DB_TRACING={raw})"),
        );
        judge_parts(&spec(), &evidence)
    };
    assert_eq!(spelled("TRUE").verdict, Verdict::Pass);
    assert_eq!(codes(&spelled("")), ["flag-unset"]);
    let mut silent = case_with_tracing_off();
    silent.case.flags[0].1 = Value::Set("TRUE".into());
    drop_lines(&mut silent, "DBTracer");
    assert_eq!(codes(&judge_parts(&spec(), &silent)), ["tracer-not-constructed"]);
}
