//! Tests that the JSON Schema of a spec accepts every spec of this repository, and that it has
//! exactly the keys that a spec may have. The module `reference` compares the schema with
//! `docs/spec.md`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Map, Value as Json, json};

use crate::repository::{files, root};
use crate::run::run;

/// Keywords of the schema that this validation ignores.
const INFORMATION: [&str; 7] =
    ["$schema", "$defs", "title", "description", "default", "format", "minimum"];

/// The output of `spanproof schema`.
static SCHEMA: LazyLock<Json> = LazyLock::new(|| run(root(), &["schema"]).json());

/// A difference between a document and the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A key that the table at the path may not have, and all keys that it may have.
    UnknownKey { path: String, key: String, known: BTreeSet<String> },
    /// The value at the path is not allowed.
    Value { path: String, why: String },
}

/// Compares the text of a spec with the schema.
pub(crate) fn differences(spec: &str) -> Vec<Difference> {
    let table: toml::Table = spec.parse().unwrap();
    let mut found = Vec::new();
    validate(&SCHEMA, &to_json(toml::Value::Table(table)), "", &mut found);
    found
}

/// Converts TOML to the JSON that editors validate: dates are strings.
fn to_json(value: toml::Value) -> Json {
    match value {
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(to_json).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, to_json(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => serde_json::to_value(other).unwrap(),
    }
}

/// Validates a value. Knows only the keywords that the schema uses, and panics at any other.
fn validate(schema: &Json, value: &Json, path: &str, found: &mut Vec<Difference>) {
    let mut wrong = |why: String| found.push(Difference::Value { path: path.to_owned(), why });
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "type" if !has_type(value, rule) => wrong(format!("{value} is not a {rule}")),
            "const" if value != rule => wrong(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                wrong(format!("{value} is not one of {rule}"));
            }
            "anyOf" | "oneOf" => {
                let fits = |choice: &&Json| {
                    let mut inner = Vec::new();
                    validate(choice, value, path, &mut inner);
                    inner.is_empty()
                };
                let fitting = rule.as_array().unwrap().iter().filter(fits).count();
                if fitting == 0 || (keyword == "oneOf" && fitting > 1) {
                    wrong(format!("{value} fits {fitting} of {rule}"));
                }
            }
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    wrong(format!("{value} does not match {rule}"));
                }
            }
            "minItems" => {
                let least = rule.as_u64().unwrap();
                if value.as_array().is_some_and(|items| (items.len() as u64) < least) {
                    wrong(format!("{value} has less than {least} items"));
                }
            }
            "required" => {
                let lacks = |key: &&Json| value.get(key.as_str().unwrap()).is_none();
                for key in rule.as_array().unwrap().iter().filter(lacks) {
                    wrong(format!("{key} is missing"));
                }
            }
            "$ref"
            | "items"
            | "properties"
            | "additionalProperties"
            | "type"
            | "const"
            | "enum" => {}
            other => assert!(INFORMATION.contains(&other), "unknown keyword `{other}`"),
        }
    }
    if let Some(name) = schema["$ref"].as_str() {
        let target = SCHEMA.pointer(name.trim_start_matches('#')).unwrap();
        validate(target, value, path, found);
    }
    if let (Json::Object(items), Json::Array(values)) = (&schema["items"], value) {
        let items = Json::Object(items.clone());
        for value in values {
            validate(&items, value, &format!("{path}[]"), found);
        }
    }
    if let Json::Object(fields) = value {
        validate_fields(schema, fields, path, found);
    }
}

fn validate_fields(
    schema: &Json,
    fields: &Map<String, Json>,
    path: &str,
    found: &mut Vec<Difference>,
) {
    let none = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&none);
    for (key, value) in fields {
        let inner = format!("{path}.{key}");
        match (known.get(key), &schema["additionalProperties"]) {
            (Some(rule), _) | (None, rule @ Json::Object(_)) => {
                validate(rule, value, &inner, found);
            }
            (None, Json::Bool(false)) => found.push(Difference::UnknownKey {
                path: path.to_owned(),
                key: key.clone(),
                known: known.keys().cloned().collect(),
            }),
            (None, _) => {}
        }
    }
}

fn has_type(value: &Json, rule: &Json) -> bool {
    let is = |name: &str| match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type `{other}`"),
    };
    match rule {
        Json::Array(names) => names.iter().any(|name| is(name.as_str().unwrap())),
        name => is(name.as_str().unwrap()),
    }
}

