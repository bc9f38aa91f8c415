//! Traces as waterfalls: one line per span, with a bar for its time. An execution is a unit of a
//! job. A diagnostic function is an SQL function in the database that explains the spans of one
//! execution.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::line::{pad, plain, truncate, width, wrap};
use spanproof_format::{Diagnostic, Row, SpanPosition, Trace, TraceSpan, Traces, count};

/// Maximum number of spans shown per trace.
const MAX_SPANS: usize = 500;
/// Maximum number of levels of indentation. Deeper spans show their depth as a number.
const MAX_LEVELS: usize = 12;
/// Maximum number of ids of jobs and of executions shown per trace.
const MAX_IDS: usize = 3;
/// Columns of the rows of diagnostic functions that are shown before all other columns.
const FIRST_COLUMNS: [&str; 5] =
    ["root_cause_type", "anomaly_reason", "service", "operation", "similar_execution_id"];
/// Columns of an anomaly's row that repeat what the line of the anomaly's span shows.
const SPAN_COLUMNS: [&str; 8] = [
    "is_anomaly",
    "level",
    "span_id",
    "started_at",
    "completed_at",
    "duration_ms",
    "status",
    "error_message",
];

/// The size and the characters of a waterfall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// Columns per line.
    pub width: usize,
    /// Whether failures are coloured.
    pub colour: bool,
    /// Whether bars are drawn with block characters instead of ASCII.
    pub blocks: bool,
}

/// Returns the traces as waterfalls, with the results of the diagnostic functions.
pub fn waterfall(traces: &Traces, canvas: Canvas) -> String {
    let mut text = String::new();
    for trace in &traces.traces {
        text.push_str(&draw_trace(trace, canvas));
        for result in &trace.diagnostics {
            text.push_str(&diagnostic(result, canvas));
        }
        text.push('\n');
    }
    for unread in &traces.unread {
        text.push_str(&wrap(&[format!("not read: {}", plain(unread))], (0, 2), canvas.width));
    }
    let spans: usize = traces.traces.iter().map(|trace| trace.spans.len()).sum();
    let _infallible =
        writeln!(text, "{}, {}", count(traces.traces.len(), "trace"), count(spans, "span"));
    text
}

fn draw_trace(trace: &Trace, canvas: Canvas) -> String {
    let mut text = wrap(&head(trace), (0, 2), canvas.width);
    let max_width = canvas.width.saturating_sub(25) / 2;
    let levels = (max_width / 4).clamp(1, MAX_LEVELS);
    let names = trace.spans.iter().take(MAX_SPANS).map(|span| width(&name(span, levels)));
    let widest = names.max().unwrap_or(0).min(max_width).max(4);
    for span in trace.spans.iter().take(MAX_SPANS) {
        if let Some(gap) = span.gap_before_ms {
            let indent = "  ".repeat(span.depth.min(levels));
            let line = format!("{indent}… gap of {}", duration(milliseconds(gap)));
            let _infallible = writeln!(text, "{}", truncate(&line, canvas.width));
        }
        let name = pad(&name(span, levels), widest);
        let _infallible = writeln!(text, "{}", line(trace, span, &name, canvas));
    }
    if trace.spans.len() > MAX_SPANS {
        let _infallible =
            writeln!(text, "… {} not shown", count(trace.spans.len() - MAX_SPANS, "more span"));
    }
    text
}

/// Returns the pieces of a trace's heading.
fn head(trace: &Trace) -> Vec<String> {
    let started = trace.started.map(|at| at.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string());
    let mut head = vec![plain(&format!("trace {}", trace.trace_id))];
    head.extend(ids("job", &trace.jobs));
    head.extend(ids("execution", &trace.executions));
    head.push(started.unwrap_or_else(|| "no start time".into()));
    head.push(duration(milliseconds(trace.duration_ms)));
    head.push(count(trace.spans.len(), "span"));
    let services: BTreeSet<_> = trace.spans.iter().map(|span| plain(&span.service)).collect();
    let services: Vec<_> = services.into_iter().filter(|name| !name.trim().is_empty()).collect();
    head.push(services.join(", "));
    head
}

