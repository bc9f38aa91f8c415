//! Finds the settings of a flag (an environment variable) in a deploy manifest: a file in TOML, JSON
//! or YAML, or with lines of `NAME=value`.
//!
//! A manifest is first read as a tree of JSON whose leaves are texts with their exact spelling: YAML's
//! `yes` stays `yes`.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json};

/// Maximum number of values in a manifest. In a small YAML file, aliases can stand for any number of
/// values.
const MAX_VALUES: usize = 200_000;

const FROM_DEPLOYER: &str = "it is passed on from the environment of whoever deploys";

/// One setting of a flag in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagSetting {
    /// The path of names to the setting, such as `services.runner.environment`.
    pub location: String,
    /// The value of the flag.
    pub value: SettingValue,
}

/// A value of a flag in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// The value, with its exact spelling.
    Literal(String),
    /// The manifest does not contain the value. The text explains where the value comes from.
    Elsewhere(String),
}

/// Returns every setting of the flag in a manifest. `name` is the name of the file, whose extension
/// decides the format.
///
/// # Errors
/// If the text is not valid in this format.
pub fn manifest_settings(name: &str, text: &str, flag: &str) -> Result<Vec<FlagSetting>, String> {
    let tree = tree(name, text)?;
    let mut found = Vec::new();
    walk(&tree, flag, "", &mut found);
    Ok(found)
}

/// Parses a manifest as a tree of JSON. Its leaves are texts with their exact spelling.
fn tree(name: &str, text: &str) -> Result<Json, String> {
    let lower = name.to_lowercase();
    let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "toml" => toml::from_str::<toml::Table>(text)
            .map(|table| from_toml(&toml::Value::Table(table)))
            .map_err(|error| error.message().to_owned()),
        "json" => serde_json::from_str(text).map(to_texts).map_err(|error| error.to_string()),
        "yaml" | "yml" => yaml(text),
        _ => Ok(variables(text)),
    }
}

/// Converts TOML to JSON. Every value becomes a text.
fn from_toml(value: &toml::Value) -> Json {
    match value {
        toml::Value::Table(table) => Json::Object(
            table.iter().map(|(name, value)| (name.clone(), from_toml(value))).collect(),
        ),
        toml::Value::Array(items) => items.iter().map(from_toml).collect(),
        toml::Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

/// Converts numbers and booleans to texts.
fn to_texts(value: Json) -> Json {
    match value {
        Json::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, to_texts(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(to_texts).collect(),
        Json::Null | Json::String(_) => value,
        other => other.to_string().into(),
    }
}

/// Matches one `NAME=value` of several in a line, as after `ENV` in a Dockerfile.
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([\w.]+)=("[^"]*"|'[^']*'|\S*)"#).ok());

/// Parses lines of `NAME=value`, as in a `.env` file, a shell script or a Dockerfile.
fn variables(text: &str) -> Json {
    let mut all = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let after_keyword = ["ENV ", "ARG "].iter().find_map(|word| line.strip_prefix(word));
        let pairs: Vec<_> = match after_keyword.map(str::trim_start) {
            None => {
                line.strip_prefix("export ").unwrap_or(line).split_once('=').into_iter().collect()
            }
            // `ENV NAME value`
            Some(rest) if !rest.split_whitespace().next().unwrap_or_default().contains('=') => {
                rest.split_once(' ').into_iter().collect()
            }
            Some(rest) => PAIR
                .iter()
                .flat_map(|pair| pair.captures_iter(rest))
                .filter_map(|found| Some((found.get(1)?.as_str(), found.get(2)?.as_str())))
                .collect(),
        };
        for (name, value) in pairs {
            add_value(&mut all, name.trim(), unquoted(value.trim()).into());
        }
    }
    Json::Object(all)
}

/// Adds a value under a name. If the name already has a value, keeps both: which of them counts
/// depends on the program that reads the manifest.
fn add_value(fields: &mut Map<String, Json>, name: &str, value: Json) {
    match fields.get_mut(name) {
        Some(Json::Array(values)) if value.is_string() => values.push(value),
        Some(one @ Json::String(_)) if value.is_string() => {
            *one = Json::Array(vec![one.take(), value]);
        }
        _ => drop(fields.insert(name.to_owned(), value)),
    }
}

/// Returns the text inside the quotes. Without quotes, returns the text before a comment.
fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some(end) = rest.find(quote)
        {
            return rest[..end].to_owned();
        }
    }
    value.split(" #").next().unwrap_or(value).trim_end().to_owned()
}

