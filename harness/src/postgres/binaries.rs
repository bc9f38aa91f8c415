//! Server binaries on this machine: where distributions put them, and their versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::source::Options;
use super::{Error, Source};

/// Folders below which each major version has a `bin` folder.
const VERSIONED: [&str; 3] = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/pgsql"];
/// Folders that may hold the binaries themselves.
const PLAIN: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/libexec/postgresql", "/usr/bin"];

/// A folder that has `postgres` and `initdb`, with their major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) version: u32,
}

impl Binaries {
    /// The newest binaries that fit `options`; otherwise why none does.
    pub(super) fn find(options: &Options) -> Result<Self, Error> {
        let named = match &options.source {
            Source::Binaries(Some(folder)) => Some(vec![folder.clone()]),
            _ => None,
        };
        let mut found: Vec<Self> =
            named.unwrap_or_else(folders).into_iter().filter_map(Self::at).collect();
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
        let mut refused = None;
        for binaries in found {
            let place = format!("`{}`", binaries.folder.display());
            match options.accept(&place, binaries.version) {
                Ok(()) => return Ok(binaries),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| Error::Program {
            program: "postgres".into(),
            reason: match &options.source {
                Source::Binaries(Some(folder)) => {
                    format!("there are no server binaries in `{}`", folder.display())
                }
                _ => "no server binaries found in PATH or the distributions' folders".into(),
            },
        }))
    }

    fn at(folder: PathBuf) -> Option<Self> {
        let postgres = folder.join("postgres");
        if !postgres.is_file() || !folder.join("initdb").is_file() {
            return None;
        }
        let version = major(&said(&postgres, "--version")?)?;
        Some(Self { folder, version })
    }
}

fn folders() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "PATH is where binaries are looked for")]
    let path = std::env::var("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(
        said(Path::new("pg_config"), "--bindir").map(|folder| PathBuf::from(folder.trim())),
    );
    for parent in VERSIONED {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        folders.extend(entries.map(|entry| entry.path().join("bin")));
    }
    folders.extend(PLAIN.map(PathBuf::from));
    let mut unique = Vec::new();
    for folder in folders.into_iter().filter_map(|folder| folder.canonicalize().ok()) {
        if !unique.contains(&folder) {
            unique.push(folder);
        }
    }
    unique
}

#[expect(clippy::disallowed_methods, reason = "`postgres` starts programs")]
fn said(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The major version in what `postgres --version` says: `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_kind_of_version_line() {
        for (text, version) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 9.6.24", Some(9)),
            ("something else", None),
        ] {
            assert_eq!(major(text), version, "{text}");
        }
    }

    #[test]
    fn a_folder_without_binaries_is_named() {
        let options = Options { source: Source::Binaries(Some("/nowhere".into())), version: None };
        assert_eq!(
            Binaries::find(&options).unwrap_err().to_string(),
            "`postgres` failed: there are no server binaries in `/nowhere`"
        );
    }
}
