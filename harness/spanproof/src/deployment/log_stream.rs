//! The bytes of a log.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;

use chrono::FixedOffset;

use super::session::Error;
use super::unpack::{UnpackError, unpacked_stream};

/// A log to read.
pub struct LogStream<'a> {
    /// File name; `-` for standard input.
    pub name: String,
    /// Contents.
    pub bytes: Box<dyn Read + 'a>,
    /// The offset from UTC of times that do not name their zone; `None` if it is not known.
    pub zone: Option<FixedOffset>,
    /// The format of the lines, such as `flyctl around zap JSON`; `None` if it is detected.
    pub format: Option<String>,
}

impl std::fmt::Debug for LogStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogStream({})", self.name)
    }
}

impl LogStream<'static> {
    /// Opens a log, which may be compressed or in UTF-16. `-` is standard input.
    ///
    /// # Errors
    /// If the file can't be read, or converted to text.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let failed =
            |error: std::io::Error| Error::File { name: name.clone(), reason: error.to_string() };
        let file = if name == "-" {
            File::from(std::io::stdin().as_fd().try_clone_to_owned().map_err(failed)?)
        } else {
            File::open(path).map_err(failed)?
        };
        let bytes = unpacked_stream(file).map_err(|error| match error {
            UnpackError::ByHand { .. } => {
                let (name, reason) = (name.clone(), error.to_string());
                Error::NeedsConversion { name, reason, input: "log" }
            }
            error => Error::File { name: name.clone(), reason: error.to_string() },
        })?;
        Ok(Self { name, bytes, zone: None, format: None })
    }
}
