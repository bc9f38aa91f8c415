//! Finds server binaries on this machine, with their versions.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::User;

use super::cache::{self, Cache};
use super::options::Options;
use super::user::server_user;
use super::{Error, Source, environment};

/// Folders that contain a folder with `bin` for each major version, and the start of its name: those of
/// Debian, Homebrew and the RPMs of postgresql.org.
const PARENT_FOLDERS: [(&str, &str); 3] =
    [("usr/lib/postgresql", ""), ("opt/homebrew/opt", ""), ("usr", "pgsql-")];
/// Folders that may contain the binaries themselves.
const BIN_FOLDERS: [&str; 3] = ["/usr/local/pgsql/bin", "/usr/libexec/postgresql", "/usr/bin"];

/// A folder with `postgres` and `initdb`, and their major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) version: u32,
    /// The output of `postgres --version`.
    pub(super) text: String,
}

impl Binaries {
    /// Returns the newest binaries with a version that `options` accept.
    ///
    /// # Errors
    /// If there are no such binaries. The error says why binaries that were found are not used.
    pub(super) fn find(options: &Options) -> Result<Self, Error> {
        match &options.source {
            Source::Binaries(Some(folder)) => Self::find_in(vec![folder.clone()], options),
            // `pg_config` is often a slow chain of scripts, so it runs last.
            _ => Self::find_in(folders(), options).or_else(|error| match pg_config_folder() {
                Some(folder) => Self::find_in(vec![folder], options).map_err(|_| error),
                None => Err(error),
            }),
        }
    }

    fn find_in(folders: Vec<PathBuf>, options: &Options) -> Result<Self, Error> {
        let user = server_user()?;
        let cache = Cache::for_user(&options.prefix);
        let (mut found, mut unrunnable, mut refused) = (Vec::new(), None, None);
        for folder in folders {
            match Self::read(folder, user.as_ref(), cache.as_ref()) {
                Ok(binaries) => found.extend(binaries),
                Err(error) => unrunnable = unrunnable.or(Some(error)),
            }
        }
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.version));
        for binaries in found {
            let folder = format!("`{}`", binaries.folder.display());
            match options.check_version(&folder, binaries.version) {
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
                _ => "no server binaries in PATH or in the usual folders".into(),
            },
        }))
    }

    /// Returns the binaries in a folder; `None` if there are none. `user` is the user that the
    /// server will run as.
    fn read(
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

/// Returns the major version of `postgres` and the output of `postgres --version`. The output is
/// cached for each program and user, since running it takes ten milliseconds.
fn version(
    postgres: &Path,
    user: Option<&User>,
    cache: Option<&Cache>,
) -> Result<(u32, String), Error> {
    let parse = |text: String| Some((major(&text)?, text.trim().to_owned()));
    let key = std::fs::metadata(postgres).ok().map(|file| {
        let changed = format!("{:?} {}", file.modified().ok(), file.len());
        let user = user.map_or("", |user| &user.name);
        cache::key(&[&postgres.to_string_lossy(), &changed, user])
    });
    let cache = cache.zip(key);
    let cached = cache.as_ref().and_then(|(cache, key)| cache.read_text(key));
    if let Some(version_and_text) = cached.and_then(parse) {
        return Ok(version_and_text);
    }
    let (version, text) = run_version(postgres, user)?;
    if let Some((cache, key)) = cache {
        cache.write_text(&key, &text);
    }
    Ok((version, text))
}

/// Runs `postgres --version` and returns the major version and the output.
fn run_version(postgres: &Path, user: Option<&User>) -> Result<(u32, String), Error> {
    let unrunnable = |reason: String, next| Error::Unrunnable {
        program: postgres.to_owned(),
        user: user.map_or_else(String::new, |user| format!(" as `{}`", user.name)),
        reason,
        next,
    };
    let output = command(postgres, user).arg("--version").output().map_err(|error| {
        let next = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "make it executable, and each folder above it accessible"
            }
            _ => "is it a program for this machine? name another folder with `binaries:FOLDER`",
        };
        unrunnable(error.to_string(), next)
    })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let next = "`postgres --version` should print its version; name another folder with \
                `binaries:FOLDER`";
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let reason = format!("it ended with {}: {}", output.status, errors.trim());
        return Err(unrunnable(reason, next));
    }
    match major(&text) {
        Some(version) => Ok((version, text)),
        None => Err(unrunnable(format!("it printed `{text}`"), next)),
    }
}

/// Returns the existing folders that may contain server binaries, without duplicates.
fn folders() -> Vec<PathBuf> {
    let mut folders = environment::path();
    folders.extend(version_folders(Path::new("/")));
    folders.extend(BIN_FOLDERS.map(PathBuf::from));
    let mut unique = Vec::new();
    for folder in folders.into_iter().filter_map(|folder| folder.canonicalize().ok()) {
        if !unique.contains(&folder) {
            unique.push(folder);
        }
    }
    unique
}

