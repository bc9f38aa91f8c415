//! The schema of a database: a folder of migrations or one SQL file.

mod apply;
mod name;
mod script;
mod section;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::name::{Name, Version};
use self::script::Script;
use super::Error;

/// Version of the rules for applying files. It is a part of every fingerprint, and changes when the
/// same files lead to a different schema.
const RULES_VERSION: &str = "2";

/// The migrations of one folder, or one SQL file with the whole schema.
///
/// The files are named as sqlx, golang-migrate, goose, dbmate, sql-migrate, tern, Flyway, refinery,
/// Prisma or Diesel name them: `0001_name.up.sql` with `0001_name.down.sql`, `0001_name.sql`,
/// `V1__name.sql`, `0001_name/migration.sql` or `0001_name/up.sql`. Only the part that applies a
/// migration is run. Each file is run in its own transaction, unless the file asks for no
/// transaction or has a statement that can't run in a transaction.
#[derive(Debug, Clone)]
pub struct Migrations {
    folder: PathBuf,
    files: Arc<[File]>,
    /// Runs after the files.
    creator: Option<Creator>,
}

/// A function that creates tables; it gets the URL of the database.
type Create =
    dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<(), Cause>> + Send>> + Send + Sync;
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Code of the caller that creates tables after the files have run.
#[derive(Clone)]
struct Creator {
    fingerprint: String,
    create: Arc<Create>,
}

impl std::fmt::Debug for Creator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Creator({})", self.fingerprint)
    }
}

/// The order of migrations that have the same version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SameVersion {
    /// Two migrations of one version are an error.
    #[default]
    Refused,
    /// Migrations of one version are applied in the order of their names.
    ByName,
}

/// One migration file.
#[derive(Debug)]
struct File {
    /// The path, relative to the folder.
    name: String,
    script: Script,
    /// The version that sqlx would store; `None` if another tool wrote the file.
    sqlx_version: Option<i64>,
}

impl Migrations {
    /// Reads and checks a folder.
    ///
    /// # Errors
    /// If the folder can't be read, has no migration, has two migrations of the same version or an SQL
    /// file whose name has no version, or if a file is not SQL in UTF-8. Only Flyway's repeatable
    /// migrations (`R__name.sql`) need no version.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read_with(folder, SameVersion::Refused)
    }

    /// Reads a folder as [`read`](Self::read) does; `same` says what to do with migrations of the same
    /// version.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_with(folder: impl AsRef<Path>, same: SameVersion) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let invalid = |source| Error::Migrations { folder: folder.clone(), source };
        if !folder.is_dir() {
            return Err(invalid("there is no such folder".into()));
        }
        let names = names(&folder).map_err(|error| invalid(error.into()))?;
        let ordered = order(names, same).map_err(|reason| invalid(reason.into()))?;
        if ordered.is_empty() {
            return Err(invalid("it has no `NNNN_name.up.sql` or `NNNN_name.sql` file".into()));
        }
        let files = ordered
            .into_iter()
            .map(|(version, name)| {
                let script = read_script(&folder.join(&name))
                    .map_err(|reason| invalid(format!("`{name}`, {reason}").into()))?;
                Ok(File {
                    sqlx_version: sqlx_version(&name, version.as_ref(), &script),
                    script,
                    name,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { folder, files, creator: None })
    }

    /// Returns an empty set of migrations, for an empty database.
    pub fn none() -> Self {
        Self { folder: PathBuf::new(), files: Arc::new([]), creator: None }
    }

    /// Adds code that runs after the files, such as another program that migrates. The code gets the URL
    /// of the database, and runs on the thread that manages the server. `fingerprint` identifies what
    /// the code creates: if a template database with the same fingerprint and files exists, it is cloned
    /// and the code is not run.
    #[must_use]
    pub fn then<F>(mut self, fingerprint: impl Into<String>, create: F) -> Self
    where
        F: Fn(String) -> Pin<Box<dyn Future<Output = Result<(), Cause>> + Send>>
            + Send
            + Sync
            + 'static,
    {
        self.creator = Some(Creator { fingerprint: fingerprint.into(), create: Arc::new(create) });
        self
    }

    /// Reads one SQL file that creates the whole schema, for example a plain dump of `pg_dump`.
    ///
    /// # Errors
    /// If the file can't be read or is not SQL in UTF-8.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let script = read_script(path).map_err(|reason| Error::Migrations {
            folder: folder.clone(),
            source: format!("`{name}`, {reason}").into(),
        })?;
        Ok(Self {
            folder,
            files: [File { name, script, sqlx_version: None }].into(),
            creator: None,
        })
    }

    /// Returns the folder that the migrations were read from; empty for [`none`](Self::none).
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the SQL of each file, in the order in which the files are run.
    pub fn statements(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|file| file.script.text.clone())
    }

    /// Returns the number of files.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Returns a name for the resulting schema: a hash of the file names and contents, and of the
    /// fingerprint of the caller's code.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new_with_prefix(RULES_VERSION);
        for File { name, script, .. } in self.files.iter() {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(Sha256::digest(script.text.as_bytes()));
            hash.update([u8::from(script.no_transaction)]);
        }
        if let Some(creator) = &self.creator {
            hash.update(creator.fingerprint.as_bytes());
        }
        format!("{:x}", hash.finalize())[..12].to_owned()
    }
}

