//! Values of a spec that are given in place of what its file says.

use toml::{Table, Value};

use crate::document::{Document, Error};

/// A value of a spec, by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The key, with a dot between its parts: `service.settle-ms`.
    pub key: String,
    /// The value as TOML: `4000`, `"text"`, `{ a = 1 }`, `[]`.
    pub value: String,
}

impl Overlay {
    /// A value for a key.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
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
        let line = Document::new(&overlay.key, format!("value = {}", overlay.value));
        let value = line.parse::<Table>()?.remove("value").unwrap_or(Value::Table(Table::new()));
        put(&mut table, &overlay.key, value)
            .map_err(|part| line.wrong(0..0, format!("`{part}` of this key is no table")))?;
    }
    let text = toml::to_string(&table)
        .map_err(|error| document.wrong(0..0, format!("not to be written again: {error}")))?;
    Ok(Document::new(document.path(), text))
}

/// Puts a value at a key; `Err` with the part of the key that is no table.
fn put(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let Some((first, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value);
        return Ok(());
    };
    let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
    let inner = inner.as_table_mut().ok_or_else(|| first.to_owned())?;
    put(inner, rest, value)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_can_not_be_put_there_is_refused() {
        let error = overlaid("a.b", "1").unwrap_err();
        assert!(error.contains("`a` of this key is no table"), "{error}");
        let error = overlaid("a", "{").unwrap_err();
        assert!(error.starts_with("`a`") || error.starts_with("a:1:"), "{error}");
    }
}
