//! Starts a program with a clean environment, in a new process group, with both streams piped.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::{Child, Error};
use crate::environment::program_folders;
use spanproof_lease::{input, output};

/// Bytes to hash at the start of a file: enough for a whole script, or for the build id of a binary.
const HEAD: u64 = 64 * 1024;

/// A program with its arguments, its working folder and its whole environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// The path of the program, or a bare name to look up in `PATH`.
    pub program: PathBuf,
    /// The arguments.
    pub args: Vec<String>,
    /// The working folder.
    pub folder: PathBuf,
    /// The complete environment: nothing is inherited.
    pub environment: BTreeMap<String, String>,
}

impl Launch {
    /// Returns the command as one line that can be pasted into a shell, without its environment.
    fn command_line(&self) -> String {
        let words = std::iter::once(self.program.to_string_lossy().into_owned())
            .chain(self.args.iter().cloned());
        words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
    }

    /// Returns a hash of the program and of all arguments that are files; `None` if none of these
    /// files can be read. The hash covers the length and the first 64 KiB of each file, where the
    /// build id is.
    pub(crate) fn identity(&self) -> Option<String> {
        let program = self.program_file();
        let arguments = self.args.iter().map(|arg| self.folder.join(arg));
        let mut hash = Sha256::new();
        let mut any = false;
        for path in std::iter::once(program).chain(arguments) {
            let Ok(file) = std::fs::File::open(&path) else { continue };
            let Ok(meta) = file.metadata() else { continue };
            let mut head = Vec::new();
            if meta.is_file() && file.take(HEAD).read_to_end(&mut head).is_ok() {
                hash.update(meta.len().to_le_bytes());
                hash.update(&head);
                any = true;
            }
        }
        any.then(|| format!("{:x}", hash.finalize())[..16].to_owned())
    }

    /// Returns the file of the program. Looks up a bare name in `PATH`.
    fn program_file(&self) -> PathBuf {
        if !self.is_bare_name() {
            return self.folder.join(&self.program);
        }
        let mut candidates = self.folders().into_iter().map(|folder| folder.join(&self.program));
        candidates.find(|path| path.is_file()).unwrap_or_else(|| self.program.clone())
    }

    /// Returns the folders of `PATH` in the environment of the program. If it has no `PATH`, returns
    /// the folders of this process's `PATH`.
    fn folders(&self) -> Vec<PathBuf> {
        match self.environment.get("PATH") {
            Some(path) => std::env::split_paths(path).collect(),
            None => program_folders(),
        }
    }

    /// Starts the program.
    ///
    /// # Errors
    /// If the program is missing, is not executable or can't be started.
    pub(crate) fn start(&self) -> Result<Child, Error> {
        let failed =
            Error::system(format!("the input of `{}` can't be opened", self.command_line()));
        // An empty input. If this process is killed, the reaper finds the started process by it and kills it.
        let input = input().map_err(failed)?;
        let mut command = command(&self.program_file());
        command
            .args(&self.args)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().map_err(|source| self.error(source))?;
        Child::new(child, self.command_line())
    }

    /// Whether the program is a bare name, which [`start`](Self::start) searches in `PATH`.
    pub(crate) fn is_bare_name(&self) -> bool {
        self.program.components().count() == 1
    }

    /// Checks that the program could be started, without starting it.
    ///
    /// # Errors
    /// If the working folder or the program is missing, or the program is not executable. The error
    /// is the same as that of [`start`](Self::start).
    pub(crate) fn check(&self) -> Result<(), Error> {
        let program = self.program_file();
        if self.folder.is_dir() && is_executable(&program) {
            return Ok(());
        }
        let kind = if program.exists() { ErrorKind::PermissionDenied } else { ErrorKind::NotFound };
        Err(self.error(kind.into()))
    }

