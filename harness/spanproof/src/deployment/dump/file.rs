//! The file of a dump.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::contents::Contents;
use crate::deployment::session::Error;

/// What other encodings and formats of dumps start with, and how to convert them.
const CONVERTIBLE: [(&[u8], &str); 8] = [
    (b"PGDMP", "it is a dump in Postgres's custom format; convert it with `pg_restore -f - FILE`"),
    (b"\x1f\x8b", "it is compressed with gzip; unpack it with `zcat FILE`"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it with `zstdcat FILE`"),
    (b"\xfd7zXZ", "it is compressed with xz; unpack it with `xzcat FILE`"),
    (b"BZh", "it is compressed with bzip2; unpack it with `bzcat FILE`"),
    (b"PK\x03\x04", "it is a zip archive; unpack it with `unzip -p FILE`"),
    (b"\xff\xfe", "it is in UTF-16; convert it with `iconv -f UTF-16 -t UTF-8 FILE`"),
    (b"\xfe\xff", "it is in UTF-16; convert it with `iconv -f UTF-16 -t UTF-8 FILE`"),
];

/// A dump in a file, which can be read several times.
#[derive(Debug)]
pub struct Dump {
    name: String,
    file: File,
}

impl Dump {
    /// Opens a dump. `-` is standard input, which is copied to an unnamed temporary file.
    ///
    /// # Errors
    /// If the file can't be read, or is not a plain-text dump.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed =
            |error: std::io::Error| Error::File { name: name.clone(), reason: error.to_string() };
        let needs_conversion = |reason: &str| {
            let (name, reason) = (name.clone(), reason.to_owned());
            Err(Error::NeedsConversion { name, reason, input: "dump" })
        };
        if path.is_dir() {
            return needs_conversion(
                "it is a folder; if `pg_dump -Fd` made it, convert it with `pg_restore -f - FOLDER`",
            );
        }
        let mut file = if name == "-" {
            let mut copy = tempfile::tempfile().map_err(failed)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut copy).map_err(failed)?;
            copy.rewind().map_err(failed)?;
            copy
        } else {
            File::open(path).map_err(failed)?
        };
        let mut start = [0_u8; 512];
        let read = file.read(&mut start).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let start = &start[..read];
        if let Some((_, reason)) = CONVERTIBLE.iter().find(|(magic, _)| start.starts_with(magic)) {
            return needs_conversion(reason);
        }
        if start.get(257..262) == Some(b"ustar") {
            return needs_conversion("it is a tar archive; convert it with `pg_restore -f - FILE`");
        }
        if start.is_empty() {
            return Err(Error::File { name, reason: "it is empty".to_owned() });
        }
        Ok(Self { name, file })
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

#[cfg(test)]
impl Dump {
    /// Creates a dump with this text.
    pub(super) fn with_text(text: &str) -> Self {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Self { name: "x.sql".into(), file }
    }
}
