//! The parts of a compose file that concern the environment of a container.

use crate::interpolation::{Filled, Source, fill};
use crate::node::{Kind, Node};
use crate::variable::{Place, Reason, Value};

use super::scalar;

/// A list of settings. A YAML tag decides how it is merged with those of earlier files.
#[derive(Debug, Clone)]
pub(super) struct Layer<T> {
    /// Whether it replaces the settings of earlier files (`!override`, `!reset`).
    pub(super) replaces: bool,
    pub(super) items: Vec<T>,
}

impl<T> Default for Layer<T> {
    fn default() -> Self {
        Self { replaces: false, items: Vec::new() }
    }
}

impl<T: Clone> Layer<T> {
    /// Returns this layer merged with the layer of a later file.
    pub(super) fn then(&self, later: &Self) -> Self {
        if later.replaces {
            return later.clone();
        }
        let items = self.items.iter().chain(&later.items).cloned().collect();
        Self { replaces: self.replaces, items }
    }
}

/// The value of an entry of `environment`.
#[derive(Debug, Clone)]
pub(super) enum EntryValue {
    /// A value.
    Value(Filled),
    /// A name without a value.
    PassedOn,
    /// `!reset`: removes all entries with this name, also those of earlier files.
    Reset,
}

/// An entry of `environment`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: EntryValue,
    pub(super) place: Place,
    pub(super) location: String,
}

/// A file of `env_file`.
#[derive(Debug, Clone)]
pub(super) struct EnvFile {
    /// The path, relative to `folder`.
    pub(super) path: Filled,
    pub(super) folder: std::path::PathBuf,
    pub(super) required: bool,
    /// Whether values keep their quotes and comments (`format: raw`).
    pub(super) raw: bool,
    pub(super) place: Place,
}

/// Reads `environment`, a mapping or a list.
pub(super) fn environment(
    node: &Node,
    file: &str,
    location: &str,
    source: Source<'_>,
) -> Layer<Entry> {
    let entry = |name: &str, value: EntryValue, line: usize| Entry {
        name: name.to_owned(),
        value,
        place: Place::new(file, line),
        location: location.to_owned(),
    };
    let items = match &node.kind {
        Kind::Map(entries) => {
            let value = |value: &Node| match value.tag.as_deref() {
                Some("!reset") => EntryValue::Reset,
                _ => value_of(value, source),
            };
            entries
                .iter()
                .map(|one| entry(&one.name, value(&one.value), one.value.line.max(one.line)))
                .collect()
        }
        Kind::List(items) => items
            .iter()
            .filter_map(|item| {
                let Some(text) = item.text() else {
                    let name = &item.entries().first()?.name;
                    return Some(entry(name, EntryValue::Value(refused(name)), item.line));
                };
                Some(match text.split_once('=') {
                    Some((name, value)) => {
                        entry(name, EntryValue::Value(fill(value, source)), item.line)
                    }
                    None => entry(text, EntryValue::PassedOn, item.line),
                })
            })
            .collect(),
        Kind::Scalar { .. } => Vec::new(),
    };
    Layer { replaces: replaces(node), items }
}

/// Returns the value of a mapping in a list, such as `- NAME: value`.
fn refused(name: &str) -> Filled {
    let why = format!(
        "compose refuses `- {name}: …`, because each item of `environment` must be a string"
    );
    let value =
        Value::Refused(Reason::new(why, format!("write `- {name}=…`, or remove the hyphen")));
    Filled { value, steps: Vec::new() }
}

/// Whether a tag makes a value replace the value of earlier files.
pub(super) fn replaces(node: &Node) -> bool {
    matches!(node.tag.as_deref(), Some("!override" | "!reset"))
}

fn value_of(value: &Node, source: Source<'_>) -> EntryValue {
    if value.is_null() {
        return EntryValue::PassedOn;
    }
    let Some(text) = scalar::text(value) else {
        let why = "its value in the compose file is not a string";
        let value =
            Value::Unknown(Reason::new(why, "`docker compose config` shows it; or quote it"));
        return EntryValue::Value(Filled { value, steps: Vec::new() });
    };
    if text.contains("{{") {
        let why = format!("`docker stack deploy` fills it in: `{text}`");
        let value = Value::Unknown(Reason::new(why, "`docker service inspect` shows it"));
        return EntryValue::Value(Filled { value, steps: Vec::new() });
    }
    EntryValue::Value(fill(&text, source))
}

/// Reads `env_file`: a path, a list of paths, or a list of mappings.
pub(super) fn env_files(
    node: &Node,
    file: &str,
    folder: &std::path::Path,
    source: Source<'_>,
) -> Layer<EnvFile> {
    let one = |node: &Node| {
        let text = node.text_at("path").or_else(|| node.text())?;
        Some(EnvFile {
            path: fill(text, source),
            folder: folder.to_owned(),
            required: node.text_at("required") != Some("false"),
            raw: node.text_at("format") == Some("raw"),
            place: Place::new(file, node.line),
        })
    };
    let items = match &node.kind {
        Kind::List(items) => items.iter().filter_map(one).collect(),
        _ => one(node).into_iter().collect(),
    };
    Layer { replaces: replaces(node), items }
}

/// Merges the `env_file` settings of two files. A path in both keeps its first position, with the settings of
/// the later file.
pub(super) fn merged_files(first: &Layer<EnvFile>, later: &Layer<EnvFile>) -> Layer<EnvFile> {
    let mut merged = first.then(later);
    let mut unique: Vec<EnvFile> = Vec::new();
    for file in std::mem::take(&mut merged.items) {
        let same = |known: &&mut EnvFile| {
            known.path.value == file.path.value && known.folder == file.folder
        };
        match unique.iter_mut().find(same) {
            Some(known) => *known = file,
            None => unique.push(file),
        }
    }
    merged.items = unique;
    merged
}

/// A command or an entrypoint.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// The words; `None` if they can't be split or filled in.
    pub(super) list: Option<Vec<String>>,
    /// The original text.
    pub(super) text: String,
    pub(super) place: Place,
}

/// Reads `command` or `entrypoint`: a list of words, or a string that is split like a command line.
pub(super) fn words(node: &Node, file: &str, source: Source<'_>) -> Option<Words> {
    let literal = |text: &str| match fill(text, source).value {
        Value::Literal(text) => Some(text),
        _ => None,
    };
    let texts = node.texts();
    if texts.is_empty() && !node.is_list() {
        return None;
    }
    let words = if node.is_list() {
        texts.iter().map(|text| literal(text)).collect()
    } else {
        literal(texts[0]).and_then(|text| crate::command::split(&text))
    };
    Some(Words { list: words, text: texts.join(" "), place: Place::new(file, node.line) })
}
