//! What to start, and starting it: a clean environment, its own process group, both streams piped.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::{Child, Error};
use crate::environment::program_folders;
use spanproof_lease::finish;

/// So much of a file is looked at: enough for a script, and for a binary's build id.
const BEGIN: u64 = 64 * 1024;

/// A program, its arguments, the folder it runs in and the whole environment it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Path of the program, or a bare name that is looked up in this process's `PATH`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Its environment, complete: nothing is inherited.
    pub environment: BTreeMap<String, String>,
}

impl Launch {
    /// The command as one line that can be pasted into a shell, without its environment.
    pub(crate) fn line(&self) -> String {
        let words = std::iter::once(self.program.to_string_lossy().into_owned())
            .chain(self.args.iter().cloned());
        words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
    }

    /// What identifies the program and those of its arguments that are files: a digest of their
    /// lengths and of how they begin, where a linker puts a build id. Nothing where the program
    /// can't be read.
    pub(crate) fn identity(&self) -> Option<String> {
        let found = self.found();
        let arguments = self.args.iter().map(|arg| self.folder.join(arg));
        let mut hash = Sha256::new();
        let mut any = false;
        for path in std::iter::once(found).chain(arguments) {
            let Ok(file) = std::fs::File::open(&path) else { continue };
            let Ok(meta) = file.metadata() else { continue };
            let mut begin = Vec::new();
            if meta.is_file() && file.take(BEGIN).read_to_end(&mut begin).is_ok() {
                hash.update(meta.len().to_le_bytes());
                hash.update(&begin);
                any = true;
            }
        }
        any.then(|| format!("{:x}", hash.finalize())[..16].to_owned())
    }

    /// The program's file: a bare name is looked up in `PATH`.
    fn found(&self) -> PathBuf {
        if self.program.components().count() > 1 {
            return self.folder.join(&self.program);
        }
        let mut all = program_folders().into_iter().map(|folder| folder.join(&self.program));
        all.find(|path| path.is_file()).unwrap_or_else(|| self.program.clone())
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When the program is missing, is not executable or can't be started.
    pub(crate) fn start(&self) -> Result<Child, Error> {
        let mut command = command(&self.program);
        command
            .args(&self.args)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = command.spawn().map_err(|source| self.refused(source))?;
        Child::follow(child, self.line())
    }

    fn refused(&self, source: std::io::Error) -> Error {
        let command = self.line();
        let program = self.program.display().to_string();
        let path = self.folder.join(&self.program);
        if !self.folder.is_dir() {
            let what = format!("`{command}`: no folder `{}` to run it in", self.folder.display());
            return Error::System { what, source };
        }
        match source.kind() {
            ErrorKind::NotFound => Error::Missing { command, program },
            ErrorKind::PermissionDenied if !executable(&path) => {
                Error::NotExecutable { command, program }
            }
            _ => Error::Spawn { command, source },
        }
    }
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[expect(clippy::disallowed_methods, reason = "`process` starts programs")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

/// A word as a shell takes it. Fewer words are quoted than by crates for this: `--name=value` is not.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A command that runs to its end with this process's own environment, such as a build.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    /// Program and arguments; the first is the program.
    pub words: &'a [String],
    /// The folder it runs in.
    pub folder: &'a Path,
    /// Whether its standard error goes straight to ours, for the user to follow.
    pub show: bool,
}

/// Runs a command to its end and gives what it wrote to standard output. Dropping the future kills
/// the command with all that it started.
///
/// # Errors
/// When it can't be started or does not exit with 0.
pub(crate) async fn run(what: &Run<'_>) -> Result<Vec<u8>, Error> {
    let line = what.words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let (program, args) = what
        .words
        .split_first()
        .ok_or_else(|| Error::Missing { command: line.clone(), program: String::new() })?;
    let stderr = if what.show { Stdio::inherit() } else { Stdio::piped() };
    let mut command = command(Path::new(program));
    command.args(args).current_dir(what.folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    let output = finish(command).await.map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::Missing { command: line.clone(), program: program.clone() },
        _ => Error::Spawn { command: line.clone(), source },
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let tail = tail(&String::from_utf8_lossy(&output.stderr), 20);
    Err(Error::Failed { command: line, status: output.status.to_string(), tail })
}

/// The last `most` lines of `text`, each on a new indented line.
fn tail(text: &str, most: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(most);
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
    async fn a_missing_program_is_named_with_its_command() {
        let error = launch("/no/such/runner", Path::new("/")).start().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/no/such/runner 'a b'`: there is no program at `/no/such/runner`; \
             build it first or correct the path"
        );
    }

    #[tokio::test]
    async fn a_file_without_the_executable_bit_is_said_to_be_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runner");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let error = launch(path.to_str().unwrap(), folder.path()).start().unwrap_err();
        assert!(matches!(error, Error::NotExecutable { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_command_that_fails_shows_the_end_of_its_errors() {
        let words = ["sh", "-c", "echo one >&2; echo two >&2; exit 3"].map(String::from);
        let error =
            run(&Run { words: &words, folder: Path::new("/"), show: false }).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'echo one >&2; echo two >&2; exit 3'` ended with exit status: 3\n    one\n    two"
        );
    }
}
