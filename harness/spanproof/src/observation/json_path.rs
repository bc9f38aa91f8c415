//! Columns of a spec that are a path into a JSON column, written as in Postgres:
//! `attributes->>'run_id'`, `data->'ids'->>0`.

use serde_json::Value;

use super::Row;

/// The kinds of values in OpenTelemetry's attributes: `{"stringValue": "a"}`.
const KINDS: [&str; 4] = ["stringValue", "intValue", "doubleValue", "boolValue"];

/// Returns the column of the table that a column of a spec needs: the part before the first `->`.
pub(crate) fn base(column: &str) -> &str {
    column.split_once("->").map_or(column, |(base, _)| base.trim())
}

/// Adds the value of each path among `columns` to a row, under the text of the path.
pub(crate) fn add_paths<'a>(row: &mut Row, columns: impl IntoIterator<Item = &'a str>) {
    for column in columns.into_iter().filter(|column| column.contains("->")) {
        let mut steps = column.split("->").map(|step| step.trim_start_matches('>').trim());
        let base = steps.next().unwrap_or_default();
        let start = row.get(base).cloned().unwrap_or(Value::Null);
        let value = steps.fold(start, |value, step| follow(value, step.trim_matches('\'')));
        row.insert(column.to_owned(), value);
    }
}

/// Returns the part of a value that a step names; `null` if there is none. In a list, a step is an
/// index, or the key of an attribute as OpenTelemetry writes it: `{"key": …, "value": …}`.
fn follow(value: Value, step: &str) -> Value {
    match value {
        Value::Object(mut fields) => fields.remove(step).unwrap_or(Value::Null),
        Value::Array(mut items) => {
            if let Ok(index) = step.parse::<usize>() {
                return if index < items.len() { items.swap_remove(index) } else { Value::Null };
            }
            let attribute = items.into_iter().find(|item| item["key"] == step);
            attribute.map_or(Value::Null, |mut attribute| plain(attribute["value"].take()))
        }
        // A text column with JSON.
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => follow(inner, step),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}

/// Returns the value without its kind.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => {
            KINDS.iter().find_map(|kind| fields.remove(*kind)).unwrap_or(Value::Object(fields))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::field("attributes->>'run_id'", json!("r1"))]
    #[case::nested("attributes->'ids'->>'job'", json!(7))]
    #[case::index("attributes->'list'->>1", json!("b"))]
    #[case::spaces("attributes ->> 'run_id'", json!("r1"))]
    #[case::text("text->>'a'", json!(1))]
    #[case::otlp("otlp->>'unit.id'", json!("42"))]
    #[case::plain_list("plain->>'unit.id'", json!(43))]
    #[case::missing("attributes->>'other'", json!(null))]
    #[case::no_column("nothing->>'a'", json!(null))]
    #[case::scalar("number->>'a'", json!(null))]
    #[case::out_of_range("attributes->'list'->>2", json!(null))]
    fn a_path_is_followed(#[case] column: &str, #[case] expected: Value) {
        let row = json!({
            "attributes": {"run_id": "r1", "ids": {"job": 7}, "list": ["a", "b"]},
            "text": "{\"a\": 1}",
            "otlp": [{"key": "x", "value": {"intValue": "1"}}, {"key": "unit.id", "value": {"stringValue": "42"}}],
            "plain": [{"key": "unit.id", "value": 43}],
            "number": 5,
        });
        let Value::Object(mut row) = row else { panic!("not an object") };
        add_paths(&mut row, [column, "number"]);
        assert_eq!(row[column], expected);
        assert_eq!(row["number"], 5, "other columns stay");
    }

    #[test]
    fn a_path_needs_its_column() {
        assert_eq!(base("attributes->>'run_id'"), "attributes");
        assert_eq!(base("span.id"), "span.id");
    }
}
