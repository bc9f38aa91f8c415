//! Traces as JSON, for programs.

use serde_json::{Map, Value as Json, json};

use crate::deployment::{Answer, TraceMatches};
use crate::trace::{Place, Placed, Trace};

/// The traces with what is wrong with them, and what the database's own functions say. `"schema": 1`.
pub fn traces_json(looked: &TraceMatches, traces: &[Trace]) -> Json {
    let traces: Vec<Json> = traces.iter().map(|trace| told(looked, trace)).collect();
    json!({ "schema": 1, "traces": traces, "unread": looked.unread })
}

fn told(looked: &TraceMatches, trace: &Trace) -> Json {
    let orphans: Vec<&str> = trace
        .spans
        .iter()
        .filter(|placed| placed.place == Place::Orphan)
        .map(|placed| placed.span.id.as_str())
        .collect();
    let gaps: Vec<Json> = trace
        .spans
        .iter()
        .filter_map(|placed| Some(json!({ "before": placed.span.id, "ms": placed.gap?.ms })))
        .collect();
    let diagnostics: Vec<Json> =
        looked.answers.iter().filter(|answer| trace.is_of(&answer.unit)).map(said).collect();
    json!({
        "trace_id": trace.id,
        "started": trace.started(),
        "duration_ms": trace.took_ms(),
        "spans": trace.spans.iter().map(placed).collect::<Vec<_>>(),
        "orphans": orphans,
        "gaps": gaps,
        "diagnostics": diagnostics,
    })
}

fn said(answer: &Answer) -> Json {
    let (unit, function) = (&answer.unit, &answer.function);
    match &answer.rows {
        Ok(rows) => json!({ "execution": unit, "function": function, "rows": rows }),
        Err(why) => json!({ "execution": unit, "function": function, "error": why }),
    }
}

fn placed(placed: &Placed) -> Json {
    let span = &placed.span;
    let place = match placed.place {
        Place::Root => "root",
        Place::Child => "child",
        Place::Orphan => "orphan",
        Place::Circle => "circle",
    };
    let mut fields = Map::new();
    for (name, value) in [
        ("id", json!(span.id)),
        ("parent", json!(span.parent)),
        ("depth", json!(placed.depth)),
        ("place", json!(place)),
        ("gap_before_ms", json!(placed.gap.map(|gap| gap.ms))),
        ("service", json!(span.service)),
        ("operation", json!(span.operation)),
        ("started", json!(span.started)),
        ("completed", json!(span.completed)),
        ("duration_ms", json!(span.took_ms())),
        ("status", json!(span.status)),
        ("open", json!(span.open)),
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
    use crate::evidence::Row;
    use crate::spec::SpanTable;
    use crate::trace::traces;

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
        let spans = vec![
            span("1", "a", Json::Null, 0, 20),
            span("1", "b", "a".into(), 12, 20),
            span("2", "c", "gone".into(), 30, 31),
        ];
        let answer = |unit: &str, rows| Answer { unit: unit.into(), function: "why".into(), rows };
        let answers =
            vec![answer("1", Ok(vec![row(&json!({"a": 1}))])), answer("2", Err("no right".into()))];
        let looked = TraceMatches { answers, ..TraceMatches::default() };
        let json = traces_json(&looked, &traces(&SpanTable::default(), &spans));
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