/// Parses YAML, and keeps every scalar as text, so that `yes` does not become `true`.
fn yaml(text: &str) -> Result<Json, String> {
    let mut reader = YamlReader::default();
    for event in saphyr_parser::Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        reader.handle(event)?;
    }
    Ok(Json::Array(reader.documents))
}

/// A mapping or a sequence whose end has not been read.
struct OpenNode {
    /// The items or fields that have been read.
    value: Json,
    /// In a mapping, a name whose value has not been read; otherwise `None`.
    name: Option<String>,
    /// The number of the node's anchor; `0` if it has none.
    anchor: usize,
}

/// Builds a tree of JSON from the events of a YAML parser.
#[derive(Default)]
struct YamlReader {
    documents: Vec<Json>,
    open: Vec<OpenNode>,
    anchors: std::collections::BTreeMap<usize, Json>,
    /// The number of values, to limit it by [`MAX_VALUES`].
    value_count: usize,
}

impl YamlReader {
    fn handle(&mut self, event: saphyr_parser::Event<'_>) -> Result<(), String> {
        use saphyr_parser::Event;
        match event {
            Event::Scalar(text, _, anchor, _) => self.add(Json::from(text.into_owned()), anchor),
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().unwrap_or_default();
                self.add(value, 0)
            }
            Event::MappingStart(anchor, ..) => {
                self.begin(Json::Object(Map::new()), anchor);
                Ok(())
            }
            Event::SequenceStart(anchor, ..) => {
                self.begin(Json::Array(Vec::new()), anchor);
                Ok(())
            }
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(node) => self.add(node.value, node.anchor),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Json, anchor: usize) {
        self.open.push(OpenNode { value, name: None, anchor });
    }

