//! The tree of a YAML, JSON or TOML manifest, with the line of each node.

/// A node and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    /// The tag of a YAML node, such as `!override`; `None` if it has none.
    pub(crate) tag: Option<String>,
    pub(crate) kind: Kind,
}

/// The content of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A scalar with its exact spelling. `plain` is true if the scalar is not quoted; only then can it be a
    /// number, a boolean or null.
    Scalar { text: String, plain: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping.
    Map(Vec<Entry>),
}

/// A key and its value in a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The line of the key.
    pub(crate) line: usize,
    pub(crate) value: Node,
}

/// A scalar with its type in YAML 1.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scalar<'a> {
    Null,
    Boolean(bool),
    /// A number as it is spelled.
    Number(&'a str),
    Text(&'a str),
}

impl Node {
    pub(crate) fn new(line: usize, kind: Kind) -> Self {
        Self { line, tag: None, kind }
    }

    /// Creates an empty mapping.
    pub(crate) fn empty(line: usize) -> Self {
        Self::new(line, Kind::Map(Vec::new()))
    }

    /// Returns the value of a key, the last one if the mapping has several.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().rev().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// Returns the value at a path of keys separated by dots.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, Self::get)
    }

    /// Returns the entries of a mapping; an empty list for other nodes.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a sequence; an empty list for other nodes.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a scalar; `None` for null and other nodes.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Returns the text at a path of keys.
    pub(crate) fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path).and_then(Self::text)
    }

    pub(crate) fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List(_))
    }

    /// Whether the node is null: empty, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    /// Returns the scalar with its type; `None` for other nodes.
    pub(crate) fn scalar(&self) -> Option<Scalar<'_>> {
        let Kind::Scalar { text, plain } = &self.kind else { return None };
        if !plain || self.tag.as_deref() == Some("!!str") {
            return Some(Scalar::Text(text));
        }
        Some(match text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
            "true" | "True" | "TRUE" => Scalar::Boolean(true),
            "false" | "False" | "FALSE" => Scalar::Boolean(false),
            other if is_number(other) => Scalar::Number(other),
            other => Scalar::Text(other),
        })
    }

    /// Returns the texts of a scalar or of a list of scalars.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match &self.kind {
            Kind::List(items) => items.iter().filter_map(Self::text).collect(),
            _ => self.text().into_iter().collect(),
        }
    }
}

/// Whether any of the common YAML parsers reads a plain scalar as a number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let first = digits.chars().next().unwrap_or_default();
    if matches!(digits.to_lowercase().as_str(), ".inf" | ".nan") {
        return true;
    }
    let fraction = digits.strip_prefix('.').and_then(|rest| rest.chars().next());
    if !first.is_ascii_digit() && !fraction.is_some_and(|digit| digit.is_ascii_digit()) {
        return false;
    }
    let plain = digits.replace('_', "");
    let with_base = |prefix: &str, base| {
        plain.strip_prefix(prefix).is_some_and(|rest| u128::from_str_radix(rest, base).is_ok())
    };
    plain.parse::<f64>().is_ok() || with_base("0x", 16) || with_base("0o", 8) || with_base("0b", 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_of_a_plain_scalar_decides_its_type() {
        let scalar = |text: &str| Node::new(1, Kind::Scalar { text: text.into(), plain: true });
        for text in ["1", "-1.5", "010", "0x1F", "1_000", "1e3", ".5", "0o17"] {
            assert_eq!(scalar(text).scalar(), Some(Scalar::Number(text)), "{text}");
        }
        for text in ["yes", "on", "1.2.3", "0xZZ", "12h", "-", ".", "v1"] {
            assert_eq!(scalar(text).scalar(), Some(Scalar::Text(text)), "{text}");
        }
        assert!(scalar("").is_null() && scalar("~").is_null());
        assert_eq!(scalar("TRUE").scalar(), Some(Scalar::Boolean(true)));
    }
}
