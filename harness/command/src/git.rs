//! Reads the files of another commit from git.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, anyhow, bail};
use spanproof_manifest::Files;

/// The files of a commit. Paths are relative to the current folder, as for files on disk.
#[derive(Debug)]
pub(super) struct GitFiles {
    commit: String,
    /// The current folder, relative to the top of the repository.
    prefix: PathBuf,
    reader: RefCell<Reader>,
}

/// A running `git cat-file --batch`, which answers one request after the other.
#[derive(Debug)]
struct Reader {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl GitFiles {
    /// Opens a commit of the repository that contains the current folder.
    ///
    /// # Errors
    /// If git can't be started, the folder is not in a repository, or the reference is not known.
    pub(super) fn open(reference: &str) -> anyhow::Result<Self> {
        let prefix =
            git(&["rev-parse", "--show-prefix"]).context("`--base` needs a git repository")?;
        let name = format!("{reference}^{{commit}}");
        let commit = git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name]);
        let commit = commit.map_err(|_| {
            anyhow!(
                "git does not know the commit `{reference}`; fetch it, for example with \
                 `git fetch origin {}`",
                reference.trim_start_matches("origin/")
            )
        })?;
        let mut child = command(&["cat-file", "--batch", "--follow-symlinks"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start git")?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("could not open the pipes of git");
        };
        let reader = Reader { child, requests, answers: BufReader::new(answers) };
        let prefix = PathBuf::from(prefix);
        Ok(Self { commit, prefix, reader: RefCell::new(reader) })
    }

    /// Reads a file as text; `None` if the commit has no such file, or the file is not UTF-8.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        String::from_utf8(self.read(path).ok()?).ok()
    }

    /// Reads a file or a folder; `None` if the commit has nothing at this path.
    fn object(&self, path: &Path) -> io::Result<Option<Object>> {
        let Some(path) = self.path_from_top(path) else { return Ok(None) };
        let mut reader = self.reader.borrow_mut();
        writeln!(reader.requests, "{}:{path}", self.commit)?;
        reader.requests.flush()?;
        let mut header = String::new();
        reader.answers.read_line(&mut header)?;
        // `ID TYPE SIZE`, or a path with spaces and `missing`. For a broken symlink, git prints a word such
        // as `dangling` in place of id and type.
        let words: Vec<&str> = header.split_whitespace().collect();
        let size = words.last().and_then(|word| word.parse().ok());
        let Some(size) = size else { return Ok(None) };
        let mut content = vec![0; size];
        reader.answers.read_exact(&mut content)?;
        // A newline follows the content.
        reader.answers.read_exact(&mut [0])?;
        let [id, kind, _] = words.as_slice() else { return Ok(None) };
        let object = |is_file| Object { is_file, content, id_length: id.len() / 2 };
        Ok(match *kind {
            "blob" => Some(object(true)),
            "tree" => Some(object(false)),
            _ => None,
        })
    }

    /// Returns the path from the top of the repository; `None` if the path is outside of the repository.
    fn path_from_top(&self, path: &Path) -> Option<String> {
        let relative = match std::env::current_dir() {
            Ok(current) if path.is_absolute() => path.strip_prefix(current).ok()?.to_owned(),
            _ => path.to_owned(),
        };
        let mut parts: Vec<&OsStr> = Vec::new();
        let joined = self.prefix.join(relative);
        for part in joined.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    parts.pop()?;
                }
                Component::Normal(name) => parts.push(name),
                Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        let path: PathBuf = parts.iter().collect();
        let path = path.to_str()?.to_owned();
        (!path.contains('\n')).then_some(path)
    }
}

impl Files for GitFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.object(path)? {
            Some(Object { is_file: true, content, .. }) => Ok(content),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the commit has no such file")),
        }
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let Ok(Some(tree)) = self.object(folder) else { return Vec::new() };
        if tree.is_file {
            return Vec::new();
        }
        let names = files_of_tree(&tree.content, tree.id_length);
        let mut files: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
        files.sort();
        files
    }
}

/// A file or a folder of a commit.
#[derive(Debug)]
struct Object {
    is_file: bool,
    content: Vec<u8>,
    /// Number of bytes of an id.
    id_length: usize,
}

/// Returns the names of the files in a folder. Git stores a folder as entries: mode, space, name, NUL
/// byte, id.
fn files_of_tree(mut entries: &[u8], id_length: usize) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(end) = entries.iter().position(|byte| *byte == 0) {
        let entry = String::from_utf8_lossy(&entries[..end]).into_owned();
        // Folders have the mode 40000, commits of submodules 160000.
        if let Some((mode, name)) = entry.split_once(' ')
            && !["40000", "160000"].contains(&mode)
        {
            names.push(name.to_owned());
        }
        entries = entries.get(end + 1 + id_length..).unwrap_or_default();
    }
    names
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Runs git and returns its output without trailing newlines.
fn git(words: &[&str]) -> anyhow::Result<String> {
    let output = command(words).stdin(Stdio::null()).output().context("could not start git")?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("{}", reason.trim().trim_start_matches("fatal: "));
    }
    let text = String::from_utf8(output.stdout).context("git did not print UTF-8")?;
    Ok(text.trim_end_matches('\n').to_owned())
}

#[expect(clippy::disallowed_methods, reason = "git is not a process of the service")]
fn command(words: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(words);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_folder_are_read_from_its_entries() {
        let mut entries = Vec::new();
        for entry in
            ["100644 a b.env", "40000 folder", "100755 run", "120000 link", "160000 module"]
        {
            entries.extend(entry.as_bytes());
            entries.extend([0; 21]);
        }
        assert_eq!(files_of_tree(&entries, 20), ["a b.env", "run", "link"]);
        assert_eq!(files_of_tree(b"", 20), Vec::<String>::new());
    }
}
