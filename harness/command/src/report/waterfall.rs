//! Traces as text: one line per span, with a bar for its time.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::line::{cut, padded, plain, width, wrapped};
use super::terminal::counted;
use spanproof::outcome::{Answer, Place, Placed, Row, Trace, TraceOutcome, TracesOutcome};

/// Spans shown of one trace.
const MAX_SPANS: usize = 500;
/// Levels of indentation; a deeper span has its depth as a number.
const MAX_LEVELS: usize = 12;
/// Ids of jobs or executions shown of one trace.
const MAX_IDS: usize = 3;
/// The columns of the diagnostic functions that are shown before all others.
const FIRST_COLUMNS: [&str; 5] =
    ["root_cause_type", "anomaly_reason", "service", "operation", "similar_execution_id"];
/// The columns of an anomaly that the line of its span shows already.
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
    /// Columns of a line.
    pub width: usize,
    /// Whether failures have a colour.
    pub colour: bool,
    /// Whether bars use block characters; ASCII otherwise.
    pub blocks: bool,
}

/// Returns each trace as a waterfall, with what the diagnostic functions of the database return.
pub fn waterfall(outcome: &TracesOutcome, canvas: Canvas) -> String {
    let mut text = String::new();
    for one in &outcome.traces {
        text.push_str(&trace(one, canvas));
        for answer in &one.answers {
            text.push_str(&diagnostic(answer, canvas));
        }
        text.push('\n');
    }
    for unread in &outcome.unread {
        text.push_str(&wrapped(
            &[format!("not looked at: {}", plain(unread))],
            (0, 2),
            canvas.width,
        ));
    }
    let spans: usize = outcome.trees().map(|trace| trace.spans.len()).sum();
    let _infallible =
        writeln!(text, "{}, {}", counted(outcome.traces.len(), "trace"), counted(spans, "span"));
    text
}

fn trace(outcome: &TraceOutcome, canvas: Canvas) -> String {
    let trace = &outcome.trace;
    let mut text = wrapped(&head(outcome), (0, 2), canvas.width);
    let most = canvas.width.saturating_sub(25) / 2;
    let levels = (most / 4).clamp(1, MAX_LEVELS);
    let names = trace.spans.iter().take(MAX_SPANS).map(|placed| width(&name(placed, levels)));
    let widest = names.max().unwrap_or(0).min(most).max(4);
    for placed in trace.spans.iter().take(MAX_SPANS) {
        if let Some(gap) = placed.gap {
            let indent = "  ".repeat(placed.depth.min(levels));
            let line = format!("{indent}… {} of nothing", duration(milliseconds(gap.ms)));
            let _infallible = writeln!(text, "{}", cut(&line, canvas.width));
        }
        let name = padded(&name(placed, levels), widest);
        let _infallible = writeln!(text, "{}", line(trace, placed, &name, canvas));
    }
    if trace.spans.len() > MAX_SPANS {
        let _infallible =
            writeln!(text, "… {} not shown", counted(trace.spans.len() - MAX_SPANS, "more span"));
    }
    text
}

/// Returns the parts of the heading of a trace.
fn head(outcome: &TraceOutcome) -> Vec<String> {
    let trace = &outcome.trace;
    let started = trace.started().map(|at| at.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string());
    let mut head = vec![plain(&format!("trace {}", trace.id))];
    head.extend(ids("job", &outcome.jobs));
    head.extend(ids("execution", &outcome.executions));
    head.push(started.unwrap_or_else(|| "without a start".into()));
    head.push(duration(milliseconds(trace.took_ms())));
    head.push(counted(trace.spans.len(), "span"));
    let services: BTreeSet<_> =
        trace.spans.iter().filter_map(|placed| placed.span.service.as_deref().map(plain)).collect();
    let services: Vec<_> = services.into_iter().filter(|name| !name.trim().is_empty()).collect();
    head.push(services.join(", "));
    head
}

