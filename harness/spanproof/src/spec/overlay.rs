//! Overlays: values that override values of a spec file.

use toml::{Table, Value};

use super::deprecated;
use crate::document::{Document, Error};

/// A value that overrides the value of one key of a spec file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// The key, with dots between its parts: `service.settle-ms`. The key of a list, such as
    /// `fault`, means the whole list.
    pub key: String,
    /// The value as TOML: `4000`, `"text"`, `{ a = 1 }`, `[]`.
    pub value: String,
}

impl Overlay {
    /// Creates an overlay.
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// Returns the overlay as a line of TOML.
    fn line(&self) -> Document {
        Document::new("a value that overrides the spec", format!("{} = {}", self.key, self.value))
    }
}

/// Returns the document with the overlays applied, and a warning for each former name in the document or in
/// an overlay.
///
/// The keys of the changed document are sorted, so its line numbers differ from those of the file.
pub(super) fn apply(
    document: &Document,
    overlays: &[Overlay],
) -> Result<(Document, Vec<String>), Error> {
    if overlays.is_empty() {
        return Ok((document.clone(), Vec::new()));
    }
    let (mut table, mut warnings): (Table, _) = deprecated::parse(document)?;
    for overlay in overlays {
        let mut entry = (overlay.key.clone(), parse_value(overlay)?);
        // An overlay with a former name is replaced by one with the present name.
        if let Ok((line, line_warnings)) = deprecated::parse::<Table>(&overlay.line())
            && !line_warnings.is_empty()
        {
            entry = only_entry(line, overlay.key.split('.').count()).unwrap_or(entry);
            warnings.extend(line_warnings);
        }
        let (key, value) = entry;
        set(&mut table, &key, value).map_err(|reason| rejected(overlay, reason))?;
    }
    let text = toml::to_string(&table).map_err(|error| {
        document.error_at(0..0, format!("the spec can't be written as TOML: {error}"))
    })?;
    Ok((Document::new(document.path(), text), warnings))
}

/// Returns the only entry in `parts` nested tables: its key, with dots between the parts, and its value.
/// `None` if there are fewer nested tables.
fn only_entry(table: Table, parts: usize) -> Option<(String, Value)> {
    let (mut key, mut value) = (Vec::new(), Value::Table(table));
    for _ in 0..parts {
        let Value::Table(table) = value else { return None };
        let (part, inner) = table.into_iter().next()?;
        key.push(part);
        value = inner;
    }
    Some((key.join("."), value))
}

/// Parses the value of an overlay.
fn parse_value(overlay: &Overlay) -> Result<Value, Error> {
    let text = &overlay.value;
    let parsed = |value: &str| {
        let mut table: Table = toml::from_str(&format!("value = {value}")).ok()?;
        let value = table.remove("value")?;
        table.is_empty().then_some(value)
    };
    let quoted = Value::String(text.clone()).to_string();
    parsed(text)
        .ok_or_else(|| rejected(overlay, format!("is not TOML; a string needs quotes: `{quoted}`")))
}

/// Creates the error for an overlay whose value is rejected. `reason` continues a sentence that
/// begins with the value.
fn rejected(overlay: &Overlay, reason: impl std::fmt::Display) -> Error {
    let Overlay { key, value } = overlay;
    let at = key.len() + 3;
    overlay.line().error_at(at..at + value.len(), format!("`{value}` {reason}"))
}

/// Sets a key to a value. `Err` is the reason why it can't be set; it continues a sentence that begins with
/// the value.
fn set(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let Some((first, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return Ok(());
    };
    let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    if inner.is_array() {
        return Err(format!("can't be set in the list `{first}`; set the list as a whole"));
    }
    let kind = inner.type_str();
    let inner = inner.as_table_mut();
    let inner =
        inner.ok_or_else(|| format!("can't be set in `{first}`, which is of type {kind}"))?;
    set(inner, rest, value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TEXT: &str = "a = 1\n[b]\nc = 'x'\nd = { e = 2 }\n[[f]]\ng = 1\n";

    fn apply(key: &str, value: &str) -> Result<Table, String> {
        let document = Document::new("spec.toml", TEXT);
        let document = super::apply(&document, &[Overlay::new(key, value)]);
        document.and_then(|(document, _)| document.parse()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_replaced_or_added() {
        assert_eq!(apply("a", "7").unwrap()["a"].as_integer(), Some(7));
        let changed = apply("b.d", "{}").unwrap();
        assert_eq!(changed["b"]["d"], Value::Table(Table::new()));
        assert_eq!(changed["b"]["c"].as_str(), Some("x"), "other keys stay");
        let changed = apply("f", "[{ g = 2 }, { g = 3 }]").unwrap();
        assert_eq!(changed["f"].as_array().unwrap().len(), 2);
        assert_eq!(apply("new.key", "true").unwrap()["new"]["key"].as_bool(), Some(true));
    }

    #[rstest]
    #[case::in_a_value("a.b", "1", "1:7: `1` can't be set in `a`, which is of type integer")]
    #[case::in_a_list("f.g", "2", "1:7: `2` can't be set in the list `f`; set the list as a whole")]
    #[case::word(
        "b.c",
        "took_ms",
        "1:7: `took_ms` is not TOML; a string needs quotes: `\"took_ms\"`"
    )]
    #[case::unclosed("a", "{", "1:5: `{` is not TOML; a string needs quotes: `\"{\"`")]
    #[case::more_than_a_value("a", "1\nb = 2", "is not TOML")]
    fn rejects_a_value_that_does_not_fit(
        #[case] key: &str,
        #[case] value: &str,
        #[case] reason: &str,
    ) {
        let error = apply(key, value).unwrap_err();
        assert!(error.contains(reason), "expected {reason}\nfound {error}");
    }
}
