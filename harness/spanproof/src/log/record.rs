//! JSON documents with several log entries, as collectors export them and as APIs return them.

use serde_json::{Map, Value as Json};

type Object = Map<String, Json>;

/// Keys of the list of all entries, in documents that are an object around this list.
pub(super) const LISTS: [&str; 5] = ["events", "logEvents", "entries", "logs", "data"];

/// Returns the entries of a document; `None` if the document has no known form of a list of entries.
pub(super) fn records(document: Json) -> Option<Vec<Object>> {
    let mut document = match document {
        Json::Array(entries) => return objects(entries),
        Json::Object(document) => document,
        _ => return None,
    };
    if let Some(resources) = either(&document, "resourceLogs", "resource_logs") {
        return Some(open_telemetry(resources));
    }
    if let Some(hits) = document.get("hits").and_then(|hits| hits.get("hits")) {
        return objects(hits.as_array()?.clone());
    }
    if let Some(Json::Array(tables)) = document.get("tables") {
        return Some(tables.iter().flat_map(table).collect());
    }
    if let Some(streams) = document.get("data").and_then(|data| data.get("result")) {
        return Some(loki(streams));
    }
    if let Some(Json::Array(results)) = document.get("results") {
        return Some(results.iter().map(insights).collect());
    }
    LISTS.iter().find_map(|list| match document.remove(*list)? {
        Json::Array(entries) => objects(entries),
        _ => None,
    })
}

/// Returns the value of a key that is written in camel case or in snake case.
fn either<'a>(fields: &'a Object, camel: &str, snake: &str) -> Option<&'a Json> {
    fields.get(camel).or_else(|| fields.get(snake))
}

/// Returns the rows of an Azure Monitor table as objects, whose keys are the names of the columns:
/// <https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format>.
fn table(table: &Json) -> Vec<Object> {
    let columns: Vec<_> =
        list(table, "columns").filter_map(|one| one.get("name")?.as_str()).collect();
    let row = |row: &Json| {
        let values = row.as_array().into_iter().flatten().cloned();
        columns.iter().map(|name| (*name).to_owned()).zip(values).collect()
    };
    list(table, "rows").map(row).collect()
}

/// Returns the elements of a list; `None` unless all of them are objects.
fn objects(list: Vec<Json>) -> Option<Vec<Object>> {
    let object = |element| match element {
        Json::Object(object) => Some(object),
        _ => None,
    };
    list.into_iter().map(object).collect()
}

/// Returns the elements of a list under a key; none if there is no list.
fn list<'a>(value: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    value.get(key).and_then(Json::as_array).into_iter().flatten()
}

/// Returns the records of OpenTelemetry's `resourceLogs`, each with the attributes of its resource:
/// <https://opentelemetry.io/docs/specs/otlp/>.
fn open_telemetry(resources: &Json) -> Vec<Object> {
    let mut all = Vec::new();
    for resource in resources.as_array().into_iter().flatten() {
        let attributes = resource.get("resource").unwrap_or(&Json::Null);
        let attributes: Object = list(attributes, "attributes").filter_map(pair).collect();
        for scope in list(resource, "scopeLogs").chain(list(resource, "scope_logs")) {
            let records = list(scope, "logRecords").chain(list(scope, "log_records"));
            for record in records.filter_map(Json::as_object) {
                let mut entry = attributes.clone();
                entry.extend(record.clone());
                if let Some(body) = record.get("body").and_then(pairs) {
                    entry.insert("body".to_owned(), Json::Object(body));
                }
                all.push(entry);
            }
        }
    }
    all
}

/// Returns the key and the value of an OpenTelemetry attribute.
fn pair(one: &Json) -> Option<(String, Json)> {
    let (key, value) = (one.get("key")?.as_str()?, one.get("value")?.as_object()?);
    Some((key.to_owned(), value.values().next()?.clone()))
}

/// Returns the pairs of an OpenTelemetry log body that is a map; `None` for any other body.
fn pairs(body: &Json) -> Option<Object> {
    body.get("kvlistValue").map(|map| list(map, "values").filter_map(pair).collect())
}

/// Returns the lines of Loki's streams, each with the labels of its stream:
/// <https://grafana.com/docs/loki/latest/reference/loki-http-api/>.
fn loki(streams: &Json) -> Vec<Object> {
    let mut all = Vec::new();
    for stream in streams.as_array().into_iter().flatten() {
        let labels = stream.get("stream").and_then(Json::as_object).cloned().unwrap_or_default();
        for value in list(stream, "values") {
            let mut entry = labels.clone();
            let part = |at: usize| value.get(at).cloned().unwrap_or_default();
            entry.extend([("ts".to_owned(), part(0)), ("line".to_owned(), part(1))]);
            all.push(entry);
        }
    }
    all
}

