//! Traces for people: one line per span, with a bar for its time.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::terminal::counted;
use crate::deployment::{Answer, Looked};
use crate::trace::{Place, Placed, Trace};

/// More spans of one trace than this are not shown.
const SHOWN: usize = 500;
/// Deeper spans are not indented further.
const DEEPEST: usize = 12;

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
pub fn waterfall(looked: &Looked, traces: &[Trace], canvas: Canvas) -> String {
    let mut text = String::new();
    for trace in traces {
        text.push_str(&one(trace, canvas));
        let units: Vec<_> =
            trace.spans.iter().filter_map(|placed| placed.span.unit.as_ref()).collect();
        for answer in looked.answers.iter().filter(|answer| units.contains(&&answer.unit)) {
            text.push_str(&said(answer, canvas));
        }
        text.push('\n');
    }
    for unread in &looked.unread {
        let _infallible = writeln!(text, "not looked at: {unread}");
    }
    let spans: usize = traces.iter().map(|trace| trace.spans.len()).sum();
    let _infallible =
        writeln!(text, "{}, {}", counted(traces.len(), "trace"), counted(spans, "span"));
    text
}

fn one(trace: &Trace, canvas: Canvas) -> String {
    let mut text = String::new();
    let mut services: Vec<_> =
        trace.spans.iter().map(|placed| placed.span.service.as_str()).collect();
    services.retain(|service| !service.is_empty());
    services.sort_unstable();
    services.dedup();
    let started = trace.started().map(|at| at.format("%Y-%m-%d %H:%M:%S%.3fZ").to_string());
    let head = format!(
        "trace {}  {}  {}  {}  {}",
        trace.id,
        started.unwrap_or_else(|| "without a start".into()),
        duration(milliseconds(trace.took_ms())),
        counted(trace.spans.len(), "span"),
        services.join(", ")
    );
    let _infallible = writeln!(text, "{}", cut(&head, canvas.width));
    let names = trace.spans.iter().take(SHOWN).map(|placed| name(placed).chars().count());
    let widest = names.max().unwrap_or(0).min(canvas.width.saturating_sub(25) / 2).max(4);
    for placed in trace.spans.iter().take(SHOWN) {
        if let Some(gap) = placed.gap {
            let indent = "  ".repeat(placed.depth.min(DEEPEST));
            let line = format!("{indent}… {} of nothing", duration(milliseconds(gap.ms)));
            let _infallible = writeln!(text, "{}", cut(&line, canvas.width));
        }
        let _infallible = writeln!(text, "{}", line(trace, placed, widest, canvas));
    }
    if trace.spans.len() > SHOWN {
        let _infallible =
            writeln!(text, "… {} not shown", counted(trace.spans.len() - SHOWN, "more span"));
    }
    text
}

/// The name of a span, indented by its depth.
fn name(placed: &Placed) -> String {
    let span = &placed.span;
    let dot = if span.service.is_empty() { "" } else { "." };
    let name = plain(&format!("{}{dot}{}", span.service, span.operation));
    format!("{}{name}", "  ".repeat(placed.depth.min(DEEPEST)))
}

/// `name  ▕ bar ▏ +start duration status error`, no longer than the canvas is wide.
fn line(trace: &Trace, placed: &Placed, widest: usize, canvas: Canvas) -> String {
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
    let mut notes = vec![plain(&span.status)];
    notes.extend(match placed.place {
        Place::Orphan => Some("its parent is not here".to_owned()),
        Place::Circle => Some("its parents are a circle".to_owned()),
        Place::Root | Place::Child => None,
    });
    notes.extend(span.error.as_deref().map(plain));
    let numbers = format!("{offset:>9} {took:>9}");
    let name = format!("{:<widest$}", cut(&name(placed), widest));
    let rest = canvas.width.saturating_sub(widest + numbers.len() + 6);
    let bar = bar(trace, placed, (rest / 2).min(60), canvas);
    let head = format!("{name}  {bar}  {numbers}  ");
    let notes = cut(&notes.join("  "), canvas.width.saturating_sub(head.chars().count()));
    let notes =
        if canvas.colour && span.failed() { format!("\u{1b}[31m{notes}\u{1b}[0m") } else { notes };
    format!("{head}{notes}").trim_end().to_owned()
}

/// The span's part of its trace's time.
fn bar(trace: &Trace, placed: &Placed, width: usize, canvas: Canvas) -> String {
    let (fill, open) = if canvas.blocks { ('█', '░') } else { ('#', '.') };
    let (Some(first), Some(last)) = (trace.started(), trace.ended()) else {
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

/// What a function of the database says, a line for each row.
fn said(answer: &Answer, canvas: Canvas) -> String {
    let mut text = format!("  {}({})", answer.function, answer.unit);
    match &answer.rows {
        Err(why) => {
            let _infallible = write!(text, " could not be asked: {}", plain(why));
            text = cut(&text, canvas.width);
            text.push('\n');
        }
        Ok(rows) => {
            let none = if rows.is_empty() { ": nothing" } else { "" };
            let _infallible = writeln!(text, "{none}");
            for row in rows {
                let told = row.iter().filter(|(_, value)| !value.is_null());
                let told = told.map(|(name, value)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    format!("{name}={}", plain(&crate::mask::text(&value)))
                });
                let told: Vec<_> = told.collect();
                let _infallible =
                    writeln!(text, "{}", cut(&format!("    {}", told.join(" ")), canvas.width));
            }
        }
    }
    text
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

/// A text without anything that would move the cursor or end the line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text that is no longer than `width`.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::SpanTable;
    use crate::trace::traces;

    fn drawn(width: usize) -> String {
        let span = |id: &str,
                    parent: Option<&str>,
                    operation: &str,
                    start: u32,
                    end: Option<u32>| {
            let at = |ms: u32| format!("2025-10-22T12:00:{:02}.{:03}+00:00", ms / 1000, ms % 1000);
            let row = json!({"trace_id": "t1", "span_id": id, "parent_span_id": parent, "service": "runner",
                "operation": operation, "started_at": at(start), "completed_at": end.map(at),
                "status": if end.is_some() { "completed" } else { "started" },
                "error_message": (id == "c").then_some("No healthy\nproviders available for password=hunter2")});
            row.as_object().unwrap().clone()
        };
        let rows = [
            span("a", None, "execute_question", 0, Some(20_000)),
            span("b", Some("a"), "plan", 0, Some(2_000)),
            span("c", Some("a"), "hybrid_router_call", 14_000, Some(20_000)),
            span("d", Some("gone"), "late", 19_000, None),
        ];
        let traces = traces(&SpanTable::default(), &rows);
        let canvas = Canvas { width, colour: false, blocks: false };
        waterfall(&Looked::default(), &traces, canvas)
    }

    #[test]
    fn a_trace_is_drawn_with_its_nesting_gaps_failures_and_open_spans() {
        let expected = "\
trace t1  2025-10-22 12:00:00.000Z  20.00 s  4 spans  runner
runner.execute_question      ########################      +0 ms   20.00 s  completed
  runner.plan                ##                            +0 ms    2.00 s  completed
  … 12.00 s of nothing
  runner.hybrid_router_call                  ########   +14.00 s    6.00 s  completed  No healthy p…
runner.late                                        ..   +19.00 s      open  started  its parent is …

1 trace, 4 spans
";
        assert_eq!(drawn(100), expected);
    }

    #[test]
    fn no_line_is_longer_than_the_canvas() {
        for width in [40, 60, 80, 200] {
            for line in drawn(width).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        assert!(!drawn(300).contains("hunter2") && drawn(300).contains("password=***"));
    }
}
