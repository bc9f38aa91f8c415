//! Paths into JSON columns. Wherever a spec names a column, it may use a path in Postgres syntax:
//! `attributes->>'run_id'`, `data->'ids'->>0`. A step may also be the key of an attribute in a list
//! in OpenTelemetry's encoding: `[{"key": …, "value": {"stringValue": …}}]`.

use serde_json::{Map, Value};

use crate::identifier;

/// Fields that contain the value of an OpenTelemetry attribute, one for each kind of value, as in
/// `{"stringValue": "a"}`.
const KINDS: [&str; 4] = ["stringValue", "intValue", "doubleValue", "boolValue"];

/// A path into a JSON column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPath {
    /// The column of the table.
    base: String,
    steps: Vec<Step>,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The name of a field, or the key of an attribute.
    Key(String),
    /// The index of an item in a list; a negative one counts from the end.
    Index(i32),
}

/// The paths among the columns of a table, each with its text in the spec.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths(Vec<(String, JsonPath)>);

/// Returns the column that a query must read: for a path the part before the first `->`, otherwise
/// the text itself.
pub(crate) fn base(column: &str) -> String {
    JsonPath::find(column).map_or_else(|| column.to_owned(), |path| path.base)
}

impl JsonPath {
    /// Parses a column of a spec; `None` if the text is not a valid path.
    pub(crate) fn find(column: &str) -> Option<Self> {
        Self::parse(column).ok().flatten()
    }

    /// Parses a column of a spec; `None` if the text has no `->`.
    ///
    /// # Errors
    /// If a step is neither a key in single quotes nor an index.
    pub(crate) fn parse(column: &str) -> Result<Option<Self>, String> {
        let Some((base, mut rest)) = column.split_once("->") else { return Ok(None) };
        let invalid = || {
            format!(
                "`{column}` is not a path into JSON: write each key in single quotes, such as `data->'ids'->>'job'`, \
                 and an index as a number, such as `data->>0`"
            )
        };
        let base = base.trim();
        // A path is written as in Postgres, where a name with capitals is in double quotes.
        let base = match identifier::from_sql(base) {
            Some((name, "")) if base.starts_with('"') => name,
            _ => base.to_owned(),
        };
        let mut steps = Vec::new();
        loop {
            rest = rest.strip_prefix('>').unwrap_or(rest).trim_start();
            let (step, after) = Step::read(rest).ok_or_else(invalid)?;
            steps.push(step);
            match after.trim().strip_prefix("->") {
                Some(after) => rest = after,
                None if after.trim().is_empty() && !base.is_empty() => break,
                None => return Err(invalid()),
            }
        }
        Ok(Some(Self { base, steps }))
    }

    /// Returns the JSON column that the path starts from.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Returns SQL that reads the text at the end of the path, or `null` if the document has no such
    /// part. `sql_type` is the type of the column.
    pub(crate) fn sql(&self, sql_type: &str) -> String {
        let column = identifier::name(&self.base);
        // A text column may contain JSON. A JSON string may contain JSON too, if the service encodes
        // its JSON twice.
        let parsed =
            |text: &str| format!("case when {text} ~ '^[[:space:]]*[[{{]' then {text}::jsonb end");
        let start = match sql_type {
            "json" | "jsonb" => {
                let parsed = parsed("(d #>> '{}')");
                format!(
                    "(select case when jsonb_typeof(d) = 'string' then {parsed} else d end \
                     from (select {column}::jsonb as d) as document)"
                )
            }
            _ => format!("({})", parsed(&format!("{column}::text"))),
        };
        let end = self.steps.iter().fold(start, |value, step| {
            format!("(select {} from (select {value} as d) as step)", step.sql())
        });
        format!("({end} #>> '{{}}')")
    }

    /// Returns the value at the end of the path; `null` if the row has no such part.
    fn value(&self, row: &Map<String, Value>) -> Value {
        let start = match row.get(&self.base) {
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(inner @ (Value::Object(_) | Value::Array(_))) => inner,
                _ => Value::Null,
            },
            Some(value) => value.clone(),
            None => Value::Null,
        };
        self.steps.iter().fold(start, |value, step| step.select(value))
    }
}

impl Step {
    /// Parses the step at the start of a text, and also returns the text after the step.
    fn read(text: &str) -> Option<(Self, &str)> {
        if let Some(rest) = text.strip_prefix('\'') {
            return identifier::until_quote(rest, '\'').map(|(key, rest)| (Self::Key(key), rest));
        }
        let is_digit = |letter: char| letter.is_ascii_digit() || letter == '-';
        let end = text.find("->").or_else(|| text.find(|letter| !is_digit(letter)));
        let (index, rest) = text.split_at(end.unwrap_or(text.len()));
        Some((Self::Index(index.trim().parse().ok()?), rest))
    }

