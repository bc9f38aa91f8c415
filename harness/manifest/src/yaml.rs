//! Parses YAML into a tree whose nodes have line numbers. Every scalar keeps its spelling.
//!
//! Merge keys (`<<`) are resolved: the mapping's own keys override merged ones, and in a list of
//! mappings the first one wins (<https://yaml.org/type/merge.html>). A duplicate key is an error, as in
//! go-yaml, which Compose and Kubernetes use.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::files::without_bom;
use super::node::{Entry, Kind, Node};

/// Maximum number of nodes. In a small file, aliases can stand for any number of nodes.
const MAX_NODES: usize = 200_000;
/// Maximum nesting depth of mappings and sequences.
const MAX_DEPTH: usize = 100;
/// Maximum number of bytes to parse in total: the whole text is parsed again for each bracket that
/// [`parse`] indents.
const MAX_PARSED: usize = 16 * 1024 * 1024;

/// Parses all documents of a YAML file.
///
/// # Errors
/// If the text is not valid YAML. The error names the line.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, String> {
    let mut text = without_bom(text).to_owned();
    // libyaml, which most tools use, accepts a closing bracket in the column of its key. saphyr does not,
    // so such a line is indented here, which keeps the line numbers.
    let attempts = MAX_PARSED / text.len().max(1);
    for _ in 0..attempts.clamp(10, 1000) {
        match documents(&text) {
            Err(Failure { line, .. }) if indent_bracket(&mut text, line) => {}
            Err(Failure { message, .. }) => return Err(message),
            Ok(documents) => return Ok(documents),
        }
    }
    Err("the file has too many closing brackets without indentation".to_owned())
}

/// Returns the first document of a YAML text, with every scalar as a string; `None` if the text is not valid.
/// For files that are not manifests, such as logs.
pub fn yaml_value(text: &str) -> Option<serde_json::Value> {
    fn value(node: Node) -> serde_json::Value {
        match node.kind {
            Kind::Scalar { text, .. } => serde_json::Value::String(text),
            Kind::List(elements) => elements.into_iter().map(value).collect(),
            Kind::Map(entries) => {
                entries.into_iter().map(|entry| (entry.name, value(entry.value))).collect()
            }
        }
    }
    parse(text).ok()?.into_iter().next().map(value)
}

/// Why a file is not valid YAML, and the line of the error.
struct Failure {
    line: usize,
    message: String,
}

/// Indents a line that starts with a closing bracket. Returns `false` if the line does not start with
/// one, or is already indented deeply.
fn indent_bracket(text: &mut String, line: usize) -> bool {
    let start =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = &text[start..];
    let bracket = rest.trim_start_matches(' ');
    let indentation = rest.len() - bracket.len();
    let can_indent = bracket.starts_with([']', '}']) && indentation < 200;
    if can_indent {
        text.insert_str(start, &" ".repeat(200));
    }
    can_indent
}

fn documents(text: &str) -> Result<Vec<Node>, Failure> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Failure {
            line: error.marker().line(),
            message: format!("line {}: {}", error.marker().line(), error.info()),
        })?;
        let line = span.start.line();
        builder
            .handle(event, span)
            .map_err(|message| Failure { line: 0, message: format!("line {line}: {message}") })?;
    }
    Ok(builder.documents)
}

/// A mapping or sequence whose end has not been read yet.
struct Open {
    node: Node,
    /// In a mapping, the key whose value has not been read yet, with its line.
    key: Option<(String, usize)>,
    /// The keys of a mapping so far, with their lines.
    keys: BTreeMap<String, usize>,
    /// The values of `<<`.
    merged: Vec<Node>,
    anchor: usize,
}

