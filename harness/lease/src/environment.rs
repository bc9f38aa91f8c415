//! The one environment variable that this crate reads.

use std::path::PathBuf;

/// Returns the folder for temporary files: `TMPDIR`, or `/tmp`.
pub(super) fn temporary_folder() -> PathBuf {
    std::env::temp_dir()
}
