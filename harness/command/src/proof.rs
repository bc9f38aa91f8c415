//! The proof file: what passing cases proved about the flags of a spec, stored in the repository.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::{Failure, output};
use spanproof_format::{FlagProof, ParseError, parse};

/// Returns the path of the proof of a spec: `spanproof.proof.json` beside `spanproof.toml`.
pub(super) fn path(config: &Path) -> PathBuf {
    config.with_extension("proof.json")
}

/// Reads a proof; `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<FlagProof>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let context = format!("could not read the proof `{}`", path.display());
            return Err(Failure::usage(anyhow::Error::new(error).context(context)));
        }
    };
    parse_text(&text).map(Some).map_err(|error| {
        let context = format!(
            "`{}` is not a proof of this version; write a new one with `spanproof check --write-proof`",
            path.display()
        );
        Failure::usage(anyhow!(error).context(context))
    })
}

/// Parses the text of a proof.
pub(super) fn parse_text(text: &str) -> Result<FlagProof, ParseError> {
    parse(text)
}

/// Writes a proof.
pub(super) fn write(path: &Path, proof: &FlagProof) -> Result<(), Failure> {
    std::fs::write(path, proof.to_text()).map_err(|error| {
        let context = format!("could not write the proof `{}`", path.display());
        Failure::world(anyhow::Error::new(error).context(context))
    })?;
    output::note(&format!("proof written: {}", path.display()));
    Ok(())
}
