//! Traces as JSON.

use serde_json::{Map, Value as Json, json};

use spanproof::outcome::{Answer, Place, Placed, TraceOutcome, TracesOutcome};

/// Returns the traces with their orphans and gaps, and what the diagnostic functions of the
/// database return. `"schema": 1`.
pub fn traces_json(outcome: &TracesOutcome) -> Json {
    let traces: Vec<Json> = outcome.traces.iter().map(trace).collect();
    json!({ "schema": 1, "traces": traces, "unread": outcome.unread })
}

fn trace(outcome: &TraceOutcome) -> Json {
    let trace = &outcome.trace;
    let orphans: Vec<&str> = trace
        .spans
        .iter()
        .filter(|placed| placed.place == Place::Orphan)
        .map(|placed| placed.span.id.as_deref().unwrap_or_default())
        .collect();
    let gaps: Vec<Json> = trace
        .spans
        .iter()
        .filter_map(|placed| {
            let before = placed.span.id.as_deref().unwrap_or_default();
            Some(json!({ "before": before, "ms": placed.gap?.ms }))
        })
        .collect();
    json!({
        "trace_id": trace.id,
        "started": trace.started(),
        "duration_ms": trace.took_ms(),
        "spans": trace.spans.iter().map(span).collect::<Vec<_>>(),
        "orphans": orphans,
        "gaps": gaps,
        "diagnostics": outcome.answers.iter().map(diagnostic).collect::<Vec<_>>(),
    })
}

fn diagnostic(answer: &Answer) -> Json {
    let (unit, function) = (&answer.unit, &answer.function);
    match &answer.rows {
        Ok(rows) => json!({ "execution": unit, "function": function, "rows": rows }),
        Err(why) => json!({ "execution": unit, "function": function, "error": why }),
    }
}

fn span(placed: &Placed) -> Json {
    let span = &placed.span;
    let place = match placed.place {
        Place::Root => "root",
        Place::Child => "child",
        Place::Orphan => "orphan",
        Place::Circle => "circle",
    };
    let mut fields = Map::new();
    for (name, value) in [
        ("id", json!(span.id.as_deref().unwrap_or_default())),
        ("parent", json!(span.parent)),
        ("depth", json!(placed.depth)),
        ("place", json!(place)),
        ("gap_before_ms", json!(placed.gap.map(|gap| gap.ms))),
        ("service", json!(span.service.as_deref().unwrap_or_default())),
        ("operation", json!(span.name.as_deref().unwrap_or_default())),
        ("started", json!(span.start())),
        ("completed", json!(span.ended.as_ref().and_then(|time| time.at))),
        ("duration_ms", json!(span.took_ms())),
        ("status", json!(span.status.text.as_deref().unwrap_or_default())),
        ("open", json!(!span.has_ended())),
        ("error", json!(span.error)),
        ("error_type", json!(span.error_type)),
        ("execution", json!(span.unit)),
        ("attributes", json!(span.attributes)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    Json::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanproof::deployment::TraceMatches;
    use spanproof::observation::Span;
    use spanproof::outcome::Row;
    use spanproof::spec::SpanTable;

    fn row(value: &Json) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn each_trace_has_its_own_orphans_gaps_and_answers() {
        let span = |trace: &str, id: &str, parent: Json, start: u32, end: u32| {
            row(
                &json!({"trace_id": trace, "span_id": id, "parent_span_id": parent, "operation": "ask",
                "status": "completed", "execution_id": trace, "started_at": format!("2025-10-22T12:00:{start:02}"),
                "completed_at": format!("2025-10-22T12:00:{end:02}")}),
            )
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
        let json = traces_json(&TracesOutcome::new(&found));
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
