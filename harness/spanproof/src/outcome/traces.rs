//! Converts the traces of an existing system into a [`Traces`] document. The document calls a unit of work
//! (one part of a job) an execution.

use serde_json::Value as Json;
use spanproof_format as format;
use spanproof_format::{Diagnostic, Gap, SpanPosition, TraceSpan, Traces};

use crate::deployment::{FunctionResult, TraceMatches};
use crate::trace::{Node, Position, Trace, otlp_request, traces as trees};

impl TraceMatches {
    /// Returns the document that the command `spanproof traces` prints.
    pub fn document(&self) -> Traces {
        let traces = trees(self.spans.clone());
        let traces = traces.iter().map(|one| trace(one, self)).collect();
        Traces::new(traces, self.unread.clone())
    }

    /// Returns the spans as one OTLP request in JSON.
    pub fn otlp(&self) -> Json {
        otlp_request(&trees(self.spans.clone()))
    }
}

/// Returns the document of one trace. It includes the results of the diagnostic functions: SQL functions in
/// the service's database that explain a unit of work.
fn trace(trace: &Trace, found: &TraceMatches) -> format::Trace {
    let spans = || trace.nodes.iter().map(|node| &node.span);
    let jobs = spans().filter_map(|span| match span.attributes.get(&found.job_column)? {
        Json::String(name) => Some(name.clone()),
        other => Some(other.to_string()),
    });
    let diagnostics = found.diagnostics.iter().filter(|result| trace.has_unit(&result.unit));
    let orphans = trace.nodes.iter().filter(|node| node.position == Position::Orphan);
    let gaps = trace.nodes.iter().filter_map(|node| Some(Gap::new(id(node), node.gap_ms?)));
    let mut document = format::Trace::new(&trace.id);
    document.started = trace.first_start();
    document.ended = trace.last_time();
    document.duration_ms = trace.elapsed_ms();
    document.spans = trace.nodes.iter().map(span).collect();
    document.orphans = orphans.map(|node| id(node).to_owned()).collect();
    document.gaps = gaps.collect();
    document.diagnostics = diagnostics.map(diagnostic).collect();
    document.jobs = jobs.collect();
    document.executions = spans().filter_map(|span| span.unit.clone()).collect();
    document
}

/// Returns the id of a span; empty if the span has no id.
fn id(node: &Node) -> &str {
    node.span.id.as_deref().unwrap_or_default()
}

fn diagnostic(result: &FunctionResult) -> Diagnostic {
    Diagnostic::new(&result.unit, &result.function, result.rows.clone())
}

fn span(node: &Node) -> TraceSpan {
    let span = &node.span;
    let mut document = TraceSpan::new(id(node), span.name.as_deref().unwrap_or_default());
    document.parent.clone_from(&span.parent);
    document.depth = node.depth;
    document.position = match node.position {
        Position::Root => SpanPosition::Root,
        Position::Child => SpanPosition::Child,
        Position::Orphan => SpanPosition::Orphan,
        Position::Cycle => SpanPosition::Cycle,
    };
    document.gap_before_ms = node.gap_ms;
    document.service = span.service.clone().unwrap_or_default();
    document.started = span.start();
    // If the status says that the span has not ended, `completed` still has the recorded time, and `ended` is
    // `None`.
    document.completed = span.ended.as_ref().and_then(|time| time.at);
    document.ended = span.end();
    document.duration_ms = span.elapsed_ms();
    document.status = span.status.text.clone().unwrap_or_default();
    document.not_ended = !span.has_ended();
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
    fn each_trace_has_its_own_orphans_gaps_and_diagnostics() {
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
        let result =
            |unit: &str, rows| FunctionResult { unit: unit.into(), function: "why".into(), rows };
        let diagnostics =
            vec![result("1", Ok(vec![row(&json!({"a": 1}))])), result("2", Err("no right".into()))];
        let spans = Span::with_attributes(&SpanTable::default(), &spans);
        let found = TraceMatches { spans, diagnostics, ..TraceMatches::default() };
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
