//! Traces for people: one line per span, with a bar for its time.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::line::{cut, padded, plain, width, wrapped};
use super::terminal::counted;
use crate::deployment::{Answer, TraceMatches};
use crate::evidence::Row;
use crate::trace::{Place, Placed, Trace};

/// More spans of one trace than this are not shown.
const SHOWN: usize = 500;
/// Deeper spans are not indented further: their depth is told in a number.
const DEEPEST: usize = 12;
/// So many jobs or executions of one trace are named.
const NAMED: usize = 3;
/// The columns of the diagnostic functions that are told before all others.
const TOLD_FIRST: [&str; 5] =
    ["root_cause_type", "anomaly_reason", "service", "operation", "similar_execution_id"];
/// The columns of an anomaly that are in its span's line.
const SHOWN_ABOVE: [&str; 8] = [
    "is_anomaly",
    "level",
    "span_id",
    "started_at",
    "completed_at",
    "duration_ms",
    "status",
    "error_message",
];

/// How traces are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// Columns of a line.
    pub width: usize,
    /// Whether failures are coloured.
    pub colour: bool,
    /// Whether bars are made of blocks; of ASCII otherwise.
    pub blocks: bool,
}

/// All traces, each with its waterfall, and what the database's own functions say.
pub fn waterfall(looked: &TraceMatches, traces: &[Trace], canvas: Canvas) -> String {
    let mut text = String::new();
    for trace in traces {
        text.push_str(&one(&looked.job, trace, canvas));
        for answer in looked.answers.iter().filter(|answer| trace.is_of(&answer.unit)) {
            text.push_str(&said(answer, canvas));
        }
        text.push('\n');
    }
    for unread in &looked.unread {
        text.push_str(&wrapped(
            &[format!("not looked at: {}", plain(unread))],
            (0, 2),
            canvas.width,
        ));
    }
    let spans: usize = traces.iter().map(|trace| trace.spans.len()).sum();
    let _infallible =
        writeln!(text, "{}, {}", counted(traces.len(), "trace"), counted(spans, "span"));
    text
}

fn one(job: &str, trace: &Trace, canvas: Canvas) -> String {
    let mut text = wrapped(&head(job, trace), (0, 2), canvas.width);
    let most = canvas.width.saturating_sub(25) / 2;
    let levels = (most / 4).clamp(1, DEEPEST);
    let names = trace.spans.iter().take(SHOWN).map(|placed| width(&name(placed, levels)));
    let widest = names.max().unwrap_or(0).min(most).max(4);
    for placed in trace.spans.iter().take(SHOWN) {
        if let Some(gap) = placed.gap {
            let indent = "  ".repeat(placed.depth.min(levels));
            let line = format!("{indent}… {} of nothing", duration(milliseconds(gap.ms)));
            let _infallible = writeln!(text, "{}", cut(&line, canvas.width));
        }
        let name = padded(&name(placed, levels), widest);
        let _infallible = writeln!(text, "{}", line(trace, placed, &name, canvas));
    }
    if trace.spans.len() > SHOWN {
        let _infallible =
            writeln!(text, "… {} not shown", counted(trace.spans.len() - SHOWN, "more span"));
    }
    text
}

/// What a trace is of, and when.
fn head(job: &str, trace: &Trace) -> Vec<String> {
    let spans = || trace.spans.iter().map(|placed| &placed.span);
    let jobs = spans().filter_map(|span| match span.attributes.get(job)? {
        Json::String(name) => Some(name.clone()),
        other => Some(other.to_string()),
    });
    let started = trace.started().map(|at| at.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string());
    let mut head = vec![plain(&format!("trace {}", trace.id))];
    head.extend(named("job", jobs.collect()));
    head.extend(named("execution", spans().filter_map(|span| span.unit.clone()).collect()));
    head.push(started.unwrap_or_else(|| "without a start".into()));
    head.push(duration(milliseconds(trace.took_ms())));
    head.push(counted(trace.spans.len(), "span"));
    let services: BTreeSet<_> = spans().map(|span| plain(&span.service)).collect();
    let services: Vec<_> = services.into_iter().filter(|name| !name.trim().is_empty()).collect();
    head.push(services.join(", "));
    head
}

/// `job 1`, `jobs 1, 2, 3 and 4 more`; nothing where there are none.
fn named(word: &str, ids: BTreeSet<String>) -> Option<String> {
    let count = ids.len();
    let first: Vec<_> = ids.into_iter().take(NAMED).map(|id| plain(&id)).collect();
    let s = if count == 1 { "" } else { "s" };
    let more = count.saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (count > 0).then(|| format!("{word}{s} {}{more}", first.join(", ")))
}

/// The name of a span, indented by its depth.
fn name(placed: &Placed, levels: usize) -> String {
    let span = &placed.span;
    let dot = if span.service.is_empty() { "" } else { "." };
    let deeper = if placed.depth > levels { format!("{}> ", placed.depth) } else { String::new() };
    let name = plain(&format!("{}{dot}{}", span.service, span.operation));
    format!("{}{deeper}{name}", "  ".repeat(placed.depth.min(levels)))
}

