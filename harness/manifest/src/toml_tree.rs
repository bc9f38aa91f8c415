//! Parses TOML into a tree whose nodes have line numbers.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::files::without_bom;
use super::node::{Entry, Kind, Node};
use super::toml_nesting::deep_toml_bracket;

/// The error for a bracket that is nested too deeply.
const TOO_DEEP: &str = "the brackets are nested too deeply";

/// Parses a TOML text.
///
/// # Errors
/// If the text is not valid TOML. The error names the line.
pub(crate) fn parse(text: &str) -> Result<Node, String> {
    let text = without_bom(text);
    let line = |span: Range<usize>| 1 + text[..span.start.min(text.len())].matches('\n').count();
    if let Some(at) = deep_toml_bracket(text) {
        return Err(format!("line {}: {TOO_DEEP}", line(at..at)));
    }
    let table = DeTable::parse(text).map_err(|error| {
        let place = error.span().map(|span| format!("line {}: ", line(span))).unwrap_or_default();
        format!("{place}{}", error.message())
    })?;
    let first = line(table.span());
    Ok(Node::new(first, map(table.get_ref(), &line)))
}

fn map(table: &DeTable<'_>, line: &dyn Fn(Range<usize>) -> usize) -> Kind {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(name, value)| Entry {
            name: name.get_ref().to_string(),
            line: line(name.span()),
            value: node(value, line),
        })
        .collect();
    entries.sort_by_key(|entry| entry.line);
    Kind::Map(entries)
}

fn node(value: &Spanned<DeValue<'_>>, line: &dyn Fn(Range<usize>) -> usize) -> Node {
    let plain = |text: String| Kind::Scalar { text, plain: true };
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Scalar { text: text.to_string(), plain: false },
        DeValue::Integer(number) => plain(number.to_string()),
        DeValue::Float(number) => plain(number.to_string()),
        DeValue::Boolean(value) => plain(value.to_string()),
        DeValue::Datetime(value) => plain(value.to_string()),
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(item, line)).collect()),
        DeValue::Table(table) => map(table, line),
    };
    Node::new(line(value.span()), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_the_line_on_which_it_starts() {
        let node =
            parse("a = 1\n[env]\nB = 'true '\n\nC = true\n[[vm]]\nx.y = [1, 'z']\n").unwrap();
        assert_eq!(node.text_at("env.B"), Some("true "));
        assert_eq!(node.at("env.C").unwrap().line, 5);
        assert_eq!(node.get("vm").unwrap().items()[0].at("x.y").unwrap().items().len(), 2);
        assert!(parse("a = 1\nb = ").unwrap_err().starts_with("line 2: "));
        let after_error = "{}_\nv=[{e]]s[{".repeat(1000);
        assert!(parse(&after_error).unwrap_err().ends_with(TOO_DEEP));
    }
}