/// Returns every spec of this repository: its path and its text.
fn specs() -> Vec<(PathBuf, String)> {
    let fixtures = files(&root().join("fixtures"), "toml").into_iter();
    let all = fixtures.chain([root().join("spanproof.toml")]);
    let all = all.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()));
    all.filter(|(_, text)| text.lines().any(|line| line.starts_with("schema = "))).collect()
}

#[test]
fn every_spec_of_this_repository_is_valid_except_for_its_former_names() {
    let specs = specs();
    assert!(specs.len() >= 9, "only {} specs were found", specs.len());
    let mut former_names = 0;
    for (path, text) in specs {
        for difference in differences(&text) {
            match &difference {
                Difference::UnknownKey { path: table, key, .. }
                    if [".span[]", ".tables.spans"].contains(&table.as_str())
                        && ["operation", "link", "open"].contains(&key.as_str()) =>
                {
                    former_names += 1;
                }
                // The table has the key by its former name.
                Difference::Value { path: table, why }
                    if table == ".span[]" && why == "\"name\" is missing" => {}
                _ => panic!("{}: {difference:?}", path.display()),
            }
        }
    }
    assert!(former_names > 3, "the specs of version 0.1.0 have former names: {former_names}");
}

#[test]
fn wrong_values_are_not_valid() {
    let valid = std::fs::read_to_string(root().join("spanproof.toml")).unwrap();
    assert_eq!(differences(&valid), []);
    for (old, new) in [
        ("schema = 1", "schema = 2"),
        ("kind = \"locked\"", "kind = \"lockd\""),
        ("[{ unset = true }, \"true\"]", "[{ unset = false }, \"true\"]"),
        ("[{ unset = true }, \"true\"]", "[{ set = true }, \"true\"]"),
        ("[{ unset = true }, \"true\"]", "[1]"),
        ("units = 4", "units = \"4\""),
        ("pin = { job = \"four-units\" }", "pin = { job = 4 }"),
        (
            "[startup]",
            "[[expected]]\ncode = \"no-such\"\nreason = \"r\"\nuntil = 2030-01-01\n[startup]",
        ),
        ("migrations = \"migrations\"", "order = \"date\""),
        ("migrations = \"migrations\"", "version = \"sixteen\""),
        ("ready = {", "stop = { signal = \"SIGKILL\" }\nready = {"),
    ] {
        assert!(valid.contains(old), "{old}");
        let found = differences(&valid.replacen(old, new, 1));
        assert!(!found.is_empty(), "{old} => {new}");
    }
}

#[test]
fn a_value_in_each_of_its_notations_is_valid() {
    let valid = std::fs::read_to_string(root().join("spanproof.toml")).unwrap();
    for (old, new) in [
        ("migrations = \"migrations\"", "version = 16"),
        ("migrations = \"migrations\"", "version = \"16\"\norder = \"name\""),
        (
            "pin = { job = \"four-units\" }",
            "pin = { HYBRID_ROUTER_DISABLE = [{ unset = true }, \"true\"] }",
        ),
        ("pin = { job = \"four-units\" }", "pin = { HYBRID_ROUTER_DISABLE = { unset = true } }"),
        (
            "[startup]",
            "[[expected]]\ncode = \"unlinked\"\nreason = \"r\"\nuntil = 2030-01-01\n[startup]",
        ),
        (
            "[startup]",
            "[[expected]]\ncode = \"unlinked\"\nreason = \"r\"\nuntil = \"2030-01-01\"\n[startup]",
        ),
    ] {
        assert!(valid.contains(old), "{old}");
        assert_eq!(differences(&valid.replacen(old, new, 1)), [], "{old} => {new}");
    }
}

#[test]
fn every_key_has_a_description_for_people_who_write_a_spec() {
    fn check(schema: &Json, path: &str, checked: &mut usize) {
        for (key, rule) in schema["properties"].as_object().into_iter().flatten() {
            let text = rule["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{path}.{key} has no description");
            assert!(!text.contains("`None`"), "{path}.{key}: {text}");
            *checked += 1;
        }
    }
    let mut checked = 0;
    check(&SCHEMA, "", &mut checked);
    for (name, schema) in SCHEMA["$defs"].as_object().unwrap() {
        check(schema, name, &mut checked);
    }
    assert!(checked > 100, "only {checked} keys were checked");
}

#[test]
fn the_schema_allows_no_null_and_no_unknown_section_and_names_its_draft() {
    assert_eq!(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(!SCHEMA.to_string().contains("null"), "TOML has no `null`");
    assert_eq!(SCHEMA["additionalProperties"], json!(false));
}