/// `name  ▕ bar ▏ +start duration status error`, no longer than the canvas is wide.
fn line(trace: &Trace, placed: &Placed, name: &str, canvas: Canvas) -> String {
    let span = &placed.span;
    let offset = match (span.started, trace.started()) {
        (Some(started), Some(first)) => format!("+{}", duration(elapsed(first, started))),
        _ => "+?".into(),
    };
    let took = match (span.open, span.took_ms()) {
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
    notes.push(plain(&span.status));
    notes.extend(span.started.filter(|_| span.open).map(|at| since(trace, at)));
    notes.extend(span.trouble().as_deref().map(plain));
    let numbers = format!("{offset:>9} {took:>9}");
    let rest = canvas.width.saturating_sub(width(name) + numbers.len() + 6);
    let bar = bar(trace, placed, (rest / 3).min(60), canvas);
    let head = format!("{name}  {bar}  {numbers}  ");
    let notes = cut(&notes.join("  "), canvas.width.saturating_sub(width(&head)));
    let notes =
        if canvas.colour && span.failed() { format!("\u{1b}[31m{notes}\u{1b}[0m") } else { notes };
    format!("{head}{notes}").trim_end().to_owned()
}

/// Since when a span is open; the day only where it is not the trace's.
fn since(trace: &Trace, at: DateTime<Utc>) -> String {
    let same = trace.started().is_some_and(|first| first.date_naive() == at.date_naive());
    let format = if same { "open since %H:%M:%SZ" } else { "open since %Y-%m-%d %H:%M:%SZ" };
    at.format(format).to_string()
}

/// The span's part of its trace's time.
fn bar(trace: &Trace, placed: &Placed, width: usize, canvas: Canvas) -> String {
    let (fill, open) = if canvas.blocks { ('█', '░') } else { ('#', '.') };
    let (Some(first), Some(last), Some(_)) = (trace.started(), trace.ended(), placed.span.started)
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
    let begin = cell(placed.span.started).min(width.saturating_sub(1));
    let end = if placed.span.open {
        width
    } else {
        cell(placed.span.completed).max(begin + 1).min(width)
    };
    let fill = if placed.span.open { open } else { fill };
    let filled = end.saturating_sub(begin);
    let bar: String = std::iter::repeat_n(' ', begin)
        .chain(std::iter::repeat_n(fill, filled))
        .chain(std::iter::repeat_n(' ', width - begin.min(width) - filled))
        .collect();
    bar
}

/// What a function of the database says: what is wrong, and how much is not.
fn said(answer: &Answer, canvas: Canvas) -> String {
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

/// The columns of a row that hold something, those that say what is wrong first.
fn pairs(row: &Row) -> Vec<String> {
    // Of an anomaly the waterfall has shown the span already.
    let shown: &[&str] =
        if row.get("anomaly_reason").is_some_and(Json::is_string) { &SHOWN_ABOVE } else { &[] };
    let rank = |name: &str| TOLD_FIRST.iter().position(|first| *first == name);
    let mut told: Vec<_> = row
        .iter()
        .filter(|(name, value)| !value.is_null() && !shown.contains(&name.as_str()))
        .collect();
    told.sort_by_key(|(name, _)| rank(name).unwrap_or(TOLD_FIRST.len()));
    let pair = |(name, value): (&String, &Json)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        plain(&format!("{name}: {value}"))
    };
    told.into_iter().map(pair).collect()
}

fn elapsed(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    milliseconds((to - from).num_milliseconds())
}

#[expect(clippy::cast_precision_loss, reason = "exact for thousands of years")]
fn milliseconds(ms: i64) -> f64 {
    ms as f64
}

/// `12 ms`, `1.25 s`, `3.2 min`, `5.1 h`.
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
    use crate::spec::SpanTable;
    use crate::trace::traces;

    /// A trace with all that a trace may have, sound and unsound.
    fn rows() -> Vec<Row> {
        let at = |ms: Option<u32>| {
            let text = |ms| format!("2025-10-22T12:00:{:02}.{:03}", ms / 1000, ms % 1000);
            ms.map(text)
        };
        let span = |(id, parent, operation, start, end): (&str, &str, &str, u32, Option<u32>)| {
            let row = json!({"trace_id": "t1", "span_id": id,
                "parent_span_id": (!parent.is_empty()).then_some(parent), "service": "runner",
                "operation": operation, "started_at": at(Some(start)), "completed_at": at(end),
                "status": if id == "c" { "failed" } else if end.is_some() { "completed" } else { "started" },
                "job_id": 469, "execution_id": "7", "error_type": (id == "c").then_some("NoProvider"),
                "error_message": (id == "c").then_some("No healthy\nproviders \u{1b}[2Jfor password=hunter2")});
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
        let traces = traces(&SpanTable::default(), rows);
        let canvas = Canvas { width, colour: false, blocks: false };
        let looked = TraceMatches { job: "job_id".into(), ..TraceMatches::default() };
        waterfall(&looked, &traces, canvas)
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
        assert_eq!(said(&answer, canvas), expected);
    }
}
