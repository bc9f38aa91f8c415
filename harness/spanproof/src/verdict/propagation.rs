//! Reads the trace context of a request to the fake upstream, from the headers of the common standards
//! or from the header that the spec names.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Minimum number of digits of half a trace id in decimal notation: shorter ones could be equal by chance.
const DECIMAL_ID: usize = 12;

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
                let span = value("x-datadog-parent-id").unwrap_or_default();
                let sampled = value("x-datadog-sampling-priority").and_then(datadog_priority);
                Self::new(value("x-datadog-trace-id")?, span, sampled)
            })
            .or_else(|| value("x-amzn-trace-id").and_then(x_ray))
            .or_else(|| value("x-cloud-trace-context").and_then(google_cloud))
            .or_else(|| value("sentry-trace").and_then(b3))
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

/// Whether two strings are the same id, perhaps in different notations.
pub(super) fn same_id(one: &str, other: &str) -> bool {
    normalize(one) == normalize(other)
}

/// Whether two strings are the same trace id. Datadog's header has only the lower half of an id, in decimal
/// notation (Datadog, "Trace Context Propagation").
pub(super) fn same_trace(one: &str, other: &str) -> bool {
    let is_half = |decimal: &str, whole: &str| {
        let half = decimal.parse::<u64>().ok().map(|half| format!("{half:016x}"));
        decimal.len() >= DECIMAL_ID && half.is_some_and(|half| normalize(whole).ends_with(&half))
    };
    same_id(one, other) || is_half(one, other) || is_half(other, one)
}

/// Returns an id in lower-case hexadecimal digits, without hyphens and leading zeros. It may be written in Base64, as
/// in the JSON form of Protocol Buffers, or as `1-TIME-REST` (AWS X-Ray, "Tracing header").
pub(super) fn normalize(id: &str) -> String {
    if let Some(bytes) = from_base64(id) {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        return digits.trim_start_matches('0').to_owned();
    }
    let id = without_x_ray_version(id).unwrap_or(id);
    let text: String = id.chars().filter(|c| *c != '-').flat_map(char::to_lowercase).collect();
    text.trim_start_matches('0').to_owned()
}

/// Decodes an id of 8 or 16 bytes; `None` if it is not in Base64. Without the `=` at the end, it could be another id.
fn from_base64(id: &str) -> Option<Vec<u8>> {
    let bytes = id.ends_with('=').then(|| STANDARD.decode(id).ok())??;
    matches!(bytes.len(), 8 | 16).then_some(bytes)
}

/// Returns `TIME-REST` of the trace id `1-TIME-REST`; `None` for any other id.
fn without_x_ray_version(id: &str) -> Option<&str> {
    let (time, rest) = id.strip_prefix("1-")?.split_once('-')?;
    (time.len() == 8 && rest.len() == 24).then(|| &id["1-".len()..])
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

/// Whether a sampling priority keeps the trace: 1 and 2 do, 0 and -1 do not (Datadog, "Trace Context
/// Propagation" and "Ingestion Mechanisms").
fn datadog_priority(value: &str) -> Option<bool> {
    value.parse::<i32>().ok().map(|priority| priority > 0)
}

/// Parses `Root=1-TIME-ID;Parent=SPAN;Sampled=1`. `Sampled` may be `?` (AWS X-Ray, "Tracing header").
fn x_ray(value: &str) -> Option<TraceContext> {
    let field = |name: &str| {
        let fields = value.split(';').filter_map(|field| field.trim().split_once('='));
        fields.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let sampled = match field("Sampled") {
        Some("1") => Some(true),
        Some("0") => Some(false),
        _ => None,
    };
    TraceContext::new(field("Root")?, field("Parent").unwrap_or_default(), sampled)
}

/// Parses `TRACE/SPAN;o=1`, whose last part may be missing (Google Cloud Trace, "Trace context").
fn google_cloud(value: &str) -> Option<TraceContext> {
    let (ids, options) = value.split_once(';').unwrap_or((value, ""));
    let (trace, span) = ids.split_once('/').unwrap_or((ids, ""));
    TraceContext::new(trace, span, options.strip_prefix("o=").map(|flag| flag == "1"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::kept("2", Some(true))]
    #[case::dropped("0", Some(false))]
    #[case::dropped_by_user("-1", Some(false))]
    #[case::none("", None)]
    fn a_priority_says_whether_a_trace_is_kept(
        #[case] priority: &str,
        #[case] sampled: Option<bool>,
    ) {
        let header = |name: &str, value: &str| (format!("x-datadog-{name}"), value.to_owned());
        let headers = [
            header("trace-id", "42"),
            header("parent-id", "7"),
            header("sampling-priority", priority),
        ];
        let found = TraceContext::read(&headers.into(), None).unwrap();
        let expected = TraceContext { trace: "42".into(), span: Some("7".into()), sampled };
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case::base64("S/kvNXezTaajzpKdDg5HNg==", "4bf92f3577b34da6a3ce929d0e0e4736", true)]
    #[case::x_ray("1-4bf92f35-77b34da6a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736", true)]
    #[case::uuid("4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e4736", true)]
    #[case::datadog("11803532876627986230", "4bf92f3577b34da6a3ce929d0e0e4736", true)]
    #[case::short_decimal("54", "4bf92f3577b34da60000000000000036", false)]
    #[case::lower_half("a3ce929d0e0e4736", "4bf92f3577b34da6a3ce929d0e0e4736", false)]
    #[case::other("4bf92f3577b34da6a3ce929d0e0e4737", "4bf92f3577b34da6a3ce929d0e0e4736", false)]
    fn a_trace_id_has_several_notations(
        #[case] one: &str,
        #[case] other: &str,
        #[case] same: bool,
    ) {
        assert_eq!([same_trace(one, other), same_trace(other, one)], [same; 2]);
    }

    #[rstest]
    #[case::w3c("traceparent", "00-4bf92f-00f067-01", Some(("4bf92f", Some(true))))]
    #[case::w3c_not_sampled("traceparent", "00-4bf92f-00f067-00", Some(("4bf92f", Some(false))))]
    #[case::w3c_without_tracer("traceparent", "00-0000-0000-00", None)]
    #[case::w3c_garbage("traceparent", "yes", None)]
    #[case::b3("b3", "4bf92f-00f067-1", Some(("4bf92f", Some(true))))]
    #[case::b3_deferred("b3", "4bf92f-00f067", Some(("4bf92f", None)))]
    #[case::b3_in_several_headers("x-b3-traceid", "4bf92f", Some(("4bf92f", None)))]
    #[case::jaeger("uber-trace-id", "4bf92f:00f0:0:0", Some(("4bf92f", Some(false))))]
    #[case::sentry("sentry-trace", "4bf92f-00f067-0", Some(("4bf92f", Some(false))))]
    #[case::x_ray(
        "x-amzn-trace-id", "Root=1-5759e988-bd862e3f;Parent=53995c3f;Sampled=0", Some(("1-5759e988-bd862e3f", Some(false)))
    )]
    #[case::x_ray_deferred("x-amzn-trace-id", "Root=1-5759-bd86; Sampled=?", Some(("1-5759-bd86", None)))]
    #[case::google("x-cloud-trace-context", "105445aa/1;o=1", Some(("105445aa", Some(true))))]
    #[case::google_without_options("x-cloud-trace-context", "105445aa/1", Some(("105445aa", None)))]
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
