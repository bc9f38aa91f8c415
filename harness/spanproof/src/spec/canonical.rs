//! The settings of a spec as a text that does not depend on comments, on the order of keys or on the
//! list of deploy manifests.

use toml::Table;

use super::deprecated;
use crate::document::{Document, Error};

/// Returns the settings. Two specs with the same text run the same cases.
///
/// # Errors
/// If the document is not TOML.
pub(super) fn canonical(document: &Document) -> Result<String, Error> {
    let (mut table, _warnings): (Table, _) = deprecated::parse(document)?;
    table.remove("manifests");
    // The keys of a table are sorted.
    toml::to_string(&table)
        .map_err(|error| document.error_at(0..0, format!("can't be written as TOML: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_change_cases_change_the_text() {
        let text = |text: &str| canonical(&Document::new("spec.toml", text)).unwrap();
        let first = text("schema = 1\n[matrix]\nlimit = 5\n");
        let same = "# comment\nmatrix = { limit = 5 }\nschema = 1\n[manifests.a]\nfiles = ['x']\n";
        assert_eq!(text(same), first);
        assert_ne!(text("schema = 1\n[matrix]\nlimit = 6\n"), first);
    }
}