/// Returns `job 1` or `jobs 1, 2, 3 and 4 more`; `None` if there are no ids.
fn ids(word: &str, ids: &BTreeSet<String>) -> Option<String> {
    let count = ids.len();
    let first: Vec<_> = ids.iter().take(MAX_IDS).map(|id| plain(id)).collect();
    let s = if count == 1 { "" } else { "s" };
    let more = count.saturating_sub(MAX_IDS);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (count > 0).then(|| format!("{word}{s} {}{more}", first.join(", ")))
}

/// Returns the name of a span, indented by its depth.
fn name(placed: &Placed, levels: usize) -> String {
    let span = &placed.span;
    let (service, operation) = (span.service.as_deref(), span.name.as_deref());
    let (service, operation) = (service.unwrap_or_default(), operation.unwrap_or_default());
    let dot = if service.is_empty() { "" } else { "." };
    let deeper = if placed.depth > levels { format!("{}> ", placed.depth) } else { String::new() };
    let name = plain(&format!("{service}{dot}{operation}"));
    format!("{}{deeper}{name}", "  ".repeat(placed.depth.min(levels)))
}

/// Returns `name  ▕ bar ▏ +start duration status error`, cut to the width of the canvas.
fn line(trace: &Trace, placed: &Placed, name: &str, canvas: Canvas) -> String {
    let span = &placed.span;
    let offset = match (span.start(), trace.started()) {
        (Some(started), Some(first)) => format!("+{}", duration(elapsed(first, started))),
        _ => "+?".into(),
    };
    let took = match (!span.has_ended(), span.took_ms()) {
        (true, _) => "open".into(),
        (false, Some(ms)) => duration(ms),
        (false, None) => "?".into(),
    };
    let place = match placed.place {
        Place::Orphan => Some("orphan: its parent is not here".to_owned()),
        Place::Circle => Some("circle: it is its own ancestor".to_owned()),
        Place::Root | Place::Child => None,
    };
    let mut notes: Vec<String> = place.into_iter().collect();
    notes.push(plain(span.status.text.as_deref().unwrap_or_default()));
    notes.extend(span.start().filter(|_| !span.has_ended()).map(|at| since(trace, at)));
    notes.extend(span.error_text().as_deref().map(plain));
    let numbers = format!("{offset:>9} {took:>9}");
    let rest = canvas.width.saturating_sub(width(name) + numbers.len() + 6);
    let bar = bar(trace, placed, (rest / 3).min(60), canvas);
    let head = format!("{name}  {bar}  {numbers}  ");
    let notes = cut(&notes.join("  "), canvas.width.saturating_sub(width(&head)));
    let notes =
        if canvas.colour && span.failed() { format!("\u{1b}[31m{notes}\u{1b}[0m") } else { notes };
    format!("{head}{notes}").trim_end().to_owned()
}

/// Returns since when a span is open, with the day only if it is not that of the trace.
fn since(trace: &Trace, at: DateTime<Utc>) -> String {
    let same = trace.started().is_some_and(|first| first.date_naive() == at.date_naive());
    let format = if same { "open since %H:%M:%SZ" } else { "open since %Y-%m-%d %H:%M:%SZ" };
    at.format(format).to_string()
}