/// Returns `job 1` or `jobs 1, 2, 3 and 4 more`; `None` if there are no ids.
fn ids(noun: &str, ids: &BTreeSet<String>) -> Option<String> {
    let shown: Vec<_> = ids.iter().take(MAX_IDS).map(|id| plain(id)).collect();
    let s = if ids.len() == 1 { "" } else { "s" };
    let more = ids.len().saturating_sub(MAX_IDS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!ids.is_empty()).then(|| format!("{noun}{s} {}{more}", shown.join(", ")))
}

/// Returns the service and the name of a span, indented by the depth of the span, but by at most
/// `levels` levels.
fn name(span: &TraceSpan, levels: usize) -> String {
    let TraceSpan { service, name, depth, .. } = span;
    let dot = if service.is_empty() { "" } else { "." };
    let deeper = if *depth > levels { format!("{depth}> ") } else { String::new() };
    let name = plain(&format!("{service}{dot}{name}"));
    format!("{}{deeper}{name}", "  ".repeat((*depth).min(levels)))
}

/// Returns the error of a span, with its type; `None` if it has none.
fn error(span: &TraceSpan) -> Option<String> {
    match (&span.error_type, &span.error) {
        (Some(kind), Some(text)) => Some(format!("{kind}: {text}")),
        (kind, text) => kind.clone().or_else(|| text.clone()),
    }
}

/// Returns the line of a span, truncated to the width of the canvas: name, bar, start, duration,
/// status, error.
fn line(trace: &Trace, span: &TraceSpan, name: &str, canvas: Canvas) -> String {
    let offset = match (span.started, trace.started) {
        (Some(started), Some(first)) => format!("+{}", duration(elapsed(first, started))),
        _ => "+?".into(),
    };
    let length = match (span.not_ended, span.duration_ms) {
        (true, _) => "not ended".into(),
        (false, Some(ms)) => duration(ms),
        (false, None) => "?".into(),
    };
    let problem = match span.position {
        SpanPosition::Orphan => Some("orphan: its parent is missing".to_owned()),
        SpanPosition::Cycle => Some("cycle: it is its own ancestor".to_owned()),
        _ => None,
    };
    let mut notes: Vec<String> = problem.into_iter().collect();
    notes.push(plain(&span.status));
    notes.extend(span.started.filter(|_| span.not_ended).map(|start| started_at(trace, start)));
    notes.extend(error(span).as_deref().map(plain));
    let numbers = format!("{offset:>9} {length:>9}");
    let rest = canvas.width.saturating_sub(width(name) + numbers.len() + 6);
    let bar = bar(trace, span, (rest / 3).min(60), canvas);
    let head = format!("{name}  {bar}  {numbers}  ");
    let notes = truncate(&notes.join("  "), canvas.width.saturating_sub(width(&head)));
    let notes = if canvas.colour && span.failed == Some(true) {
        format!("\u{1b}[31m{notes}\u{1b}[0m")
    } else {
        notes
    };
    format!("{head}{notes}").trim_end().to_owned()
}

/// Returns the start time of a span that has not ended. Contains the date if the trace started on
/// another day.
fn started_at(trace: &Trace, start: DateTime<Utc>) -> String {
    let same_day = trace.started.is_some_and(|first| first.date_naive() == start.date_naive());
    let format = if same_day { "since %H:%M:%SZ" } else { "since %Y-%m-%d %H:%M:%SZ" };
    start.format(format).to_string()
}

/// Returns the bar of a span. Its position and length show when the span ran during the trace.
fn bar(trace: &Trace, span: &TraceSpan, width: usize, canvas: Canvas) -> String {
    let (full, not_ended) = if canvas.blocks { ('█', '░') } else { ('#', '.') };
    let (Some(first), Some(last), Some(_)) = (trace.started, trace.ended, span.started) else {
        return " ".repeat(width);
    };
    let whole = elapsed(first, last).max(0.001);
    // Returns the column of the bar at a time.
    let cell = |at: Option<DateTime<Utc>>| -> usize {
        #[expect(clippy::cast_precision_loss, reason = "a line never has millions of columns")]
        let cell = at.map_or(0.0, |at| elapsed(first, at) / whole * width as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the value is clamped"
        )]
        let cell = cell.clamp(0.0, 10_000.0) as usize;
        cell.min(width)
    };
    let begin = cell(span.started).min(width.saturating_sub(1));
    let end = if span.not_ended { width } else { cell(span.ended).max(begin + 1).min(width) };
    let fill = if span.not_ended { not_ended } else { full };
    let filled = end.saturating_sub(begin);
    let bar: String = std::iter::repeat_n(' ', begin)
        .chain(std::iter::repeat_n(fill, filled))
        .chain(std::iter::repeat_n(' ', width - begin.min(width) - filled))
        .collect();
    bar
}