    fn add(&mut self, value: Json, anchor: usize) -> Result<(), String> {
        self.value_count += count(&value);
        if self.value_count > MAX_VALUES {
            return Err(format!("it has more than {MAX_VALUES} values, if aliases are expanded"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        let Some(node) = self.open.last_mut() else {
            self.documents.push(value);
            return Ok(());
        };
        match (&mut node.value, node.name.take()) {
            (Json::Array(items), _) => items.push(value),
            (Json::Object(fields), Some(name)) => add_value(fields, &name, value),
            (Json::Object(_), None) => {
                node.name = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Returns the number of nodes in a tree.
fn count(value: &Json) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Json::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Adds every setting of the flag in `value` and below it to `found`. `location` is the path of
/// `value`.
fn walk(value: &Json, flag: &str, location: &str, found: &mut Vec<FlagSetting>) {
    let setting = |value| FlagSetting { location: location.to_owned(), value };
    match value {
        Json::Array(items) => items.iter().for_each(|item| walk(item, flag, location, found)),
        Json::Object(fields) => {
            if let Some(value) = name_value_pair(fields, flag) {
                found.push(setting(value));
                return;
            }
            for (name, value) in fields {
                if name == flag {
                    found.extend(values_of(value).into_iter().map(setting));
                } else if location.is_empty() {
                    walk(value, flag, name, found);
                } else {
                    walk(value, flag, &format!("{location}.{name}"), found);
                }
            }
        }
        other => {
            let value = other.as_str().and_then(|text| assignment(text, flag));
            found.extend(value.map(setting));
        }
    }
}

/// Reads `{name: FLAG, value: …}`, as in manifests of Kubernetes and ECS. `None` for other fields.
fn name_value_pair(fields: &Map<String, Json>, flag: &str) -> Option<SettingValue> {
    let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name));
    let name = field(&["name", "Name", "key"])?.as_str()?;
    (name == flag).then(|| match field(&["value", "Value"]).and_then(Json::as_str) {
        Some(value) => setting_value(value),
        None => SettingValue::Elsewhere("it comes from a secret or a map of settings".into()),
    })
}

/// Reads the value or the values after `FLAG:`.
fn values_of(value: &Json) -> Vec<SettingValue> {
    match value {
        Json::String(text) => vec![setting_value(text)],
        Json::Array(items) => items.iter().filter_map(Json::as_str).map(setting_value).collect(),
        Json::Null => vec![SettingValue::Elsewhere(FROM_DEPLOYER.into())],
        _ => vec![SettingValue::Elsewhere("it comes from a secret or a map of settings".into())],
    }
}

/// Reads `FLAG=value` or `FLAG` in a list. `None` for other texts.
fn assignment(text: &str, flag: &str) -> Option<SettingValue> {
    let rest = text.strip_prefix(flag)?;
    match rest.strip_prefix('=') {
        Some(value) => Some(setting_value(value)),
        None if rest.is_empty() => Some(SettingValue::Elsewhere(FROM_DEPLOYER.into())),
        None => None,
    }
}

/// Returns the value as a literal, unless it contains a variable that is filled in at deployment.
fn setting_value(value: &str) -> SettingValue {
    if value.contains("${") || value.contains("{{") || value.starts_with('$') {
        return SettingValue::Elsewhere(format!("it is filled in when it is deployed: `{value}`"));
    }
    SettingValue::Literal(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let all = manifest_settings(name, text, "FLAG").unwrap();
        let describe = |value: &SettingValue| match value {
            SettingValue::Literal(value) => format!("={value}"),
            SettingValue::Elsewhere(why) => {
                format!("?{}", why.split(' ').take(4).collect::<Vec<_>>().join(" "))
            }
        };
        let text =
            |setting: &FlagSetting| format!("{}{}", setting.location, describe(&setting.value));
        all.iter().map(text).collect()
    }

    #[test]
    fn finds_a_flag_with_its_exact_spelling_in_every_format() {
        for (name, text, expected) in [
            ("fly.toml", "[env]\nFLAG = 'true '\n[processes]\nx = 'y'", "env=true "),
            ("fly.toml", "[env]\nFLAG = true", "env=true"),
            (".env", "# FLAG=no\nexport FLAG=\"TRUE\" # why", "=TRUE"),
            (".env", "FLAG=a\nFLAG=b", "=a =b"),
            ("Dockerfile", "FROM x\nENV FLAG=1", "=1"),
            ("Dockerfile", "ENV A='1 2' FLAG=\"tr ue\" B=2", "=tr ue"),
            ("Dockerfile", "ENV FLAG on", "=on"),
            ("runner.service", "[Service]\nEnvironment=\"FLAG=true\"", "Environment=true"),
            ("a.yaml", "env: {FLAG: x, FLAG: y}", "env=x env=y"),
            ("a.yaml", "env: {A: x, A: {FLAG: y}}", "env.A=y"),
            (
                "compose.yaml",
                "services:\n  a:\n    environment:\n      FLAG: yes",
                "services.a.environment=yes",
            ),
            (
                "compose.yml",
                "services:\n  a:\n    environment:\n      - FLAG=True\n      - B=1",
                "services.a.environment=True",
            ),
            (
                "compose.yml",
                "services:\n  a:\n    environment:\n      - FLAG",
                "services.a.environment?it is passed on",
            ),
            (
                "compose.yml",
                "services:\n  a:\n    environment:\n      FLAG: ${FLAG:-true}",
                "services.a.environment?it is filled in",
            ),
            (
                "k8s.yaml",
                "spec:\n  containers:\n  - env:\n    - name: FLAG\n      value: \"on\"",
                "spec.containers.env=on",
            ),
            (
                "k8s.yaml",
                "env:\n- name: FLAG\n  valueFrom:\n    secretKeyRef: {name: s, key: k}",
                "env?it comes from a",
            ),
            (
                "task.json",
                r#"{"environment": [{"name": "FLAG", "value": "true"}]}"#,
                "environment=true",
            ),
            ("task.json", r#"{"env": {"FLAG": true, "FLAGS": "no"}}"#, "env=true"),
            ("a.yaml", "base: &b {FLAG: x}\nother: *b", "base=x other=x"),
            ("a.yaml", "---\na: 1\n---\nFLAG: y", "=y"),
            ("none.yaml", "OTHER: FLAGS=1", ""),
        ] {
            assert_eq!(found(name, text).join(" "), expected, "{name}: {text}");
        }
    }

    #[test]
    fn rejects_an_invalid_manifest_and_a_manifest_with_too_many_values() {
        for (name, text) in [("a.toml", "FLAG = "), ("a.json", "{"), ("a.yaml", "a: [b")] {
            assert!(manifest_settings(name, text, "FLAG").is_err(), "{name}");
        }
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{},", level - 1).repeat(10);
            let line = format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(','));
            bomb.push_str(&line);
        }
        assert!(manifest_settings("a.yaml", &bomb, "FLAG").unwrap_err().contains("more than"));
    }
}