/// Returns the bar of a span: its part of the time of its trace.
fn bar(trace: &Trace, placed: &Placed, width: usize, canvas: Canvas) -> String {
    let (fill, open) = if canvas.blocks { ('█', '░') } else { ('#', '.') };
    let (Some(first), Some(last), Some(_)) = (trace.started(), trace.ended(), placed.span.start())
    else {
        return " ".repeat(width);
    };
    let whole = elapsed(first, last).max(0.001);
    let cell = |at: Option<DateTime<Utc>>| -> usize {
        #[expect(clippy::cast_precision_loss, reason = "a line has no millions of columns")]
        let cell = at.map_or(0.0, |at| elapsed(first, at) / whole * width as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is cut to the bar"
        )]
        let cell = cell.clamp(0.0, 10_000.0) as usize;
        cell.min(width)
    };
    let begin = cell(placed.span.start()).min(width.saturating_sub(1));
    let end = if placed.span.has_ended() {
        cell(placed.span.end()).max(begin + 1).min(width)
    } else {
        width
    };
    let fill = if placed.span.has_ended() { fill } else { open };
    let filled = end.saturating_sub(begin);
    let bar: String = std::iter::repeat_n(' ', begin)
        .chain(std::iter::repeat_n(fill, filled))
        .chain(std::iter::repeat_n(' ', width - begin.min(width) - filled))
        .collect();
    bar
}

/// Returns what a diagnostic function says: its anomalies, and how many rows are none.
fn diagnostic(answer: &Answer, canvas: Canvas) -> String {
    let asked = plain(&format!("{}({})", answer.function, answer.unit));
    let rows = match &answer.rows {
        Err(why) => {
            let why = plain(&format!("{asked} could not be asked: {why}"));
            return format!("  {}\n", cut(&why, canvas.width.saturating_sub(2)));
        }
        Ok(rows) if rows.is_empty() => return format!("  {asked}: nothing\n"),
        Ok(rows) => rows,
    };
    let (sound, odd): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row.get("is_anomaly") == Some(&Json::Bool(false)));
    let mut text = format!("  {asked}\n");
    for row in odd {
        text.push_str(&wrapped(&pairs(row), (4, 6), canvas.width));
    }
    if !sound.is_empty() {
        let _infallible = writeln!(text, "    {} without an anomaly", counted(sound.len(), "row"));
    }
    text
}

