//! Converts traces to OTLP/JSON, which trace viewers can open.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::Trace;
use crate::observation::{Span, StatusCode};

/// Returns the traces as an `ExportTraceServiceRequest` in the JSON encoding of OTLP: ids are
/// hexadecimal, times are nanoseconds as strings.
pub(crate) fn otlp_request<'a>(traces: impl IntoIterator<Item = &'a Trace>) -> Json {
    let mut services: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for node in traces.into_iter().flat_map(|trace| &trace.nodes) {
        services
            .entry(node.span.service.as_deref().unwrap_or_default())
            .or_default()
            .push(span_json(&node.span));
    }
    let resources: Vec<Json> = services
        .into_iter()
        .map(|(service, spans)| {
            let name = if service.is_empty() { "unknown_service" } else { service };
            json!({
                "resource": { "attributes": [attribute("service.name", &name.into())] },
                "scopeSpans": [{ "scope": { "name": "spanproof", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
            })
        })
        .collect();
    json!({ "resourceSpans": resources })
}

/// Converts a span to OTLP. In OTLP, each span has an end, so a span that has not ended gets the attribute
/// `spanproof.open` and, if no end was recorded, its start as its end.
fn span_json(span: &Span) -> Json {
    let ended = span.ended.as_ref().and_then(|time| time.at);
    let started = span.start().or(ended).unwrap_or_default();
    let ended = ended.unwrap_or(started).max(started);
    let mut attributes: Vec<Json> =
        span.attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    attributes.push(attribute("status", &span.status.text.as_deref().unwrap_or_default().into()));
    if !span.has_ended() {
        attributes.push(attribute("spanproof.open", &true.into()));
    }
    let code = match span.status.code {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    };
    let mut status = json!({ "code": code });
    if let Some(message) = span.error_text() {
        status["message"] = message.into();
    }
    let mut document = json!({
        "traceId": hex_id(span.trace.as_deref().unwrap_or_default(), 16),
        "spanId": hex_id(span.id.as_deref().unwrap_or_default(), 8),
        "name": span.name.as_deref().unwrap_or_default(),
        "kind": 1,
        "startTimeUnixNano": nanoseconds(started),
        "endTimeUnixNano": nanoseconds(ended),
        "attributes": attributes,
        "status": status,
    });
    if let Some(parent) = &span.parent {
        document["parentSpanId"] = hex_id(parent, 8).into();
    }
    document
}

fn nanoseconds(at: DateTime<Utc>) -> String {
    at.timestamp_nanos_opt().unwrap_or_default().max(0).to_string()
}

/// Converts a recorded id to an id of `bytes` bytes in hexadecimal digits. Uses the last digits of
/// a hexadecimal id that is long enough, such as a UUID, and a hash of any other id.
fn hex_id(id: &str, bytes: usize) -> String {
    let digits: String = id.chars().filter(|c| *c != '-').collect::<String>().to_lowercase();
    let hexadecimal = digits.chars().all(|c| c.is_ascii_hexdigit());
    if hexadecimal && digits.len() >= 2 * bytes {
        let tail = &digits[digits.len() - 2 * bytes..];
        // In OTLP an id of zeros is invalid.
        if tail.bytes().any(|byte| byte != b'0') {
            return tail.to_owned();
        }
    }
    format!("{:x}", Sha256::digest(id))[..2 * bytes].to_owned()
}

/// Converts an attribute to OTLP. Values of types that OTLP lacks become JSON in a string.
fn attribute(name: &str, value: &Json) -> Json {
    let value = match value {
        Json::Bool(truth) => json!({ "boolValue": truth }),
        Json::Number(number) if number.is_i64() || number.is_u64() => {
            json!({ "intValue": number.to_string() })
        }
        Json::Number(number) => json!({ "doubleValue": number }),
        Json::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    };
    json!({ "key": name, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::SpanTable;
    use crate::trace::traces;

    /// Returns the request for a root span and a child that has not ended.
    fn request() -> Json {
        let row = |span: &str, parent: Json, end: Json| {
            let row = json!({"trace_id": "0af76519-16cd-43dd-8448-eb211c80319c", "span_id": span,
                "parent_span_id": parent, "service": "runner", "operation": "ask",
                "started_at": "2025-10-22T12:00:00.000001+00:00", "completed_at": end,
                "status": if end.is_null() { "started" } else { "failed" }, "job_id": 469,
                "error_message": (!end.is_null()).then_some("refused"), "metadata": {"a": 1}});
            row.as_object().unwrap().clone()
        };
        let id = |n: u32| format!("00000000-0000-4000-8000-00000000000{n}");
        let rows = [
            row(&id(1), Json::Null, "2025-10-22T12:00:01+00:00".into()),
            row(&id(2), id(1).into(), Json::Null),
        ];
        otlp_request(&traces(Span::with_attributes(&SpanTable::default(), &rows)))
    }

    #[test]
    fn ids_times_and_values_are_encoded_as_otlp_defines() {
        let spans = &request()["resourceSpans"][0];
        assert_eq!(spans["resource"]["attributes"][0]["value"]["stringValue"], "runner");
        let [first, second] = [0, 1].map(|at| spans["scopeSpans"][0]["spans"][at].clone());
        assert_eq!(first["traceId"], "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(first["spanId"], "8000000000000001");
        assert_eq!(second["parentSpanId"], first["spanId"]);
        assert!(first.get("parentSpanId").is_none());
        assert_eq!(first["startTimeUnixNano"], "1761134400000001000");
        assert_eq!(first["endTimeUnixNano"], "1761134401000000000");
        assert_eq!(first["status"], json!({"code": 2, "message": "refused"}));
        assert_eq!(second["endTimeUnixNano"], second["startTimeUnixNano"]);
        assert_eq!(second["status"], json!({"code": 0}));
        let attributes = first["attributes"].as_array().unwrap();
        let attribute =
            |name: &str| attributes.iter().find(|one| one["key"] == name).unwrap()["value"].clone();
        assert_eq!(attribute("job_id"), json!({"intValue": "469"}));
        assert_eq!(attribute("metadata"), json!({"stringValue": "{\"a\":1}"}));
        let open = second["attributes"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(open, json!({"key": "spanproof.open", "value": {"boolValue": true}}));
    }

    #[test]
    fn every_recorded_id_becomes_a_valid_id_of_the_right_length() {
        assert_eq!(hex_id("00f067aa0ba902b7", 8), "00f067aa0ba902b7");
        for id in ["", "7", "not hexadecimal", "00000000-0000-0000-0000-000000000000"] {
            let encoded = hex_id(id, 8);
            let is_valid = encoded.len() == 16 && encoded.bytes().any(|byte| byte != b'0');
            assert!(is_valid, "{encoded}");
            assert_eq!(encoded, hex_id(id, 8));
        }
    }
}