#[derive(Default)]
struct Builder {
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

impl Builder {
    fn handle(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let mut node = Node::new(line, Kind::Scalar { text: text.into_owned(), plain });
                node.tag = tag.as_deref().map(tag_text);
                self.add(node, anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or("an alias refers to a node that contains it")?;
                self.nodes += count(&node);
                self.add(node, 0)
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(Kind::Map(Vec::new()), line, anchor, tag.as_deref())
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Kind::List(Vec::new()), line, anchor, tag.as_deref())
            }
            Event::MappingEnd | Event::SequenceEnd => match self.open.pop() {
                Some(mut open) => {
                    for merged in std::mem::take(&mut open.merged) {
                        merge(&mut open.node, &merged);
                    }
                    self.add(open.node, open.anchor)
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        kind: Kind,
        line: usize,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("mappings and lists are nested more than {MAX_DEPTH} deep"));
        }
        let node = Node { line, tag: tag.map(tag_text), kind };
        let (keys, merged) = (BTreeMap::new(), Vec::new());
        self.open.push(Open { node, key: None, keys, merged, anchor });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(format!("the file has more than {MAX_NODES} values with expanded aliases"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match (&mut open.node.kind, open.key.take()) {
            (Kind::List(items), _) => items.push(node),
            (Kind::Map(_), Some((name, _))) if name == "<<" => open.merged.push(node),
            (Kind::Map(entries), Some((name, line))) => {
                if let Some(first) = open.keys.insert(name.clone(), line) {
                    return Err(format!("duplicate key `{name}`, first used on line {first}"));
                }
                entries.push(Entry { name, line, value: node });
            }
            (Kind::Map(_), None) => {
                let key = match &node.kind {
                    Kind::Scalar { text, .. } => text.clone(),
                    _ => return Err("a key must be a string, not a list or mapping".to_owned()),
                };
                open.key = Some((key, node.line));
            }
            (Kind::Scalar { .. }, _) => {}
        }
        Ok(())
    }
}

/// Returns the spelling of a tag, such as `!override` or `!!str`.
fn tag_text(tag: &Tag) -> String {
    let handle = if tag.handle.starts_with("tag:yaml.org") { "!!" } else { &tag.handle };
    format!("{handle}{}", tag.suffix)
}

/// Adds the entries of `<<`, except those whose key the mapping already has.
fn merge(node: &mut Node, merged: &Node) {
    let sources = match &merged.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(merged),
    };
    let Kind::Map(entries) = &mut node.kind else { return };
    for entry in sources.iter().flat_map(Node::entries) {
        if !entries.iter().any(|own| own.name == entry.name) {
            entries.push(entry.clone());
        }
    }
}

/// Returns the number of nodes in a tree.
fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 1,
        Kind::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|entry| count(&entry.value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Node {
        parse(text).unwrap().remove(0)
    }

    #[test]
    fn a_key_overrides_merged_ones_before_or_after_the_merge_key() {
        let node =
            one("a: &a {X: 1, Y: 1}\nb: &b {X: 2, Z: 2}\nc:\n  Y: 3\n  <<: [*a, *b]\n  W: 3\n");
        for (name, value, line) in [("X", "1", 1), ("Y", "3", 4), ("Z", "2", 2), ("W", "3", 6)] {
            let found = node.at(&format!("c.{name}")).unwrap();
            assert_eq!((found.text(), found.line), (Some(value), line), "{name}");
        }
    }

    #[test]
    fn a_closing_bracket_in_the_column_of_its_key_is_accepted() {
        let node = one("a:\n  b: [\n    x,\n    {c: [\n    y\n    ]\n    }\n  ]\n  d: 1\n");
        assert_eq!(node.at("a.d").unwrap().line, 9);
        assert_eq!(node.at("a.b").unwrap().items().len(), 2);
    }

    #[test]
    fn scalars_keep_their_spelling_and_nodes_their_tag() {
        let node = one("\u{feff}a: yes\nb: 'true'\nc: !override {d: !!str 1}\n");
        assert_eq!(node.text_at("a"), Some("yes"));
        assert_eq!(node.get("c").unwrap().tag.as_deref(), Some("!override"));
        assert_eq!(node.at("c.d").unwrap().tag.as_deref(), Some("!!str"));
    }

    #[test]
    fn invalid_and_huge_texts_are_rejected() {
        for (text, part) in [
            ("a: [b", "line "),
            ("a: 1\nb: 2\na: 3", "line 3: duplicate key `a`, first used on line 1"),
            ("a: {b: ]}", "line 1"),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
        let first = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        let lines = (1..12).map(|level| {
            let below = format!("*a{},", level - 1).repeat(10);
            format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(','))
        });
        let bomb: String = std::iter::once(first).chain(lines).collect();
        assert!(parse(&bomb).unwrap_err().contains("more than 200000"));
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
            let nested = |depth| format!("{}{}\n", open.repeat(depth), close.repeat(depth));
            assert!(parse(&nested(90)).is_ok(), "{open}");
            let message = parse(&nested(5000)).unwrap_err();
            assert!(message.contains("line 1: ") || open == "[", "{message}");
        }
    }
}
