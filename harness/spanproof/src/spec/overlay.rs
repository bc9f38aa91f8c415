//! Values of a spec that are given in place of what its file says.

use toml::{Table, Value};

use crate::document::{Document, Error};

/// A value of a spec, by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// The key, with a dot between its parts: `service.settle-ms`. A key that names a list, such as
    /// `fault`, stands for the whole list.
    pub key: String,
    /// The value as TOML: `4000`, `"text"`, `{ a = 1 }`, `[]`.
    pub value: String,
}

impl Overlay {
    /// A value for a key.
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// The document of a spec with these values in place of its own. Lines of errors are then those of
/// the changed document, whose order is another one.
pub(super) fn overlaid(document: &Document, overlays: &[Overlay]) -> Result<Document, Error> {
    if overlays.is_empty() {
        return Ok(document.clone());
    }
    let mut table: Table = document.parse()?;
    for overlay in overlays {
        let value = value(overlay)?;
        put(&mut table, &overlay.key, value).map_err(|reason| refused(overlay, reason))?;
    }
    let text = toml::to_string(&table)
        .map_err(|error| document.wrong(0..0, format!("not to be written again: {error}")))?;
    Ok(Document::new(document.path(), text))
}

/// The value of an overlay.
fn value(overlay: &Overlay) -> Result<Value, Error> {
    let text = &overlay.value;
    let parsed = |value: &str| {
        let mut table: Table = toml::from_str(&format!("value = {value}")).ok()?;
        let value = table.remove("value")?;
        table.is_empty().then_some(value)
    };
    let quoted = Value::String(text.clone()).to_string();
    parsed(text).ok_or_else(|| refused(overlay, format!("is no TOML; as a text it is `{quoted}`")))
}

fn refused(overlay: &Overlay, reason: impl std::fmt::Display) -> Error {
    let Overlay { key, value } = overlay;
    let line = Document::new("a value set over the spec", format!("{key} = {value}"));
    let at = key.len() + 3;
    line.wrong(at..at + value.len(), format!("`{value}` {reason}"))
}

/// Puts a value at a key; `Err` with the reason why it can't stand there.
fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
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
    put(inner, rest, value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TEXT: &str = "a = 1\n[b]\nc = 'x'\nd = { e = 2 }\n[[f]]\ng = 1\n";

    fn overlaid(key: &str, value: &str) -> Result<Table, String> {
        let document = Document::new("spec.toml", TEXT);
        let document = super::overlaid(&document, &[Overlay::new(key, value)]);
        document.and_then(|document| document.parse()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_value_is_replaced_as_a_whole_or_added() {
        assert_eq!(overlaid("a", "7").unwrap()["a"].as_integer(), Some(7));
        let changed = overlaid("b.d", "{}").unwrap();
        assert_eq!(changed["b"]["d"], Value::Table(Table::new()));
        assert_eq!(changed["b"]["c"].as_str(), Some("x"), "its neighbour stays");
        let changed = overlaid("f", "[{ g = 2 }, { g = 3 }]").unwrap();
        assert_eq!(changed["f"].as_array().unwrap().len(), 2);
        assert_eq!(overlaid("new.key", "true").unwrap()["new"]["key"].as_bool(), Some(true));
    }

    #[rstest]
    #[case::in_a_value("a.b", "1", "1:7: `1` can't be set in `a`, which is of type integer")]
    #[case::in_a_list("f.g", "2", "1:7: `2` can't be set in the list `f`; set the list as a whole")]
    #[case::word("b.c", "took_ms", "1:7: `took_ms` is no TOML; as a text it is `\"took_ms\"`")]
    #[case::half("a", "{", "1:5: `{` is no TOML; as a text it is `\"{\"`")]
    #[case::more_than_a_value("a", "1\nb = 2", "is no TOML")]
    fn what_can_not_be_put_there_is_refused(
        #[case] key: &str,
        #[case] value: &str,
        #[case] reason: &str,
    ) {
        let error = overlaid(key, value).unwrap_err();
        assert!(error.contains(reason), "expected {reason}\nfound {error}");
    }
}
