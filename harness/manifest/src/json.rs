//! Parses JSON into a tree whose nodes have line numbers. `serde_json` decides whether the text is valid;
//! this module finds the line of each value.

use super::files::without_bom;
use super::node::{Entry, Kind, Node};
use super::quote;

/// Parses a JSON text. If a key is duplicate, its last value counts.
///
/// # Errors
/// If the text is not valid JSON.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let text = without_bom(text);
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string())?;
    let mut reader = Reader { rest: text, line: 1 };
    reader.value().ok_or_else(|| "it is not valid JSON".to_owned())
}

/// Reads a text that `serde_json` has accepted.
struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn skip_spaces(&mut self) {
        let rest = self.rest.trim_start();
        self.line += self.rest[..self.rest.len() - rest.len()].matches('\n').count();
        self.rest = rest;
    }

    /// Skips blanks and an expected character. Returns `false` if a different character follows.
    fn skip(&mut self, expected: char) -> bool {
        self.skip_spaces();
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Reads a string; `None` if no string follows.
    fn string(&mut self) -> Option<String> {
        self.skip_spaces();
        let end = quote::closing(self.rest, '"')?;
        let text = self.take(end + 1);
        serde_json::from_str(text).ok()
    }

    fn value(&mut self) -> Option<Node> {
        self.skip_spaces();
        let line = self.line;
        let kind = match self.rest.chars().next()? {
            '{' => self.map()?,
            '[' => self.list()?,
            '"' => Kind::Scalar { text: self.string()?, plain: false },
            _ => {
                let end = self.rest.find(|c: char| ",]}".contains(c) || c.is_whitespace());
                let text = self.take(end.unwrap_or(self.rest.len())).to_owned();
                Kind::Scalar { text, plain: true }
            }
        };
        Some(Node::new(line, kind))
    }

    fn list(&mut self) -> Option<Kind> {
        let mut items = Vec::new();
        self.skip('[');
        while !self.skip(']') {
            items.push(self.value()?);
            self.skip(',');
        }
        Some(Kind::List(items))
    }

    fn map(&mut self) -> Option<Kind> {
        let mut entries = Vec::new();
        self.skip('{');
        while !self.skip('}') {
            let name = self.string()?;
            let line = self.line;
            self.skip(':');
            entries.push(Entry { name, line, value: self.value()? });
            self.skip(',');
        }
        Some(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_the_line_on_which_it_starts() {
        let text = "\u{feff}{\"a\": [1, {\"b\\\"\\\\\": \"x\\n]\"}],\n \"c\": {},\n\"d\":\n true, \"e\": [ ]}";
        let node = parse(text).unwrap();
        assert_eq!(node.get("a").unwrap().items()[1].text_at("b\"\\"), Some("x\n]"));
        assert_eq!(node.get("d").unwrap().line, 4);
        assert_eq!(node.entries()[2].line, 3);
        assert!(node.get("e").unwrap().is_list());
        assert!(parse("{").is_err());
    }
}
