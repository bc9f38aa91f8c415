//! The file of a dump.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek, SeekFrom};
use std::path::Path;

use super::contents::Contents;
use super::other_format::{self, HEAD};
use crate::deployment::session::Error;
use crate::deployment::unpack::{UnpackError, unpacked_file, unpacked_folder};

/// A dump in a file, which can be read several times.
#[derive(Debug)]
pub struct Dump {
    name: String,
    file: File,
    /// The database to read from a dump of several databases; `None` if none was selected.
    database: Option<String>,
}

impl Dump {
    /// Opens a dump in any format of `pg_dump`, compressed or not. `-` is standard input. A dump that is not
    /// plain text is converted to an unnamed temporary file.
    ///
    /// # Errors
    /// If the file can't be read, or converted to text.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let opened = if path.is_dir() {
            unpacked_folder(path)
        } else if name == "-" {
            copy_of_stdin().map_err(UnpackError::from).and_then(unpacked_file)
        } else {
            File::open(path).map_err(UnpackError::from).and_then(unpacked_file)
        };
        let file = opened.map_err(|error| match error {
            UnpackError::ByHand { .. } => {
                let (name, reason) = (name.clone(), error.to_string());
                Error::NeedsConversion { name, reason, input: "dump" }
            }
            error => Error::File { name: name.clone(), reason: error.to_string() },
        })?;
        if file.metadata().is_ok_and(|meta| meta.len() == 0) {
            return Err(Error::File { name, reason: "it is empty".to_owned() });
        }
        let dump = Self { name, file, database: None };
        let mut head = Vec::new();
        let read = dump.reader_at(0).and_then(|reader| reader.take(HEAD).read_to_end(&mut head));
        read.map_err(|error| dump.error(error.to_string()))?;
        match other_format::describe(&head) {
            Some(reason) => Err(dump.error(reason)),
            None => Ok(dump),
        }
    }

    /// Selects a database of a dump of several databases, as `pg_dumpall` writes it.
    #[must_use]
    pub fn with_database(self, name: impl Into<String>) -> Self {
        Self { database: Some(name.into()), ..self }
    }

    /// Returns the database to read; `None` if none was selected.
    pub(super) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Returns the file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Finds the tables of the dump.
    pub(super) fn contents(&self) -> Result<Contents, Error> {
        let contents = self.reader_at(0).and_then(Contents::read);
        contents.map_err(|error| self.error(error.to_string()))
    }

    /// Returns a reader that starts at an offset.
    pub(super) fn reader_at(&self, offset: u64) -> std::io::Result<BufReader<&File>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        Ok(BufReader::with_capacity(1024 * 1024, file))
    }

    /// Returns an error about this dump.
    pub(super) fn error(&self, reason: String) -> Error {
        Error::File { name: self.name.clone(), reason }
    }
}

/// Copies standard input to an unnamed temporary file.
fn copy_of_stdin() -> std::io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    std::io::copy(&mut std::io::stdin().lock(), &mut copy)?;
    Ok(copy)
}

#[cfg(test)]
impl Dump {
    /// Creates a dump with this text.
    pub(super) fn with_text(text: &str) -> Self {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self { name: "x.sql".into(), file, database: None }
    }
}