    /// Returns the part of a value that this step names; `null` if the value has no such part.
    fn select(&self, value: Value) -> Value {
        match (self, value) {
            (Self::Key(key), Value::Object(mut fields)) => {
                fields.remove(key).unwrap_or(Value::Null)
            }
            (Self::Key(key), Value::Array(items)) => {
                let attribute = items.into_iter().find(|item| item["key"] == key.as_str());
                attribute.map_or(Value::Null, |mut attribute| {
                    unwrap_attribute(attribute["value"].take())
                })
            }
            (Self::Index(index), Value::Array(mut items)) => {
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let index = i64::from(*index);
                let index = if index < 0 { index + length } else { index };
                match usize::try_from(index) {
                    Ok(index) if index < items.len() => items.swap_remove(index),
                    _ => Value::Null,
                }
            }
            _ => Value::Null,
        }
    }

    /// Returns the SQL for the part of the `jsonb` value `d` that this step names.
    fn sql(&self) -> String {
        match self {
            Self::Index(index) => {
                format!("case when jsonb_typeof(d) = 'array' then d -> ({index}) end")
            }
            Self::Key(key) => {
                let key = identifier::literal(key);
                let kinds = KINDS.map(|kind| format!("v -> '{kind}'")).join(", ");
                format!(
                    "case when jsonb_typeof(d) <> 'array' then d -> {key}::text else (select coalesce({kinds}, v) \
                     from (select item -> 'value' as v from jsonb_array_elements(d) with ordinality \
                     as items (item, place) where item -> 'key' = to_jsonb({key}::text) \
                     order by place limit 1) as attribute) end"
                )
            }
        }
    }
}

impl Paths {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Collects the paths among the columns of a spec.
    pub(crate) fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        let path = |column: &str| Some((column.to_owned(), JsonPath::find(column)?));
        Self(columns.into_iter().filter_map(path).collect())
    }

    /// Adds the value of each path to a row, under the text of the path.
    pub(crate) fn add_to(&self, row: &mut Map<String, Value>) {
        for (column, path) in &self.0 {
            let value = path.value(row);
            row.insert(column.clone(), value);
        }
    }
}