    fn error(&self, source: std::io::Error) -> Error {
        let command = self.command_line();
        let program = self.program.display().to_string();
        if !self.folder.is_dir() {
            return Error::NoFolder { command, folder: self.folder.display().to_string() };
        }
        let path = self.program_file();
        match source.kind() {
            ErrorKind::NotFound if self.is_bare_name() && path == self.program => {
                Error::not_in_path(command, program, &self.folders())
            }
            // The program exists, but needs an interpreter or a loader that does not exist.
            ErrorKind::NotFound if path.exists() => Error::Spawn { command, source },
            ErrorKind::NotFound => Error::Missing { command, program },
            ErrorKind::PermissionDenied if path.is_dir() => Error::Missing { command, program },
            ErrorKind::PermissionDenied if !is_executable(&path) => {
                let program =
                    if self.is_bare_name() { path.display().to_string() } else { program };
                Error::NotExecutable { command, program }
            }
            _ => Error::Spawn { command, source },
        }
    }
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[expect(clippy::disallowed_methods, reason = "`process` starts programs")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

/// Quotes a word for a shell if it needs quotes. Unlike the functions of crates for shell quoting,
/// this one leaves `--name=value` unquoted.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command that runs to its end, such as a build. It has the environment of this process, without the
/// variables that cargo set for this process.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// The working folder.
    pub folder: &'a Path,
    /// Whether standard error is inherited, so that the user sees it.
    pub show: bool,
    /// Variables that the command gets besides the environment of this process.
    pub env: BTreeMap<String, String>,
}

/// Runs a command to its end and returns its standard output. Dropping the future kills the command
/// and its descendants.
///
/// # Errors
/// If the command can't be started or does not exit with 0.
pub(crate) async fn run(what: &Run<'_>) -> Result<Vec<u8>, Error> {
    let line = what.words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let (program, args) = what
        .words
        .split_first()
        .ok_or_else(|| Error::Missing { command: line.clone(), program: String::new() })?;
    let stderr = if what.show { Stdio::inherit() } else { Stdio::piped() };
    let mut command = command(Path::new(program));
    let names: Vec<_> = std::env::vars_os().map(|(name, _)| name).collect();
    // Without this variable, cargo did not start this process, and the user has set the others.
    if names.iter().any(|name| name == "CARGO_MANIFEST_DIR") {
        for name in names.iter().filter(|name| is_set_by_cargo(&name.to_string_lossy())) {
            command.env_remove(name);
        }
    }
    command.args(args).current_dir(what.folder).envs(&what.env);
    command.stdout(Stdio::piped()).stderr(stderr);
    let folders = if program.contains('/') { vec![what.folder.into()] } else { program_folders() };
    let exists = || folders.iter().any(|folder| folder.join(program).is_file());
    let output = output(command).await.map_err(|source| match source.kind() {
        // If the program exists, it needs an interpreter or a loader that does not exist.
        ErrorKind::NotFound if exists() => Error::Spawn { command: line.clone(), source },
        ErrorKind::NotFound if !program.contains('/') => {
            Error::not_in_path(line.clone(), program.clone(), &folders)
        }
        ErrorKind::NotFound => Error::Missing { command: line.clone(), program: program.clone() },
        _ => Error::Spawn { command: line.clone(), source },
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let tail = tail(&String::from_utf8_lossy(&output.stderr), 20);
    Err(Error::Failed { command: line, status: output.status.to_string(), tail })
}

/// Returns whether `cargo run` and `cargo test` set a variable for the program that they start
/// (<https://doc.rust-lang.org/cargo/reference/environment-variables.html>). A build script that reads such
/// a variable, as the one of `ring` does, is run again whenever the value differs from that of the last
/// build, and everything that depends on its crate is compiled again.
fn is_set_by_cargo(name: &str) -> bool {
    let prefixes = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_EXE_"];
    let names = ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns the last `count` lines of `text`, each on a new indented line.
fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines[from..].iter().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(program: &str, folder: &Path) -> Launch {
        Launch {
            program: program.into(),
            args: vec!["a b".into()],
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn a_missing_program_is_reported_with_its_command() {
        let error = launch("/no/such/runner", Path::new("/")).start().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/no/such/runner 'a b'`: there is no program at `/no/such/runner`; \
             build it first or correct the path"
        );
    }

    #[tokio::test]
    async fn a_file_without_the_executable_bit_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let error = launch(path.to_str().unwrap(), folder.path()).start().unwrap_err();
        assert!(matches!(error, Error::NotExecutable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_folder_in_place_of_a_program_is_a_missing_program() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("runner")).unwrap();
        let error = launch("./runner", folder.path()).start().unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_command_whose_interpreter_is_missing_is_not_reported_as_missing() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("build");
        std::fs::write(&path, "#!/no/such/interpreter\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let words = [path.to_str().unwrap().to_owned()];
        let command =
            Run { words: &words, folder: folder.path(), show: false, env: BTreeMap::new() };
        let error = run(&command).await.unwrap_err();
        assert!(matches!(error, Error::Spawn { .. }), "{error}");
    }

    /// The tests themselves are started by cargo, with `CARGO_MANIFEST_DIR` and `CARGO_PKG_NAME`.
    #[tokio::test]
    async fn a_command_does_not_inherit_what_cargo_set_for_this_process() {
        let script = "echo $CARGO_MANIFEST_DIR $CARGO_PKG_NAME; echo ${PATH:+has PATH}";
        let words = ["sh", "-c", script].map(String::from);
        let output =
            run(&Run { words: &words, folder: Path::new("/"), show: false, env: BTreeMap::new() })
                .await
                .unwrap();
        assert_eq!(String::from_utf8(output).unwrap(), "\nhas PATH\n");
    }

    #[test]
    fn variables_that_configure_cargo_are_not_removed() {
        for name in
            ["CARGO_TARGET_DIR", "CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_BUILD_JOBS", "CARGO"]
        {
            assert!(!is_set_by_cargo(name), "{name}");
        }
    }

    #[tokio::test]
    async fn a_failed_command_is_reported_with_the_end_of_its_standard_error() {
        let words = ["sh", "-c", "echo one >&2; echo two >&2; exit 3"].map(String::from);
        let error =
            run(&Run { words: &words, folder: Path::new("/"), show: false, env: BTreeMap::new() })
                .await
                .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'echo one >&2; echo two >&2; exit 3'` failed with exit status: 3\n    one\n    two"
        );
    }
}
