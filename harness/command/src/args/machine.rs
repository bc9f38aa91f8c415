//! This machine, and what the codes mean.

use std::path::PathBuf;

use clap::Args;

use spanproof::suggestion;
use spanproof_format::{Code, UnknownCode};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The spec file, where there is one: its `[database]` says which server is wanted
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Only these, by the names that `doctor` and `clean --dry-run` tell; without one all that is
    /// kept
    pub(crate) names: Vec<String>,
    /// Also empty the cache of data directories
    #[arg(long)]
    pub(crate) cache: bool,
    /// The spec file, where there is one: databases kept on the server that it names go as well
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, as in a verdict; without it all are listed
    #[arg(value_name = "CODE", value_parser = code)]
    pub(crate) code: Option<Code>,
    /// Print the whole reference as Markdown: `docs/codes.md` is that
    #[arg(long, conflicts_with = "code")]
    pub(crate) markdown: bool,
}

fn code(text: &str) -> Result<Code, String> {
    text.parse().map_err(|error| with_codes(&error))
}

/// The error with the nearest code, and where all are listed.
pub(crate) fn with_codes(error: &UnknownCode) -> String {
    let hint = suggestion(&error.0, Code::ALL.iter().map(|code| code.text()));
    format!("{error}{hint}; `spanproof explain` lists them")
}