/// Unwraps the value of an attribute: `{"stringValue": "a"}` becomes `"a"`. Any other value is
/// returned unchanged.
fn unwrap_attribute(value: Value) -> Value {
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
    use spanproof_postgres::{Options, Server};
    use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

    use super::*;

    #[rstest]
    #[case::field("attributes->>'run_id'", json!("r1"))]
    #[case::nested("attributes->'ids'->>'job'", json!(7))]
    #[case::index("attributes->'list'->>1", json!("b"))]
    #[case::from_the_end("attributes->'list'->>-1", json!("b"))]
    #[case::spaces("attributes ->> 'run_id'", json!("r1"))]
    #[case::quoted_column("\"attributes\"->>'run_id'", json!("r1"))]
    #[case::quote_in_a_key("attributes->>'it''s'", json!(true))]
    #[case::arrow_in_a_key("attributes->>'a->b'", json!("c"))]
    #[case::text("text->>'a'", json!(1))]
    #[case::otlp("otlp->>'unit.id'", json!("42"))]
    #[case::plain_list("plain->>'unit.id'", json!(43))]
    #[case::missing("attributes->>'other'", json!(null))]
    #[case::no_column("nothing->>'a'", json!(null))]
    #[case::scalar("number->>'a'", json!(null))]
    #[case::index_of_an_object("attributes->>0", json!(null))]
    #[case::out_of_range("attributes->'list'->>2", json!(null))]
    #[case::before_the_start("attributes->'list'->>-3", json!(null))]
    fn a_path_selects_a_value(#[case] column: &str, #[case] expected: Value) {
        let row = json!({
            "attributes": {"run_id": "r1", "ids": {"job": 7}, "list": ["a", "b"], "it's": true, "a->b": "c"},
            "text": "{\"a\": 1}",
            "otlp": [{"key": "x", "value": {"intValue": "1"}}, {"key": "unit.id", "value": {"stringValue": "42"}}],
            "plain": [{"key": "unit.id", "value": 43}],
            "number": 5,
        });
        let Value::Object(mut row) = row else { panic!("not an object") };
        Paths::new([column, "number"]).add_to(&mut row);
        assert_eq!(row[column], expected);
        assert_eq!(row["number"], 5, "other columns stay");
    }

    #[test]
    fn the_base_of_a_path_is_its_column() {
        assert_eq!(base("attributes->>'run_id'"), "attributes");
        assert_eq!(base("\"My Attributes\"->>'run_id'"), "My Attributes");
        assert_eq!(base("span.id"), "span.id");
    }

    #[rstest]
    #[case::no_quotes("attributes->>run_id")]
    #[case::open_quote("attributes->>'run_id")]
    #[case::no_step("attributes->>")]
    #[case::no_column("->>'a'")]
    #[case::more("attributes->>'a' or true")]
    fn an_invalid_path_is_refused(#[case] column: &str) {
        let error = JsonPath::parse(column).unwrap_err();
        assert!(error.contains("`data->'ids'->>'job'`"), "{error}");
    }

    /// Documents with every kind of value that a path may select: fields, lists, attributes, scalars, null.
    const DOCUMENTS: [&str; 14] = [
        r#"{"id": "x", "ids": {"job": 7}}"#,
        r#"{"id": 12, "ids": [1, 2]}"#,
        r#"{"id": true, "ids": null}"#,
        r#"{"id": null}"#,
        r#"[{"key": "other", "value": {"intValue": "1"}}, {"key": "id", "value": {"stringValue": "x"}}]"#,
        r#"[{"key": "id", "value": {"intValue": "7"}}, {"key": "id", "value": {"intValue": "8"}}]"#,
        r#"[{"key": "id", "value": {"boolValue": false}}]"#,
        r#"[{"key": "id", "value": "plain"}, 5, null, []]"#,
        r#"[{"key": "id"}]"#,
        r#"["id", {"id": "inside"}]"#,
        r#""{\"id\": \"encoded twice\"}""#,
        r#""text""#,
        "5",
        "null",
    ];
    const COLUMNS: [&str; 6] = [
        "doc->>'id'",
        "doc->'ids'->>'job'",
        "doc->'ids'->>1",
        "doc->>0",
        "doc->>-1",
        "doc->1->>'id'",
    ];

    /// Returns the text that Postgres and Rust select with every path from every document.
    async fn texts(
        connection: &mut PgConnection,
        sql_type: &str,
    ) -> Vec<(String, [Option<String>; 2])> {
        let mut all = Vec::new();
        for document in DOCUMENTS {
            for column in COLUMNS {
                let path = JsonPath::find(column).unwrap();
                let sql = format!(
                    "select {}, to_jsonb(t) from (select $1::{sql_type} as doc) t",
                    path.sql(sql_type)
                );
                let (found, row): (Option<String>, Value) = sqlx::query_as(AssertSqlSafe(sql))
                    .bind(document)
                    .fetch_one(&mut *connection)
                    .await
                    .unwrap();
                let expected = match path.value(row.as_object().unwrap()) {
                    Value::Null => None,
                    Value::String(text) => Some(text),
                    other => Some(other.to_string()),
                };
                // Postgres writes objects and lists with spaces.
                let plain = |text: Option<String>| text.map(|text| text.replace(' ', ""));
                all.push((format!("{column} of {document}"), [plain(found), plain(expected)]));
            }
        }
        all
    }

    #[rstest]
    #[case::jsonb("jsonb")]
    #[case::json("json")]
    #[case::text("text")]
    #[tokio::test]
    async fn postgres_and_rust_find_the_same_text(#[case] sql_type: &str) {
        let server = Server::join(Options::default()).await.unwrap();
        let database = server.empty_database().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        let texts = texts(&mut connection, sql_type).await;
        for (what, [postgres, rust]) in &texts {
            assert_eq!(postgres, rust, "{what}, {sql_type}");
        }
        assert!(texts.iter().filter(|(_, [found, _])| found.is_some()).count() > 12);
        connection.close().await.unwrap();
        database.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_key_can_contain_quotes_and_backslashes() {
        let server = Server::join(Options::default()).await.unwrap();
        let database = server.empty_database().await.unwrap();
        let mut connection = PgConnection::connect(database.url()).await.unwrap();
        for conforming in ["on", "off"] {
            let set = format!("set standard_conforming_strings = {conforming}");
            connection.execute(AssertSqlSafe(set)).await.unwrap();
            for key in ["it's", r"back\slash", r"both\'; drop table jobs; --", "\"quoted\""] {
                let path = JsonPath::find(&format!("doc->>'{}'", key.replace('\'', "''"))).unwrap();
                let sql = format!("select {} from (select $1::jsonb as doc) t", path.sql("jsonb"));
                let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                    .bind(json!({key: "found"}))
                    .fetch_one(&mut connection)
                    .await
                    .unwrap();
                assert_eq!(found.as_deref(), Some("found"), "{key}");
            }
        }
        connection.close().await.unwrap();
        database.close().await.unwrap();
    }
}