/// Returns the result of a diagnostic function: its rows, but only the number of the rows in which
/// `is_anomaly` is `false`.
fn diagnostic(result: &Diagnostic, canvas: Canvas) -> String {
    let call = plain(&format!("{}({})", result.function, result.execution));
    if let Some(why) = &result.error {
        let why = plain(&format!("{call} failed: {why}"));
        return format!("  {}\n", truncate(&why, canvas.width.saturating_sub(2)));
    }
    let rows = result.rows.as_deref().unwrap_or_default();
    if rows.is_empty() {
        return format!("  {call}: no rows\n");
    }
    let (normal, anomalies): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row.get("is_anomaly") == Some(&Json::Bool(false)));
    let mut text = format!("  {call}\n");
    for row in anomalies {
        text.push_str(&wrap(&columns(row), (4, 6), canvas.width));
    }
    if !normal.is_empty() {
        let _infallible = writeln!(text, "    {} without an anomaly", count(normal.len(), "row"));
    }
    text
}

/// Returns the columns of a row that are not null, in the order of [`FIRST_COLUMNS`].
fn columns(row: &Row) -> Vec<String> {
    // The waterfall already shows the span of an anomaly.
    let hidden: &[&str] =
        if row.get("anomaly_reason").is_some_and(Json::is_string) { &SPAN_COLUMNS } else { &[] };
    let rank = |name: &str| FIRST_COLUMNS.iter().position(|first| *first == name);
    let mut columns: Vec<_> = row
        .iter()
        .filter(|(name, value)| !value.is_null() && !hidden.contains(&name.as_str()))
        .collect();
    columns.sort_by_key(|(name, _)| rank(name).unwrap_or(FIRST_COLUMNS.len()));
    let pair = |(name, value): (&String, &Json)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        plain(&format!("{name}: {value}"))
    };
    columns.into_iter().map(pair).collect()
}

fn elapsed(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    milliseconds((to - from).num_milliseconds())
}

#[expect(clippy::cast_precision_loss, reason = "exact for thousands of years")]
fn milliseconds(ms: i64) -> f64 {
    ms as f64
}

