//! What deploy manifests say about a flag, in whatever format: TOML, JSON, YAML, `.env`.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json};

/// More values than this are in no manifest: aliases of YAML can stand for any number.
const MOST: usize = 200_000;

const PASSED_ON: &str = "it is passed on from the environment of whoever deploys";

/// What a manifest says about a flag in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Where, as `services.runner.environment`.
    pub place: String,
    /// What.
    pub told: Told,
}

/// A value, or why it can't be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The value as it is written.
    Value(String),
    /// It comes from elsewhere.
    Elsewhere(String),
}

/// Every place of a manifest that sets the flag.
///
/// # Errors
/// When the text is not of the format that the file's name says.
pub fn settings(name: &str, text: &str, flag: &str) -> Result<Vec<Setting>, String> {
    let tree = tree(name, text)?;
    let mut found = Vec::new();
    walk(&tree, flag, "", &mut found);
    Ok(found)
}

/// The manifest as a tree whose leaves are the words as they are written.
fn tree(name: &str, text: &str) -> Result<Json, String> {
    let lower = name.to_lowercase();
    let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "toml" => toml::from_str::<toml::Table>(text)
            .map(|table| from_toml(&toml::Value::Table(table)))
            .map_err(|error| error.message().to_owned()),
        "json" => serde_json::from_str(text).map(words).map_err(|error| error.to_string()),
        "yaml" | "yml" => yaml(text),
        _ => Ok(variables(text)),
    }
}

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

fn words(value: Json) -> Json {
    match value {
        Json::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, words(value))).collect()
        }
        Json::Array(items) => items.into_iter().map(words).collect(),
        Json::Null | Json::String(_) => value,
        other => other.to_string().into(),
    }
}

/// `NAME=value`, several in a line, as in an image's `ENV`.
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([\w.]+)=("[^"]*"|'[^']*'|\S*)"#).ok());

/// Lines of `NAME=value`, as in a `.env` file, a shell script or a Dockerfile.
fn variables(text: &str) -> Json {
    let mut all = Map::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let image = ["ENV ", "ARG "].iter().find_map(|word| line.strip_prefix(word));
        let pairs: Vec<_> = match image.map(str::trim_start) {
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
            again(&mut all, name.trim(), unquoted(value.trim()).into());
        }
    }
    Json::Object(all)
}

/// Puts a value under a name that may have one: whoever reads it last decides which counts.
fn again(fields: &mut Map<String, Json>, name: &str, value: Json) {
    match fields.get_mut(name) {
        Some(Json::Array(values)) if value.is_string() => values.push(value),
        Some(one @ Json::String(_)) if value.is_string() => {
            *one = Json::Array(vec![one.take(), value]);
        }
        _ => drop(fields.insert(name.to_owned(), value)),
    }
}

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

/// YAML, before anybody makes a truth of `yes`.
fn yaml(text: &str) -> Result<Json, String> {
    let mut reader = Reader::default();
    for event in saphyr_parser::Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        reader.take(event)?;
    }
    Ok(Json::Array(reader.documents))
}

/// Puts a tree together from the events of a parser.
#[derive(Default)]
struct Reader {
    documents: Vec<Json>,
    open: Vec<(Json, Option<String>, usize)>,
    anchors: std::collections::BTreeMap<usize, Json>,
    values: usize,
}

