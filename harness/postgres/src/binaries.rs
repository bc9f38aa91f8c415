//! Server binaries on this machine: where distributions put them, and their versions.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::User;

use super::cache::{self, Cache};
use super::options::Options;
use super::user::unprivileged;
use super::{Error, Source, environment};

/// Folders below which each major version has a `bin` folder.
const VERSIONED: [&str; 3] = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/pgsql"];
/// Folders that may hold the binaries themselves.
const PLAIN: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/libexec/postgresql", "/usr/bin"];

/// A folder that has `postgres` and `initdb`, with their major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) version: u32,
    /// What `postgres --version` prints.
    pub(super) text: String,
}

impl Binaries {
    /// The newest binaries that fit `options`; otherwise why none does.
    pub(super) fn find(options: &Options) -> Result<Self, Error> {
        match &options.source {
            Source::Binaries(Some(folder)) => Self::among(vec![folder.clone()], options),
            // `pg_config` is often a chain of scripts: only where the folders have nothing.
            _ => Self::among(folders(), options).or_else(|error| match configured() {
                Some(folder) => Self::among(vec![folder], options).map_err(|_| error),
                None => Err(error),
            }),
        }
    }

    fn among(folders: Vec<PathBuf>, options: &Options) -> Result<Self, Error> {
        let user = unprivileged()?;
        let cache = Cache::of_user(&options.prefix);
        let (mut found, mut unrunnable, mut refused) = (Vec::new(), None, None);
        for folder in folders {
            match Self::at(folder, user.as_ref(), cache.as_ref()) {
                Ok(binaries) => found.extend(binaries),
                Err(error) => unrunnable = unrunnable.or(Some(error)),
            }
        }
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
        for binaries in found {
            let place = format!("`{}`", binaries.folder.display());
            match options.accept(&place, binaries.version) {
                Ok(()) => return Ok(binaries),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.or(unrunnable).unwrap_or_else(|| Error::Program {
            program: "postgres".into(),
            reason: match &options.source {
                Source::Binaries(Some(folder)) => {
                    format!("there are no server binaries in `{}`", folder.display())
                }
                _ => "no server binaries found in PATH or the distributions' folders".into(),
            },
        }))
    }

    /// The binaries in a folder, if there are any; tried as the user that will run them.
    fn at(
        folder: PathBuf,
        user: Option<&User>,
        cache: Option<&Cache>,
    ) -> Result<Option<Self>, Error> {
        let postgres = folder.join("postgres");
        if !postgres.is_file() || !folder.join("initdb").is_file() {
            return Ok(None);
        }
        let (version, text) = version(&postgres, user, cache)?;
        Ok(Some(Self { folder, version, text }))
    }
}

/// The major version of `postgres`, and what `postgres --version` prints. Asked once for each program and user,
/// which takes it ten milliseconds.
fn version(
    postgres: &Path,
    user: Option<&User>,
    cache: Option<&Cache>,
) -> Result<(u32, String), Error> {
    let known = |text: String| Some((major(&text)?, text.trim().to_owned()));
    let identity = std::fs::metadata(postgres).ok().map(|file| {
        let changed = format!("{:?} {}", file.modified().ok(), file.len());
        let user = user.map_or("", |user| &user.name);
        cache::key(&[&postgres.to_string_lossy(), &changed, user])
    });
    let memo = cache.zip(identity);
    let noted = memo.as_ref().and_then(|(cache, identity)| cache.recall(identity));
    if let Some(known) = noted.and_then(known) {
        return Ok(known);
    }
    let (version, text) = ask(postgres, user)?;
    if let Some((cache, identity)) = memo {
        cache.note(&identity, &text);
    }
    Ok((version, text))
}

/// The same, from the program itself.
fn ask(postgres: &Path, user: Option<&User>) -> Result<(u32, String), Error> {
    let unrunnable = |reason: String, next| Error::Unrunnable {
        program: postgres.to_owned(),
        user: user.map_or_else(String::new, |user| format!(" as `{}`", user.name)),
        reason,
        next,
    };
    let output = command(postgres, user).arg("--version").output().map_err(|error| {
        let next = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "it needs the permission to be executed, and each folder above it to be entered"
            }
            _ => "is it a program for this machine? name another folder with `binaries:FOLDER`",
        };
        unrunnable(error.to_string(), next)
    })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let next = "`postgres --version` should tell its version; name another folder with \
                `binaries:FOLDER`";
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = format!("it ended with {}: {}", output.status, errors.trim());
        return Err(unrunnable(reason, next));
    }
    match major(&text) {
        Some(version) => Ok((version, text)),
        None => Err(unrunnable(format!("it says `{text}`"), next)),
    }
}

fn folders() -> Vec<PathBuf> {
    let mut folders = environment::path();
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

/// The folder that `pg_config` names.
fn configured() -> Option<PathBuf> {
    let output = command(Path::new("pg_config"), None).arg("--bindir").output().ok()?;
    let text = output.status.success().then(|| String::from_utf8_lossy(&output.stdout))?;
    PathBuf::from(text.trim()).canonicalize().ok()
}

#[expect(clippy::disallowed_methods, reason = "`postgres` starts programs")]
fn command(program: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// The major version in what `postgres --version` says: `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

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

    fn named(folder: &Path) -> Options {
        Options { source: Source::Binaries(Some(folder.to_owned())), ..Options::default() }
    }

    #[test]
    fn a_folder_without_binaries_is_named() {
        assert_eq!(
            Binaries::find(&named(Path::new("/nowhere"))).unwrap_err().to_string(),
            "`postgres` failed: there are no server binaries in `/nowhere`"
        );
    }

    /// A folder that anybody may enter, with an `initdb` and a `postgres` of this text and mode.
    fn folder(postgres: &str, mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("initdb"), "").unwrap();
        // Copied by another program: one that we have just written to could be "busy" for a moment.
        let (text, program) = (folder.path().join("text"), folder.path().join("postgres"));
        std::fs::write(&text, postgres).unwrap();
        let copied = command(Path::new("cp"), None).args([&text, &program]).status().unwrap();
        assert!(copied.success());
        std::fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn binaries_that_can_not_be_executed_are_named_with_what_to_do() {
        let honest = "#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n";
        let forbidden = "Permission denied (os error 13); it needs the permission to be executed";
        let rows = [
            (honest, 0o644, forbidden),
            (
                "#!/nowhere/sh\n",
                0o755,
                "No such file or directory (os error 2); is it a program for this machine?",
            ),
            (
                "#!/bin/sh\necho broken >&2; exit 7\n",
                0o755,
                "it ended with exit status: 7: broken; ",
            ),
            ("#!/bin/sh\necho hello\n", 0o755, "it says `hello`; `postgres --version` should"),
        ];
        for (text, mode, expected) in rows {
            let folder = folder(text, mode);
            let error = Binaries::find(&named(folder.path())).unwrap_err().to_string();
            let program = folder.path().join("postgres");
            assert!(error.starts_with(&format!("`{}` can't be run", program.display())), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        let folder = folder(honest, 0o755);
        assert_eq!(Binaries::find(&named(folder.path())).unwrap().version, 15);
    }

    #[test]
    fn binaries_of_another_major_are_named_with_both() {
        let folder = folder("#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n", 0o755);
        let options = Options { version: Some(16), ..named(folder.path()) };
        assert_eq!(
            Binaries::find(&options).unwrap_err().to_string(),
            format!(
                "`{}` is PostgreSQL 15; wanted is 16: install it, or change `version`",
                folder.path().display()
            )
        );
    }
}