/// Returns one result of AWS `CloudWatch` Logs Insights as an object. The result is a list of fields with their
/// values: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html>.
fn insights(result: &Json) -> Object {
    let field = |field: &Json| {
        Some((field.get("field")?.as_str()?.to_owned(), field.get("value")?.clone()))
    };
    result.as_array().into_iter().flatten().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::join::join_lines;
    use super::super::{Format, parse_line};

    /// Each document has the entries `first` and `second`. It is read in one line, with spaces, and over
    /// several lines.
    #[rstest]
    #[case::open_telemetry(
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"host.name","value":{"stringValue":"web-1"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1761134401000000000","body":{"stringValue":"first"}},{"timeUnixNano":"1761134402000000000","body":{"stringValue":"second"}}]}]}]}"#
    )]
    #[case::loki(
        r#"{"status":"success","data":{"resultType":"streams","result":[{"stream":{"app":"runner"},"values":[["1761134401000000000","first"],["1761134402000000000","second"]]}]}}"#
    )]
    #[case::insights(
        r#"{"results":[[{"field":"@timestamp","value":"2025-10-22 12:00:01.000"},{"field":"@message","value":"first"}],[{"field":"@timestamp","value":"2025-10-22 12:00:02.000"},{"field":"@message","value":"second"}]],"status":"Complete"}"#
    )]
    #[case::open_telemetry_snake_case(
        r#"{"resource_logs":[{"scope_logs":[{"log_records":[{"time_unix_nano":"1761134401000000000","body":{"string_value":"first"}},{"time_unix_nano":"1761134402000000000","body":{"string_value":"second"}}]}]}]}"#
    )]
    #[case::elasticsearch(
        r#"{"took":3,"hits":{"total":2,"hits":[{"_id":"1","_source":{"@timestamp":"2025-10-22T12:00:01Z","message":"first"}},{"_id":"2","fields":{"@timestamp":["2025-10-22T12:00:02Z"],"message":["second"]}}]}}"#
    )]
    #[case::datadog(
        r#"{"data":[{"id":"A","attributes":{"timestamp":"2025-10-22T12:00:01Z","message":"first"}},{"id":"B","attributes":{"timestamp":"2025-10-22T12:00:02Z","message":"second"}}],"meta":{}}"#
    )]
    #[case::azure_monitor(
        r#"{"tables":[{"name":"PrimaryResult","columns":[{"name":"TimeGenerated","type":"datetime"},{"name":"Log_s","type":"string"}],"rows":[["2025-10-22T12:00:01Z","first"],["2025-10-22T12:00:02Z","second"]]}]}"#
    )]
    #[case::lnav(
        r#"[{"log_line":0,"log_time":"2025-10-22 12:00:01.000","log_body":"first"},{"log_line":1,"log_time":"2025-10-22 12:00:02.000","log_body":"second"}]"#
    )]
    #[case::events(
        r#"{"events":[{"timestamp":1761134401000,"message":"first"},{"timestamp":1761134402000,"message":"second"}],"searchedLogStreams":[]}"#
    )]
    #[case::list(
        r#"[{"timestamp":"2025-10-22T12:00:01Z","textPayload":"first"},{"timestamp":"2025-10-22T12:00:02Z","textPayload":"second"}]"#
    )]
    fn the_entries_of_a_document_are_read(#[case] document: &str) {
        let value: serde_json::Value = serde_json::from_str(document).unwrap();
        let compact = format!("{document}\n");
        let spaced = format!("{}\n", compact.replace(":[", ": ["));
        for log in [compact, spaced, serde_json::to_string_pretty(&value).unwrap()] {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut join_lines(log.as_bytes()).unwrap(), &mut text)
                .unwrap();
            let lines = text.lines().filter(|line| line.starts_with('{'));
            let entries = lines.map(|line| {
                let entry = parse_line(line, &Format::Detected);
                (entry.text().to_owned(), entry.at.unwrap().at.format("%H:%M:%S").to_string())
            });
            let expected = [("first", "12:00:01"), ("second", "12:00:02")];
            let expected = expected.map(|(text, at)| (text.to_owned(), at.to_owned()));
            assert_eq!(entries.collect::<Vec<_>>(), expected, "{log}\n{text}");
        }
    }
}
