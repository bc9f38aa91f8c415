//! The name that everything of one product begins with: on servers, in caches, in containers.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::Path;

use super::Error;

/// The longest prefix: with what follows it, a name stays within the 63 bytes that Postgres takes.
const LONGEST: usize = 20;
/// Postgres keeps these to itself: as the start of a role's name, or as one.
const RESERVED: [&str; 3] = ["pg", "public", "none"];
/// The file that names the prefix in the folder of a kept server; without it, the default's.
const MARK: &str = "prefix";

/// What the names of one product's databases, roles, caches, containers and records begin with.
///
/// Servers, caches and databases of two prefixes are never mixed: nothing of another prefix is used,
/// listed or removed. The default is `spanproof`.
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
    /// A prefix of up to 20 lower-case ASCII letters and digits, the first of them a letter.
    ///
    /// # Errors
    /// [`Error::Prefix`] for any other text, and for what Postgres reserves: `pg`, `public`, `none`.
    pub fn new(text: &str) -> Result<Self, Error> {
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let first = text.starts_with(|c: char| c.is_ascii_lowercase());
        if plain && first && text.len() <= LONGEST && !RESERVED.contains(&text) {
            Ok(Self(text.to_owned().into()))
        } else {
            Err(Error::Prefix { found: text.to_owned() })
        }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The template of migrations with this fingerprint, on a server of our own.
    pub(super) fn template(&self, fingerprint: &str) -> String {
        format!("{self}_template_{fingerprint}")
    }

    /// A clone of that template which is in the data directory from the start.
    pub(super) fn first_clone(&self, fingerprint: &str) -> String {
        format!("{self}_ready_{fingerprint}")
    }

    /// The start of the name of each database that is kept on a given server.
    pub(super) fn kept(&self) -> String {
        format!("{self}_kept_")
    }

    /// The name under which a database is kept on a given server.
    pub(super) fn kept_name(&self, database: &str) -> String {
        let rest = database.strip_prefix(self.as_str()).unwrap_or(database);
        format!("{}{}", self.kept(), rest.trim_start_matches('_'))
    }

    /// Writes into the folder of a server which prefix it has, before it is kept.
    pub(super) fn mark(&self, folder: &Path) -> io::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        std::fs::write(folder.join(MARK), self.as_str())
    }

    /// Whether the kept server in a folder has this prefix.
    pub(super) fn is_of(&self, folder: &Path) -> bool {
        match std::fs::read_to_string(folder.join(MARK)) {
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
    fn a_prefix_is_a_plain_word() {
        for text in ["spanproof", "a", "a1", "abcdefghij0123456789"] {
            assert_eq!(Prefix::new(text).unwrap().as_str(), text);
        }
        let wrong = ["", "1a", "Acme", "a_b", "a-b", "a b", "ä", "abcdefghij01234567890", "pg"];
        for text in wrong {
            let error = Prefix::new(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is not a valid prefix; expected ")),
                "{error}"
            );
        }
    }

    #[test]
    fn the_default_makes_the_names_of_every_version_before() {
        let prefix = Prefix::default();
        assert_eq!(prefix.template("0c"), "spanproof_template_0c");
        assert_eq!(prefix.first_clone("0c"), "spanproof_ready_0c");
        let kept = prefix.kept_name("spanproof_fedcba9876543210_case_0");
        assert_eq!(kept, "spanproof_kept_fedcba9876543210_case_0");
    }

    #[test]
    fn the_longest_names_fit_into_what_postgres_takes() {
        let prefix = Prefix::new("abcdefghij0123456789").unwrap();
        let run = super::super::run::Run::new(prefix.clone());
        let template = run.database("template", "0123456789ab");
        let kept = prefix.kept_name(&run.database("empty", &u32::MAX.to_string()));
        assert!(template.len() <= 63 && kept.len() <= 63, "{template} {kept}");
    }

    #[test]
    fn a_kept_folder_belongs_to_one_prefix() {
        let (ours, other) = (Prefix::default(), Prefix::new("acme").unwrap());
        let folder = tempfile::tempdir().unwrap();
        ours.mark(folder.path()).unwrap();
        assert!(ours.is_of(folder.path()) && !other.is_of(folder.path()));
        other.mark(folder.path()).unwrap();
        assert!(other.is_of(folder.path()) && !ours.is_of(folder.path()));
    }
}
