//! The canonical form of a spec's settings. Comments, the order of keys and the list of deploy manifests
//! do not change it.

use toml::Table;

use super::deprecated;
use crate::document::{Document, Error};

/// Returns the settings in canonical form. Two specs with the same canonical form run the same cases.
///
/// # Errors
/// If the document is not TOML.
pub(super) fn canonical(document: &Document) -> Result<String, Error> {
    let (mut table, _warnings): (Table, _) = deprecated::parse(document)?;
    table.remove("manifests");
    // The keys of a table are sorted.
    toml::to_string(&table).map_err(|error| {
        document.error_at(0..0, format!("the spec can't be written as TOML: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_key_order_and_manifests_do_not_change_the_canonical_form() {
        let form = |text: &str| canonical(&Document::new("spec.toml", text)).unwrap();
        let first = form("schema = 1\n[matrix]\nlimit = 5\n");
        let same = "# comment\nmatrix = { limit = 5 }\nschema = 1\n[manifests.a]\nfiles = ['x']\n";
        assert_eq!(form(same), first);
        assert_ne!(form("schema = 1\n[matrix]\nlimit = 6\n"), first);
    }
}