/// Returns the columns of a row that are not null, those that name the reason first.
fn pairs(row: &Row) -> Vec<String> {
    // The waterfall shows the span of an anomaly already.
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
    use spanproof::deployment::TraceMatches;
    use spanproof::observation::Span;
    use spanproof::spec::SpanTable;

    /// A trace with all that a trace may have, sound and unsound.
    fn rows() -> Vec<Row> {
        let at = |ms: Option<u32>| {
            let text = |ms| format!("2025-10-22T12:00:{:02}.{:03}", ms / 1000, ms % 1000);
            ms.map(text)
        };
        let span = |(id, parent, operation, start, end): (&str, &str, &str, u32, Option<u32>)| {
            let mut row = json!({"trace_id": "t1", "span_id": id,
                "parent_span_id": (!parent.is_empty()).then_some(parent), "service": "runner",
                "operation": operation, "started_at": at(Some(start)), "completed_at": at(end),
                "status": if id == "c" { "failed" } else if end.is_some() { "completed" } else { "started" },
                "job_id": 469, "execution_id": "7", "error_type": (id == "c").then_some("NoProvider"),
                "error_message": (id == "c").then_some("No healthy\nproviders \u{1b}[2Jfor password=hunter2")});
            // Rows come here masked.
            spanproof::mask::Secrets::default().json(&mut row);
            row.as_object().unwrap().clone()
        };
        let spans = [
            ("a", "", "execute_question", 0, Some(20_000)),
            ("b", "a", "plan", 0, Some(2_000)),
            ("c", "a", "hybrid_router_call", 14_000, Some(20_000)),
            ("d", "gone", "late", 19_000, None),
            ("e", "f", "one", 3_000, Some(4_000)),
            ("f", "e", "other", 3_500, Some(3_000)),
            ("g", "g", "日本", 3_700, Some(3_700)),
        ];
        spans.into_iter().map(span).collect()
    }

    fn drawn(rows: &[Row], width: usize) -> String {
        let canvas = Canvas { width, colour: false, blocks: false };
        let spans = Span::from_rows(&SpanTable::default(), rows);
        let found = TraceMatches { job: "job_id".into(), spans, ..TraceMatches::default() };
        waterfall(&TracesOutcome::new(&found), canvas)
    }

    #[test]
    fn a_trace_is_drawn_with_all_that_is_wrong_with_it() {
        let expected = "\
trace t1  job 469  execution 7  2025-10-22 12:00:00.000Z  20.00 s  7 spans  runner
runner.execute_question      ######################      +0 ms   20.00 s  completed
  runner.plan                ##                          +0 ms    2.00 s  completed
  … 12.00 s of nothing
  runner.hybrid_router_call                 #######   +14.00 s    6.00 s  failed  NoProvider: No healthy providers  [2J…
runner.late                                      ..   +19.00 s      open  orphan: its parent is not here  started  open…
runner.one                      #                      +3.00 s    1.00 s  circle: it is its own ancestor  completed
  runner.other                  #                      +3.50 s   -500 ms  completed
runner.日本                      #                     +3.70 s      0 ms  circle: it is its own ancestor  completed

1 trace, 7 spans
";
        assert_eq!(drawn(&rows(), 120), expected);
    }

    #[test]
    fn a_narrow_line_has_all_but_the_ends_of_texts() {
        let expected = "\
trace t1  job 469  execution 7  2025-10-22 12:00:00.000Z
  20.00 s  7 spans  runner
runner.execute_q…  ######      +0 ms   20.00 s  completed
  runner.plan      #           +0 ms    2.00 s  completed
  … 12.00 s of nothing
  runner.hybrid_…      ##   +14.00 s    6.00 s  failed  NoP…
runner.late             .   +19.00 s      open  orphan: its…
runner.one         #         +3.00 s    1.00 s  circle: it …
  runner.other      #        +3.50 s   -500 ms  completed
runner.日本         #        +3.70 s      0 ms  circle: it …

1 trace, 7 spans
";
        assert_eq!(drawn(&rows(), 60), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_canvas() {
        let mut rows = rows();
        rows[0].insert("service".into(), "長い名前のサービス\u{1b}[31m".into());
        for columns in [40, 41, 60, 80, 200] {
            let text = drawn(&rows, columns);
            for line in text.lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
            assert!(!text.contains('\u{1b}') && !text.contains("hunter2"), "{text}");
        }
        assert!(drawn(&rows, 300).contains("password=***"));
    }

    #[test]
    fn a_hundred_levels_are_told_by_their_number() {
        let row = |n: u32| {
            let row = json!({"trace_id": "t", "span_id": n.to_string(), "operation": "op",
                "parent_span_id": n.checked_sub(1).map(|n| n.to_string()), "status": "completed",
                "started_at": "2025-10-22T12:00:00Z", "completed_at": "2025-10-22T12:00:00Z"});
            row.as_object().unwrap().clone()
        };
        let text = drawn(&(0..=100).map(row).collect::<Vec<_>>(), 100);
        assert!(text.contains("\n                  100> op"), "{text}");
        assert!(text.lines().all(|line| width(line) <= 100), "{text}");
    }

    #[test]
    fn an_answer_begins_with_what_is_wrong_and_counts_what_is_not() {
        let row = |row: Json| row.as_object().unwrap().clone();
        let rows = vec![
            row(json!({"level": 0, "is_anomaly": false, "operation": "a"})),
            row(json!({"level": 1, "operation": "b", "is_anomaly": true,
                "gap_after_ms": 9000, "anomaly_reason": "Gap of 9000ms before the next operation"})),
        ];
        let answer = Answer { unit: "7".into(), function: "diagnose".into(), rows: Ok(rows) };
        let canvas = Canvas { width: 60, colour: false, blocks: false };
        let expected = "  diagnose(7)
    anomaly_reason: Gap of 9000ms before the next operation
      operation: b  gap_after_ms: 9000
    1 row without an anomaly
";
        assert_eq!(diagnostic(&answer, canvas), expected);
    }
}