impl Reader {
    fn take(&mut self, event: saphyr_parser::Event<'_>) -> Result<(), String> {
        use saphyr_parser::Event;
        match event {
            Event::Scalar(text, _, anchor, _) => self.add(Json::from(text.into_owned()), anchor),
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned().unwrap_or_default();
                self.add(value, 0)
            }
            Event::MappingStart(anchor, ..) => {
                self.open.push((Json::Object(Map::new()), None, anchor));
                Ok(())
            }
            Event::SequenceStart(anchor, ..) => {
                self.open.push((Json::Array(Vec::new()), None, anchor));
                Ok(())
            }
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some((value, _, anchor)) => self.add(value, anchor),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn add(&mut self, value: Json, anchor: usize) -> Result<(), String> {
        self.values += count(&value);
        if self.values > MOST {
            return Err(format!("it stands for more than {MOST} values"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut() {
            None => self.documents.push(value),
            Some((Json::Array(items), ..)) => items.push(value),
            Some((Json::Object(fields), name, _)) => match name.take() {
                None => {
                    *name = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                }
                Some(name) => again(fields, &name, value),
            },
            Some(_) => {}
        }
        Ok(())
    }
}

fn count(value: &Json) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Json::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Looks for the flag in a value and below it.
fn walk(value: &Json, flag: &str, place: &str, found: &mut Vec<Setting>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| walk(item, flag, place, found)),
        Json::Object(fields) => {
            if let Some(told) = named(fields, flag) {
                found.push(Setting { place: place.to_owned(), told });
                return;
            }
            for (name, value) in fields {
                if name == flag {
                    let told = keyed(value).into_iter();
                    found.extend(told.map(|told| Setting { place: place.to_owned(), told }));
                } else {
                    let below =
                        if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                    walk(value, flag, &below, found);
                }
            }
        }
        other => {
            let told = other.as_str().and_then(|text| listed(text, flag));
            found.extend(told.map(|told| Setting { place: place.to_owned(), told }));
        }
    }
}

/// `{name: FLAG, value: …}`, as Kubernetes and ECS have it.
fn named(fields: &Map<String, Json>, flag: &str) -> Option<Told> {
    let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name));
    let name = field(&["name", "Name", "key"])?.as_str()?;
    (name == flag).then(|| match field(&["value", "Value"]).and_then(Json::as_str) {
        Some(value) => told(value),
        None => Told::Elsewhere("it comes from a secret or a map of settings".into()),
    })
}

/// `FLAG: …`, or several of them.
fn keyed(value: &Json) -> Vec<Told> {
    match value {
        Json::String(text) => vec![told(text)],
        Json::Array(items) => items.iter().filter_map(Json::as_str).map(told).collect(),
        Json::Null => vec![Told::Elsewhere(PASSED_ON.into())],
        _ => vec![Told::Elsewhere("it comes from a secret or a map of settings".into())],
    }
}

/// `- FLAG=value`, or `- FLAG`.
fn listed(text: &str, flag: &str) -> Option<Told> {
    let rest = text.strip_prefix(flag)?;
    match rest.strip_prefix('=') {
        Some(value) => Some(told(value)),
        None if rest.is_empty() => Some(Told::Elsewhere(PASSED_ON.into())),
        None => None,
    }
}

/// A value that is to be filled in by whoever deploys can't be seen.
fn told(value: &str) -> Told {
    if value.contains("${") || value.contains("{{") || value.starts_with('$') {
        return Told::Elsewhere(format!("it is filled in when it is deployed: `{value}`"));
    }
    Told::Value(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let all = settings(name, text, "FLAG").unwrap();
        let told = |told: &Told| match told {
            Told::Value(value) => format!("={value}"),
            Told::Elsewhere(why) => {
                format!("?{}", why.split(' ').take(4).collect::<Vec<_>>().join(" "))
            }
        };
        all.iter().map(|setting| format!("{}{}", setting.place, told(&setting.told))).collect()
    }

    #[test]
    fn a_flag_is_found_as_it_is_written_in_every_format() {
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
    fn what_is_not_of_its_format_is_told_and_a_bomb_is_none() {
        for (name, text) in [("a.toml", "FLAG = "), ("a.json", "{"), ("a.yaml", "a: [b")] {
            assert!(settings(name, text, "FLAG").is_err(), "{name}");
        }
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{},", level - 1).repeat(10);
            let line = format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(','));
            bomb.push_str(&line);
        }
        assert!(settings("a.yaml", &bomb, "FLAG").unwrap_err().contains("more than"));
    }
}