/// Returns the paths of all files in a folder and in its immediate subfolders, relative to
/// `folder`.
fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            for inner in std::fs::read_dir(&path)? {
                paths.push(inner?.path());
            }
        } else {
            paths.push(path);
        }
    }
    let relative =
        |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    let mut names: Vec<String> = paths.iter().map(relative).collect();
    names.sort();
    Ok(names)
}

/// Returns the migrations among sorted names, in the order in which they are applied. Flyway's
/// repeatable migrations (`R__name.sql`), which have no version, are applied last.
fn order(names: Vec<String>, same: SameVersion) -> Result<Vec<(Option<Version>, String)>, String> {
    let mut versioned: Vec<(Version, String)> = Vec::new();
    let (mut undo, mut repeatable, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        match Name::parse(Path::new(&name))? {
            Name::Versioned(version) => versioned.push((version, name)),
            Name::Undo(version) => undo.push((version, name)),
            Name::Baseline(version) => baselines.push((version, name)),
            Name::Repeatable => repeatable.push((None, name)),
            Name::Down | Name::Other => {}
        }
    }
    // In refinery's folders each version has one file, and its name may begin with `U`. So a `U`
    // file is a migration if no other file has its version.
    let is_free = |version: &Version| versioned.iter().all(|(other, _)| other != version);
    let free: Vec<_> = undo.into_iter().filter(|(version, _)| is_free(version)).collect();
    versioned.extend(free);
    if let Some(baseline) = baselines.into_iter().max() {
        versioned.retain(|(version, _)| *version > baseline.0);
        versioned.push(baseline);
    }
    versioned.sort();
    if same == SameVersion::Refused {
        let mut seen = BTreeMap::new();
        for (version, name) in &versioned {
            if let Some(other) = seen.insert(version, name) {
                let version: Vec<_> = version.iter().map(ToString::to_string).collect();
                return Err(format!(
                    "`{other}` and `{name}` have the same version {}; renumber one, or apply them in the \
                     order of their names, with `SameVersion::ByName` or, in a spec, `order = \"name\"` in \
                     `[database]`",
                    version.join(".")
                ));
            }
        }
    }
    let versioned = versioned.into_iter().map(|(version, name)| (Some(version), name));
    Ok(versioned.chain(repeatable).collect())
}

/// Reads and parses a file. The error does not name the file.
fn read_script(path: &Path) -> Result<Script, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Script::parse(&bytes).map_err(|error| error.to_string())
}

/// Returns the version that sqlx stores in its own table; `None` for files of other tools.
fn sqlx_version(name: &str, version: Option<&Version>, script: &Script) -> Option<i64> {
    let is_sqlx = name.starts_with(|first: char| first.is_ascii_digit()) && !name.contains('/');
    match version?.as_slice() {
        [version] if is_sqlx && !script.has_sections => i64::try_from(*version).ok(),
        _ => None,
    }
}

