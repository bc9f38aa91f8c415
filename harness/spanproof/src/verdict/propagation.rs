//! Reads the trace context of a request to the fake upstream, from the headers of the common standards
//! or from the header that the spec names.

use std::collections::BTreeMap;

/// The trace context of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceContext {
    /// The trace id, as written in the header.
    pub(super) trace: String,
    /// The id of the span that made the request; `None` if the header does not contain it.
    pub(super) span: Option<String>,
    /// Whether the trace is sampled, which means recorded; `None` if the header does not contain it.
    pub(super) sampled: Option<bool>,
}

impl TraceContext {
    /// Reads the context from the headers of a request, whose names are in lower case; `None` if no
    /// header contains a trace id. `custom` is the name of the header in the spec.
    pub(super) fn read(headers: &BTreeMap<String, String>, custom: Option<&str>) -> Option<Self> {
        let value = |name: &str| headers.get(name).map(|value| value.trim());
        let found = value("traceparent")
            .and_then(w3c)
            .or_else(|| value("b3").and_then(b3))
            .or_else(|| {
                let span = value("x-b3-spanid").unwrap_or_default();
                Self::new(value("x-b3-traceid")?, span, value("x-b3-sampled").map(is_sampled))
            })
            .or_else(|| value("uber-trace-id").and_then(jaeger))
            .or_else(|| {
                let trace = value(&custom?.to_ascii_lowercase())?.to_owned();
                Some(Self { trace, span: None, sampled: None })
            });
        found.filter(|context| context.trace.chars().any(|c| c != '0' && c != '-'))
    }

    fn new(trace: &str, span: &str, sampled: Option<bool>) -> Option<Self> {
        let span = (!span.is_empty()).then(|| span.to_owned());
        (!trace.is_empty()).then(|| Self { trace: trace.to_owned(), span, sampled })
    }
}

/// Whether two texts are the same id. Upper and lower case, hyphens and leading zeros do not matter.
pub(super) fn same_id(one: &str, other: &str) -> bool {
    normalize(one) == normalize(other)
}

/// Returns an id in lower case, without hyphens and leading zeros.
pub(super) fn normalize(id: &str) -> String {
    let text: String = id.chars().filter(|c| *c != '-').flat_map(char::to_lowercase).collect();
    text.trim_start_matches('0').to_owned()
}

/// Parses `00-TRACE-SPAN-01`. The lowest bit of the last field means sampled (W3C Trace Context, 3.2.2).
fn w3c(value: &str) -> Option<TraceContext> {
    let fields: Vec<_> = value.split('-').collect();
    let [_version, trace, span, flags, ..] = fields[..] else { return None };
    let sampled = u8::from_str_radix(flags, 16).ok().map(|flags| flags & 1 == 1);
    TraceContext::new(trace, span, sampled)
}

/// Parses `TRACE-SPAN-1`. The last field is `1` or `d` for sampled and `0` for not sampled. `None` for
/// the header `0`, which means not sampled and has no trace id (B3 propagation, "Single Header").
fn b3(value: &str) -> Option<TraceContext> {
    let mut fields = value.split('-');
    let (trace, span, sampled) = (fields.next()?, fields.next()?, fields.next());
    TraceContext::new(trace, span, sampled.map(is_sampled))
}

fn is_sampled(field: &str) -> bool {
    field == "1" || field == "d" || field.eq_ignore_ascii_case("true")
}

/// Parses `TRACE:SPAN:PARENT:FLAGS`. The lowest bit of the flags means sampled (Jaeger's client
/// libraries, "Propagation format").
fn jaeger(value: &str) -> Option<TraceContext> {
    let fields: Vec<_> = value.split(':').collect();
    let [trace, span, _parent, flags] = fields[..] else { return None };
    let sampled = u8::from_str_radix(flags, 16).ok().map(|flags| flags & 1 == 1);
    TraceContext::new(trace, span, sampled)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::w3c("traceparent", "00-4bf92f-00f067-01", Some(("4bf92f", Some(true))))]
    #[case::w3c_not_sampled("traceparent", "00-4bf92f-00f067-00", Some(("4bf92f", Some(false))))]
    #[case::w3c_without_tracer("traceparent", "00-0000-0000-00", None)]
    #[case::w3c_garbage("traceparent", "yes", None)]
    #[case::b3("b3", "4bf92f-00f067-1", Some(("4bf92f", Some(true))))]
    #[case::b3_deferred("b3", "4bf92f-00f067", Some(("4bf92f", None)))]
    #[case::b3_of_several("x-b3-traceid", "4bf92f", Some(("4bf92f", None)))]
    #[case::jaeger("uber-trace-id", "4bf92f:00f0:0:0", Some(("4bf92f", Some(false))))]
    #[case::custom("x-trace-id", "t1", Some(("t1", None)))]
    #[case::unrelated("accept", "t1", None)]
    fn headers_of_the_common_standards_are_read(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: Option<(&str, Option<bool>)>,
    ) {
        let headers = [(name.to_owned(), value.to_owned())].into();
        let found = TraceContext::read(&headers, Some("X-Trace-Id"));
        let found = found.as_ref().map(|context| (context.trace.as_str(), context.sampled));
        assert_eq!(found, expected);
    }
}
