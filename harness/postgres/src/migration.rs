//! A folder of migrations: reads and checks it, and applies it with errors that name file and line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use sqlx::Connection;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;

use super::Error;
use super::server_error::ServerError;

/// The migrations of one folder, named as sqlx does: `0001_name.up.sql` and `0001_name.down.sql`,
/// or `0001_name.sql`.
#[derive(Debug, Clone)]
pub struct Migrations {
    folder: PathBuf,
    ups: Arc<[(Migration, String)]>,
}

impl Migrations {
    /// Reads and checks a folder.
    ///
    /// # Errors
    /// If the folder can't be read, has no migration, or has two of the same version.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref().to_owned();
        let invalid = |source| Error::Migrations { folder: folder.clone(), source };
        if !folder.is_dir() {
            return Err(invalid("there is no such folder".into()));
        }
        let resolved =
            sqlx::migrate::resolve_blocking(&folder).map_err(|error| invalid(error.into()))?;
        let ups: Vec<_> = resolved
            .into_iter()
            .filter(|(migration, _)| migration.migration_type != MigrationType::ReversibleDown)
            .map(|(migration, path)| {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                (migration, file)
            })
            .collect();
        if ups.is_empty() {
            return Err(invalid("it has no `NNNN_name.up.sql` or `NNNN_name.sql` file".into()));
        }
        let mut versions = BTreeMap::new();
        for (migration, file) in &ups {
            if let Some(other) = versions.insert(migration.version, file) {
                let version = migration.version;
                let both = format!("`{other}` and `{file}` have the same version {version}");
                return Err(invalid(format!("{both}; renumber one").into()));
            }
        }
        Ok(Self { folder, ups: ups.into() })
    }

    /// Returns the folder that they were read from.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the SQL of each migration, in their order.
    pub fn statements(&self) -> impl Iterator<Item = String> {
        self.ups.iter().map(|(migration, _)| migration.sql.as_str().to_owned())
    }

    /// Returns the number of migrations.
    pub fn count(&self) -> usize {
        self.ups.len()
    }

    /// Returns a name for their schema: a hash of the file names and contents.
    pub(super) fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for (migration, file) in self.ups.iter() {
            hash.update(file.as_bytes());
            hash.update([0]);
            hash.update(&migration.checksum);
        }
        format!("{:x}", hash.finalize())[..12].to_owned()
    }

    /// Applies all migrations to an empty database.
    pub(super) async fn apply(&self, url: &str) -> Result<(), Error> {
        let connect = Error::database("connect to the template");
        let mut connection = PgConnection::connect(url).await.map_err(connect)?;
        let migrations = self.ups.iter().map(|(migration, _)| migration.clone()).collect();
        let migrator = Migrator::with_migrations(migrations);
        let applied = self.run(&migrator, &mut connection).await;
        drop(connection.close().await);
        applied
    }

    async fn run(&self, migrator: &Migrator, connection: &mut PgConnection) -> Result<(), Error> {
        connection
            .ensure_migrations_table(migrator.table_name.as_ref())
            .await
            .map_err(|error| self.error(error))?;
        migrator.run_direct(None, connection, false).await.map_err(|error| self.error(error))
    }

    fn error(&self, error: MigrateError) -> Error {
        let (source, version) = match error {
            MigrateError::ExecuteMigration(source, version) => (source, version),
            MigrateError::Execute(source) => {
                let what = format!("apply the migrations in `{}`", self.folder.display());
                return Error::database(what)(source);
            }
            other => {
                return Error::Migrations { folder: self.folder.clone(), source: other.into() };
            }
        };
        let source = ServerError::from(source);
        let found = self.ups.iter().find(|(migration, _)| migration.version == version);
        let (file, sql) = found.map_or((version.to_string(), ""), |(migration, file)| {
            (file.clone(), migration.sql.as_str())
        });
        let line = source.line_in(sql).map_or_else(String::new, |line| format!(":{line}"));
        Error::Migration { file, line, source }
    }
}

/// Compares the files, and not the folder.
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
    use super::*;
    use crate::error::chain;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn rejects_an_empty_folder() {
        let folder = folder(&[("README.md", "no migration")]);
        let error = chain(&Migrations::read(folder.path()).unwrap_err());
        assert!(error.ends_with("it has no `NNNN_name.up.sql` or `NNNN_name.sql` file"), "{error}");
    }

    #[test]
    fn two_migrations_of_one_version_are_both_reported() {
        let folder = folder(&[("0001_a.up.sql", "select 1"), ("0001_b.up.sql", "select 1")]);
        let error = chain(&Migrations::read(folder.path()).unwrap_err());
        assert!(error.contains("0001_a.up.sql"), "{error}");
        assert!(error.contains("`0001_b.up.sql` have the same version 1; renumber one"), "{error}");
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
