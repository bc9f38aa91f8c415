//! Traces of an existing system.

use serde_json::Value as Json;
use spanproof_format as format;
use spanproof_format::{Diagnostic, Gap, SpanPlace, TraceSpan, Traces};

use crate::deployment::{Answer, TraceMatches};
use crate::trace::{Place, Placed, Trace, otlp_request, traces as trees};

impl TraceMatches {
    /// Returns the document of the traces: what `traces` prints.
    pub fn document(&self) -> Traces {
        let traces = trees(self.spans.clone());
        let traces = traces.iter().map(|one| trace(one, self)).collect();
        Traces::new(traces, self.unread.clone())
    }

    /// Returns the spans as one OTLP request, in JSON.
    pub fn otlp(&self) -> Json {
        otlp_request(&trees(self.spans.clone()))
    }
}

fn trace(trace: &Trace, found: &TraceMatches) -> format::Trace {
    let spans = || trace.spans.iter().map(|placed| &placed.span);
    let jobs = spans().filter_map(|span| match span.attributes.get(&found.job)? {
        Json::String(name) => Some(name.clone()),
        other => Some(other.to_string()),
    });
    let answers = found.answers.iter().filter(|answer| trace.is_of(&answer.unit));
    let orphans = trace.spans.iter().filter(|placed| placed.place == Place::Orphan);
    let gaps = trace.spans.iter().filter_map(|placed| Some(Gap::new(id(placed), placed.gap?.ms)));
    let mut document = format::Trace::new(&trace.id);
    document.started = trace.started();
    document.ended = trace.ended();
    document.duration_ms = trace.took_ms();
    document.spans = trace.spans.iter().map(span).collect();
    document.orphans = orphans.map(|placed| id(placed).to_owned()).collect();
    document.gaps = gaps.collect();
    document.diagnostics = answers.map(diagnostic).collect();
    document.jobs = jobs.collect();
    document.executions = spans().filter_map(|span| span.unit.clone()).collect();
    document
}

fn id(placed: &Placed) -> &str {
    placed.span.id.as_deref().unwrap_or_default()
}

fn diagnostic(answer: &Answer) -> Diagnostic {
    Diagnostic::new(&answer.unit, &answer.function, answer.rows.clone())
}

fn span(placed: &Placed) -> TraceSpan {
    let span = &placed.span;
    let mut document = TraceSpan::new(id(placed), span.name.as_deref().unwrap_or_default());
    document.parent.clone_from(&span.parent);
    document.depth = placed.depth;
    document.place = match placed.place {
        Place::Root => SpanPlace::Root,
        Place::Child => SpanPlace::Child,
        Place::Orphan => SpanPlace::Orphan,
        Place::Circle => SpanPlace::Circle,
    };
    document.gap_before_ms = placed.gap.map(|gap| gap.ms);
    document.service = span.service.clone().unwrap_or_default();
    document.started = span.start();
    document.completed = span.ended.as_ref().and_then(|time| time.at);
    document.ended = span.end();
    document.duration_ms = span.took_ms();
    document.status = span.status.text.clone().unwrap_or_default();
    document.open = !span.has_ended();
    document.failed = Some(span.failed());
    document.error.clone_from(&span.error);
    document.error_type.clone_from(&span.error_type);
    document.execution.clone_from(&span.unit);
    document.attributes.clone_from(&span.attributes);
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observation::{Row, Span};
    use crate::spec::SpanTable;

    fn row(value: &Json) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn each_trace_has_its_own_orphans_gaps_and_answers() {
        let span = |trace: &str, id: &str, parent: Json, start: u32, end: u32| {
            row(&json!({
                "trace_id": trace, "span_id": id, "parent_span_id": parent, "operation": "ask",
                "status": "completed", "execution_id": trace,
                "started_at": format!("2025-10-22T12:00:{start:02}"),
                "completed_at": format!("2025-10-22T12:00:{end:02}"),
            }))
        };
        let spans = [
            span("1", "a", Json::Null, 0, 20),
            span("1", "b", "a".into(), 12, 20),
            span("2", "c", "gone".into(), 30, 31),
        ];
        let answer = |unit: &str, rows| Answer { unit: unit.into(), function: "why".into(), rows };
        let answers =
            vec![answer("1", Ok(vec![row(&json!({"a": 1}))])), answer("2", Err("no right".into()))];
        let spans = Span::from_rows(&SpanTable::default(), &spans);
        let found = TraceMatches { spans, answers, ..TraceMatches::default() };
        let json = serde_json::to_value(found.document()).unwrap();
        let [first, second] = [0, 1].map(|at| json["traces"][at].clone());
        assert_eq!(json["schema"], 1);
        assert_eq!(first["trace_id"], "1");
        assert_eq!(first["orphans"], json!([]));
        assert_eq!(first["gaps"], json!([{"before": "b", "ms": 12000}]));
        let why = json!([{"execution": "1", "function": "why", "rows": [{"a": 1}]}]);
        assert_eq!(first["diagnostics"], why);
        assert_eq!(first["spans"][1]["depth"], 1);
        assert_eq!(first["spans"][1]["started"], "2025-10-22T12:00:12Z");
        assert_eq!(second["orphans"], json!(["c"]));
        assert_eq!(second["gaps"], json!([]));
        let why = json!([{"execution": "2", "function": "why", "error": "no right"}]);
        assert_eq!(second["diagnostics"], why);
    }
}
