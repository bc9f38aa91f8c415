//! Access to the files that a manifest refers to.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Reads files. Tests use [`MemoryFiles`].
pub trait Files {
    /// Returns the bytes of a file.
    ///
    /// # Errors
    /// If the file does not exist or can't be read.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Returns the paths of the files in a folder, sorted by name; an empty list if there is no such
    /// folder.
    fn list(&self, folder: &Path) -> Vec<PathBuf>;
}

/// The files on disk.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> =
            entries.map(|entry| normalized(&entry.path())).filter(|path| path.is_file()).collect();
        paths.sort();
        paths
    }
}

/// Files in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles(BTreeMap<PathBuf, Vec<u8>>);

impl MemoryFiles {
    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: impl AsRef<Path>, text: impl Into<Vec<u8>>) -> Self {
        self.0.insert(normalized(path.as_ref()), text.into());
        self
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.0.get(&normalized(path)).cloned();
        file.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let folder = normalized(folder);
        let inside = |path: &&PathBuf| path.parent() == Some(folder.as_path());
        self.0.keys().filter(inside).cloned().collect()
    }
}

/// Returns a path without `.`, and without each `..` that follows the name of a folder. Does not look at the
/// files: a symbolic link counts as an ordinary folder.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(parts.components().next_back(), Some(Component::Normal(_))) =>
            {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts
}

/// Returns the path of a file whose name is relative to a folder.
pub(crate) fn join(folder: &Path, name: &str) -> PathBuf {
    normalized(&folder.join(name))
}

/// Returns the folder of a file; empty if it is the current folder.
pub(crate) fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

/// Returns the name of a file, without its folder.
pub(crate) fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Reads a file as a string. Keeps a byte order mark.
///
/// # Errors
/// If the file can't be read or is not valid UTF-8.
pub(crate) fn read_text(files: &dyn Files, path: &Path) -> io::Result<String> {
    String::from_utf8(files.read(path)?).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is not valid UTF-8; convert it with `iconv`",
        )
    })
}

/// Returns a string without its byte order mark.
pub(crate) fn without_bom(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizing_a_path_resolves_its_dots() {
        for (path, expected) in
            [("./a/../b.env", "b.env"), ("../x", "../x"), ("a/./b", "a/b"), ("/a/../b", "/b")]
        {
            assert_eq!(normalized(Path::new(path)), Path::new(expected));
        }
    }

    #[test]
    fn a_folder_lists_its_own_files_in_order() {
        let files = MemoryFiles::default().with("d/b", "").with("d/a", "").with("d/e/c", "");
        assert_eq!(files.list(Path::new("./d")), [Path::new("d/a"), Path::new("d/b")]);
        assert!(files.read(Path::new("d/none")).is_err());
    }
}