/// Compares the names and the contents of the files, and the fingerprint of the caller's code, but not the
/// folder.
impl PartialEq for Migrations {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint() == other.fingerprint()
    }
}

impl Eq for Migrations {}

impl std::hash::Hash for Migrations {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.fingerprint().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::error::chain;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn read(names: &[&str], same: SameVersion) -> Result<Vec<String>, String> {
        let files: Vec<_> = names.iter().map(|name| (*name, "select 1")).collect();
        let read = Migrations::read_with(folder(&files).path(), same);
        let names = |read: Migrations| read.files.iter().map(|file| file.name.clone()).collect();
        read.map(names).map_err(|error| chain(&error))
    }

    #[rstest]
    #[case::sqlx(&["2_b.sql", "10_c.sql", "1_a.up.sql", "1_a.down.sql"], &["1_a.up.sql", "2_b.sql", "10_c.sql"])]
    #[case::flyway(
        &["V1__a.sql", "V1.10__c.sql", "V1.9__b.sql", "R__view.sql", "R__a.sql", "U1.10__c.sql"],
        &["V1__a.sql", "V1.9__b.sql", "V1.10__c.sql", "R__a.sql", "R__view.sql"]
    )]
    #[case::baseline(&["V1__a.sql", "V2__b.sql", "B2__ab.sql", "V3__c.sql"], &["B2__ab.sql", "V3__c.sql"])]
    #[case::refinery(&["V1__a.sql", "U2__b.sql", "V3__c.sql"], &["V1__a.sql", "U2__b.sql", "V3__c.sql"])]
    #[case::prisma(
        &["20240102_b/migration.sql", "20240101_a/migration.sql", "migration_lock.toml"],
        &["20240101_a/migration.sql", "20240102_b/migration.sql"]
    )]
    #[case::diesel(
        &["2024-01-01-000000_a/up.sql", "2024-01-01-000000_a/down.sql"],
        &["2024-01-01-000000_a/up.sql"]
    )]
    fn the_files_of_each_tool_are_applied_in_the_order_of_that_tool(
        #[case] names: &[&str],
        #[case] expected: &[&str],
    ) {
        assert_eq!(read(names, SameVersion::Refused).unwrap(), expected);
    }

    #[test]
    fn a_folder_without_migrations_is_refused() {
        let error = read(&["README.md"], SameVersion::Refused).unwrap_err();
        assert!(error.ends_with("it has no `NNNN_name.up.sql` or `NNNN_name.sql` file"), "{error}");
    }

    #[test]
    fn two_migrations_of_one_version_are_refused_unless_they_are_ordered_by_name() {
        let names = ["0001_b.up.sql", "0001_a.up.sql"];
        let error = read(&names, SameVersion::Refused).unwrap_err();
        assert!(error.contains("`0001_a.up.sql` and `0001_b.up.sql` have the same"), "{error}");
        let ordered = read(&names, SameVersion::ByName).unwrap();
        assert_eq!(ordered, ["0001_a.up.sql", "0001_b.up.sql"]);
    }

    #[test]
    fn the_error_for_a_file_that_is_not_sql_names_the_file_and_the_line() {
        let folder = folder(&[("1_a.sql", "select 1;\n\\i other.sql\n")]);
        let error = chain(&Migrations::read(folder.path()).unwrap_err());
        assert!(
            error.ends_with(
                "`1_a.sql`, line 2: `\\i` is a psql command, not SQL; remove it or use SQL"
            ),
            "{error}"
        );
    }

    #[test]
    fn the_fingerprint_depends_on_the_content() {
        let one = Migrations::read(folder(&[("1_a.sql", "select 1")]).path()).unwrap();
        let same = Migrations::read(folder(&[("1_a.sql", "select 1")]).path()).unwrap();
        let other = Migrations::read(folder(&[("1_a.sql", "select 2")]).path()).unwrap();
        assert_eq!(one.fingerprint(), same.fingerprint());
        assert_ne!(one.fingerprint(), other.fingerprint());
    }
}