/// Returns the folder `bin` of each version below `root`.
fn version_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, start) in PARENT_FOLDERS {
        let entries = std::fs::read_dir(root.join(parent)).into_iter().flatten().flatten();
        let is_version = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
        };
        let versions = entries.map(|entry| entry.path()).filter(is_version);
        folders.extend(versions.map(|version| version.join("bin")));
    }
    folders
}

/// Returns the paths of a client program of Postgres, such as `pg_restore`, in the order in which to try
/// them: those in folders without a version in their path, then the newest version first.
pub fn client_programs(name: &str) -> Vec<PathBuf> {
    let mut folders = folders();
    folders.sort_by_key(|folder| std::cmp::Reverse(path_version(folder).unwrap_or(u32::MAX)));
    folders.extend(pg_config_folder());
    let mut found: Vec<PathBuf> = Vec::new();
    for program in folders.into_iter().map(|folder| folder.join(name)).filter(|path| path.is_file())
    {
        if !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

/// Returns the version in the last folder of a path that is named by one: `17`, `postgresql@17` or
/// `pgsql-17`.
fn path_version(path: &Path) -> Option<u32> {
    let version = |name: &str| {
        let start = ["postgresql@", "pgsql-"].iter().find_map(|start| name.strip_prefix(start));
        start.unwrap_or(name).parse().ok()
    };
    path.iter().filter_map(|part| version(part.to_str()?)).next_back()
}

/// Returns the folder that `pg_config` prints.
fn pg_config_folder() -> Option<PathBuf> {
    let output = command(Path::new("pg_config"), None).arg("--bindir").output().ok()?;
    let text = output.status.success().then(|| String::from_utf8_lossy(&output.stdout))?;
    PathBuf::from(text.trim()).canonicalize().ok()
}

#[expect(clippy::disallowed_methods, reason = "this crate starts programs")]
fn command(program: &Path, user: Option<&User>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Parses the major version in the output of `postgres --version`, such as
/// `postgres (PostgreSQL) 15.18 (Debian …)`.
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
    fn parses_every_form_of_a_version() {
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
    fn the_folders_of_each_package_are_found() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["usr/lib/postgresql/15", "usr/pgsql-16", "opt/homebrew/opt/postgresql@17"];
        for folder in folders.into_iter().chain(["usr/local"]) {
            std::fs::create_dir_all(root.path().join(folder).join("bin")).unwrap();
        }
        let mut found = version_folders(root.path());
        found.sort();
        let mut expected = folders.map(|folder| root.path().join(folder).join("bin"));
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_version_of_each_package_is_read_from_its_path() {
        for (path, version) in [
            ("/usr/lib/postgresql/15/bin", Some(15)),
            ("/usr/pgsql-16/bin", Some(16)),
            ("/opt/homebrew/opt/postgresql@17/bin", Some(17)),
            ("/opt/homebrew/opt/libpq/bin", None),
        ] {
            assert_eq!(path_version(Path::new(path)), version, "{path}");
        }
    }

    fn options(folder: &Path) -> Options {
        Options { source: Source::Binaries(Some(folder.to_owned())), ..Options::default() }
    }

    #[test]
    fn a_folder_without_binaries_is_reported() {
        assert_eq!(
            Binaries::find(&options(Path::new("/nowhere"))).unwrap_err().to_string(),
            "`postgres` failed: there are no server binaries in `/nowhere`"
        );
    }

    /// Creates a folder that every user can enter, with an `initdb`, and a `postgres` with this text
    /// and mode.
    fn folder(postgres: &str, mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.path().join("initdb"), "").unwrap();
        // `cp` copies the program, because running a file that this process itself has just written
        // can fail with "text file busy".
        let (text, program) = (folder.path().join("text"), folder.path().join("postgres"));
        std::fs::write(&text, postgres).unwrap();
        let copied = command(Path::new("cp"), None).args([&text, &program]).status().unwrap();
        assert!(copied.success());
        std::fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        folder
    }

    #[test]
    fn binaries_that_cannot_run_are_reported_with_advice() {
        let valid = "#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n";
        let forbidden = "Permission denied (os error 13); make it executable";
        let rows = [
            (valid, 0o644, forbidden),
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
            ("#!/bin/sh\necho hello\n", 0o755, "it printed `hello`; `postgres --version` should"),
        ];
        for (text, mode, expected) in rows {
            let folder = folder(text, mode);
            let error = Binaries::find(&options(folder.path())).unwrap_err().to_string();
            let program = folder.path().join("postgres");
            assert!(error.starts_with(&format!("`{}` can't be run", program.display())), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        let folder = folder(valid, 0o755);
        assert_eq!(Binaries::find(&options(folder.path())).unwrap().version, 15);
    }

    #[test]
    fn binaries_of_another_version_are_reported_with_both_versions() {
        let folder = folder("#!/bin/sh\necho 'postgres (PostgreSQL) 15.1'\n", 0o755);
        let options = Options { version: Some(16), ..options(folder.path()) };
        assert_eq!(
            Binaries::find(&options).unwrap_err().to_string(),
            format!(
                "`{}` is PostgreSQL 15; expected 16: install it, or change `version`",
                folder.path().display()
            )
        );
    }
}
