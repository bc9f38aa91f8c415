//! The prefix of all names: of databases, roles, caches and containers. Each product that uses this crate
//! can have its own prefix.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;

use super::Error;

/// Maximum length of a prefix in bytes, so that all names fit into Postgres's limit of 63 bytes.
const MAX_LENGTH: usize = 20;
/// Role names, and starts of role names, that Postgres reserves.
const RESERVED: [&str; 3] = ["pg", "public", "none"];
/// The file with the prefix in the folder of a kept server. If the file is missing, the prefix is
/// the default.
const PREFIX_FILE: &str = "prefix";

/// The prefix of one product's databases, roles, caches, containers and records.
///
/// Two prefixes are independent: a process never uses, lists or removes anything with a different prefix.
/// The default is `spanproof`.
///
/// ```
/// use spanproof_postgres::{Options, Prefix};
///
/// let options = Options { prefix: Prefix::new("acme")?, ..Options::default() };
/// assert_eq!(options.prefix.as_str(), "acme");
/// assert!(Prefix::new("Acme Inc.").is_err());
/// # Ok::<(), spanproof_postgres::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prefix(Cow<'static, str>);

impl Prefix {
    /// Creates a prefix of up to 20 lower-case ASCII letters and digits that starts with a letter.
    ///
    /// # Errors
    /// [`Error::Prefix`] for any other string, and for `pg`, `public` and `none`, which Postgres
    /// reserves.
    pub fn new(text: &str) -> Result<Self, Error> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let starts_with_letter = text.starts_with(|c: char| c.is_ascii_lowercase());
        if is_plain && starts_with_letter && text.len() <= MAX_LENGTH && !RESERVED.contains(&text) {
            Ok(Self(text.to_owned().into()))
        } else {
            Err(Error::Prefix { found: text.to_owned() })
        }
    }

    /// Returns the prefix as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the start of the names of all databases that this crate creates with this prefix.
    pub(super) fn database_prefix(&self) -> String {
        format!("{self}_")
    }

    /// Returns the name of a template on a server that this crate started. `fingerprint` identifies
    /// the migrations of the template.
    pub(super) fn template(&self, fingerprint: &str) -> String {
        format!("{self}_template_{fingerprint}")
    }

    /// Returns the name of the first clone of a template, which a cached data directory contains.
    pub(super) fn first_clone(&self, fingerprint: &str) -> String {
        format!("{self}_ready_{fingerprint}")
    }

    /// Returns the start of the names of databases that are kept on an existing server.
    pub(super) fn kept_prefix(&self) -> String {
        format!("{self}_kept_")
    }

    /// Returns the name to which `database` is renamed when it is kept on an existing server.
    pub(super) fn kept_name(&self, database: &str) -> String {
        let rest = database.strip_prefix(self.as_str()).unwrap_or(database);
        format!("{}{}", self.kept_prefix(), rest.trim_start_matches('_'))
    }

    /// Writes the prefix into the folder of a server that is about to be kept. The default prefix is not
    /// written.
    pub(super) fn mark(&self, folder: &Path) -> io::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        std::fs::write(folder.join(PREFIX_FILE), self.as_str())
    }

    /// Returns whether the kept server in a folder has this prefix.
    pub(super) fn is_marked_in(&self, folder: &Path) -> bool {
        match std::fs::read_to_string(folder.join(PREFIX_FILE)) {
            Ok(text) => text == self.as_str(),
            Err(error) => error.kind() == io::ErrorKind::NotFound && *self == Self::default(),
        }
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self(Cow::Borrowed("spanproof"))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_short_plain_words_only() {
        for text in ["spanproof", "a", "a1", "abcdefghij0123456789"] {
            assert_eq!(Prefix::new(text).unwrap().as_str(), text);
        }
        let wrong = ["", "1a", "Acme", "a_b", "a-b", "a b", "ä", "abcdefghij01234567890", "pg"];
        for text in wrong {
            let error = Prefix::new(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is not a valid prefix for the names of ")),
                "{error}"
            );
        }
    }

    #[test]
    fn names_with_the_default_prefix_never_change() {
        let prefix = Prefix::default();
        assert_eq!(prefix.template("0c"), "spanproof_template_0c");
        assert_eq!(prefix.first_clone("0c"), "spanproof_ready_0c");
        let kept = prefix.kept_name("spanproof_fedcba9876543210_case_0");
        assert_eq!(kept, "spanproof_kept_fedcba9876543210_case_0");
    }

    #[test]
    fn the_longest_names_fit_into_63_bytes() {
        let prefix = Prefix::new("abcdefghij0123456789").unwrap();
        let run = super::super::run::Run::new(prefix.clone());
        let template = run.database("template", "0123456789ab");
        let kept = prefix.kept_name(&run.database("empty", &u32::MAX.to_string()));
        assert!(template.len() <= 63 && kept.len() <= 63, "{template} {kept}");
    }

    #[test]
    fn a_kept_folder_has_one_prefix() {
        let (ours, other) = (Prefix::default(), Prefix::new("acme").unwrap());
        let folder = tempfile::tempdir().unwrap();
        ours.mark(folder.path()).unwrap();
        assert!(ours.is_marked_in(folder.path()) && !other.is_marked_in(folder.path()));
        other.mark(folder.path()).unwrap();
        assert!(other.is_marked_in(folder.path()) && !ours.is_marked_in(folder.path()));
    }
}