/// Returns `12 ms`, `1.25 s`, `3.2 min` or `5.1 h`.
fn duration(ms: f64) -> String {
    match ms.abs() {
        size if size < 1_000.0 => format!("{ms:.0} ms"),
        size if size < 100_000.0 => format!("{:.2} s", ms / 1_000.0),
        size if size < 6_000_000.0 => format!("{:.1} min", ms / 60_000.0),
        _ => format!("{:.1} h", ms / 3_600_000.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use spanproof_format::Gap;

    fn at(ms: u32) -> DateTime<Utc> {
        let start: DateTime<Utc> = "2025-10-22T12:00:00Z".parse().unwrap();
        start + chrono::Duration::milliseconds(ms.into())
    }

    /// Creates a span of the service `runner`. Without `end`, the span has not ended.
    fn span(depth: usize, name: &str, start: u32, end: Option<u32>) -> TraceSpan {
        let mut span = TraceSpan::new(name, name);
        span.depth = depth;
        span.position = if depth == 0 { SpanPosition::Root } else { SpanPosition::Child };
        span.service = "runner".into();
        span.started = Some(at(start));
        span.ended = end.map(at);
        span.duration_ms = end.map(|end| f64::from(end) - f64::from(start));
        span.not_ended = end.is_none();
        span.status = if end.is_some() { "completed" } else { "started" }.into();
        span
    }

    /// Creates a trace with spans in every position, a failed span and a span that has not ended.
    fn example() -> Trace {
        let mut failed = span(1, "hybrid_router_call", 14_000, Some(20_000));
        failed.gap_before_ms = Some(12_000);
        (failed.failed, failed.status) = (Some(true), "failed".into());
        failed.error_type = Some("NoProvider".into());
        failed.error = Some("No healthy\nproviders \u{1b}[2Jfor password=***".into());
        let positioned = |mut span: TraceSpan, position| {
            span.position = position;
            span
        };
        let mut trace = Trace::new("t1");
        (trace.started, trace.ended, trace.duration_ms) = (Some(at(0)), Some(at(20_000)), 20_000);
        trace.gaps = vec![Gap::new("hybrid_router_call", 12_000)];
        trace.jobs = ["469".to_owned()].into();
        trace.executions = ["7".to_owned()].into();
        trace.spans = vec![
            span(0, "execute_question", 0, Some(20_000)),
            span(1, "plan", 0, Some(2_000)),
            failed,
            positioned(span(0, "late", 19_000, None), SpanPosition::Orphan),
            positioned(span(0, "one", 3_000, Some(4_000)), SpanPosition::Cycle),
            span(1, "other", 3_500, Some(3_000)),
            positioned(span(0, "日本", 3_700, Some(3_700)), SpanPosition::Cycle),
        ];
        trace
    }

    fn draw(trace: &Trace, width: usize) -> String {
        let canvas = Canvas { width, colour: false, blocks: false };
        waterfall(&Traces::new(vec![trace.clone()], Vec::new()), canvas)
    }

    #[test]
    fn a_trace_is_drawn_with_failed_and_misplaced_spans() {
        let expected = "\
trace t1  job 469  execution 7  2025-10-22 12:00:00.000Z  20.00 s  7 spans  runner
runner.execute_question      ######################      +0 ms   20.00 s  completed
  runner.plan                ##                          +0 ms    2.00 s  completed
  … gap of 12.00 s
  runner.hybrid_router_call                 #######   +14.00 s    6.00 s  failed  NoProvider: No healthy providers  [2J…
runner.late                                      ..   +19.00 s not ended  orphan: its parent is missing  started  since…
runner.one                      #                      +3.00 s    1.00 s  cycle: it is its own ancestor  completed
  runner.other                  #                      +3.50 s   -500 ms  completed
runner.日本                      #                     +3.70 s      0 ms  cycle: it is its own ancestor  completed

1 trace, 7 spans
";
        assert_eq!(draw(&example(), 120), expected);
    }

    #[test]
    fn texts_are_truncated_on_a_narrow_canvas() {
        let expected = "\
trace t1  job 469  execution 7  2025-10-22 12:00:00.000Z
  20.00 s  7 spans  runner
runner.execute_q…  ######      +0 ms   20.00 s  completed
  runner.plan      #           +0 ms    2.00 s  completed
  … gap of 12.00 s
  runner.hybrid_…      ##   +14.00 s    6.00 s  failed  NoP…
runner.late             .   +19.00 s not ended  orphan: its…
runner.one         #         +3.00 s    1.00 s  cycle: it i…
  runner.other      #        +3.50 s   -500 ms  completed
runner.日本         #        +3.70 s      0 ms  cycle: it i…

1 trace, 7 spans
";
        assert_eq!(draw(&example(), 60), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_canvas() {
        let mut trace = example();
        trace.spans[0].service = "長い名前のサービス\u{1b}[31m".into();
        for columns in [40, 41, 60, 80, 200] {
            let text = draw(&trace, columns);
            for line in text.lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn deep_spans_show_their_depth_as_a_number() {
        let mut trace = Trace::new("t");
        trace.spans = (0..=100).map(|depth| span(depth, "op", 0, Some(0))).collect();
        trace.spans.iter_mut().for_each(|span| span.service.clear());
        let text = draw(&trace, 100);
        assert!(text.contains("\n                  100> op"), "{text}");
        assert!(text.lines().all(|line| width(line) <= 100), "{text}");
    }

    #[test]
    fn anomalies_are_shown_and_other_rows_are_counted() {
        let row = |row: Json| row.as_object().unwrap().clone();
        let rows = vec![
            row(json!({"level": 0, "is_anomaly": false, "operation": "a"})),
            row(json!({"level": 1, "operation": "b", "is_anomaly": true,
                "gap_after_ms": 9000, "anomaly_reason": "Gap of 9000ms before the next operation"})),
        ];
        let answer = Diagnostic::new("7", "diagnose", Ok(rows));
        let canvas = Canvas { width: 60, colour: false, blocks: false };
        let expected = "  diagnose(7)
    anomaly_reason: Gap of 9000ms before the next operation
      operation: b  gap_after_ms: 9000
    1 row without an anomaly
";
        assert_eq!(diagnostic(&answer, canvas), expected);
    }
}
