//! The JSON Schema of a spec, derived from the types that a spec is deserialized into. The schema does
//! not contain former names of keys.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;
use spanproof_format::Code;

use super::check::SCHEMA;
use super::condition::OneOrMany;
use super::file::SpecFile;
use super::{Day, FaultKind, Requests, Value};

/// Returns the JSON Schema (draft 2020-12) of `spanproof.toml`, which editors use to complete and check a
/// spec.
pub fn spec_schema() -> Json {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    let mut schema = settings.into_generator().into_root_schema_for::<SpecFile>();
    schema.insert("title".to_owned(), "spanproof.toml".into());
    schema.into()
}

/// Removes `null` from the values of optional keys, because TOML has no `null`.
fn without_null(schema: &mut Schema) {
    if schema.get("default") == Some(&Json::Null) {
        schema.remove("default");
    }
    if let Some(Json::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Json::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice["type"] != "null");
    if let [Json::Object(only)] = choices.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (key, value) in only {
            schema.insert(key, value);
        }
    }
}

/// Returns the schema of the key `schema`, the version of the file format.
pub(super) fn format_version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "const": SCHEMA })
}

/// Returns the schema of a major version of Postgres.
pub(super) fn major_version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$" })
}

/// Returns the schema of a name, or a list of names.
pub(super) fn names(_: &mut SchemaGenerator) -> Schema {
    let name = json_schema!({ "type": "string" });
    json_schema!({ "anyOf": [name, { "type": "array", "items": name }] })
}

/// Returns the schema of a list of statuses, which are strings or numbers.
pub(super) fn statuses(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": ["string", "integer"] } })
}

/// Returns the schema of the code of a finding.
pub(super) fn code(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<_> = Code::ALL.iter().map(|code| code.text()).collect();
    json_schema!({ "type": "string", "enum": codes })
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A string, or `{ unset = true }` for a variable that is not set.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "unset": { "type": "boolean", "const": true } },
                    "required": ["unset"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<Value>();
        json_schema!({
            "description": "A value, or a list of values.",
            "anyOf": [value, { "type": "array", "items": value, "minItems": 1 }]
        })
    }
}

impl JsonSchema for FaultKind {
    fn schema_name() -> Cow<'static, str> {
        "FaultKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let kinds = Self::ALL
            .iter()
            .map(|kind| json_schema!({ "const": kind.text(), "description": kind.description() }));
        json_schema!({ "type": "string", "oneOf": kinds.collect::<Vec<_>>() })
    }
}

impl JsonSchema for Requests {
    fn schema_name() -> Cow<'static, str> {
        "Requests".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`true` for any request, or a pattern for the path of a request.",
            "anyOf": [{ "type": "boolean", "const": true }, { "type": "string" }]
        })
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A date such as `2026-12-31`.",
            "type": "string",
            "format": "date"
        })
    }
}
