//! Arguments of the commands about this machine, and of `explain`. A code names a reason why a case fails, such as
//! `flag-unset`.

use std::path::PathBuf;

use clap::Args;

use spanproof::suggestion;
use spanproof_format::{Code, UnknownCode};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Spec file
    ///
    /// The section `[database]` selects the server. The default file does not have to exist.
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Folders, databases or cache keys to remove [default: all]
    ///
    /// Cache keys need `--cache`. `clean --dry-run --cache` lists the names.
    pub(crate) names: Vec<String>,
    /// Also remove cached data directories
    #[arg(long)]
    pub(crate) cache: bool,
    /// Spec file
    ///
    /// If the section `[database]` has a URL, databases kept on that server are removed, too. The
    /// default file does not have to exist.
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Print what would be removed; remove nothing
    #[arg(short = 'n', long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Code to explain [default: list all codes]
    #[arg(value_name = "CODE", value_parser = parse_code)]
    pub(crate) code: Option<Code>,
    /// Print all explanations as Markdown (docs/codes.md)
    #[arg(long, conflicts_with = "code")]
    pub(crate) markdown: bool,
}

fn parse_code(text: &str) -> Result<Code, String> {
    text.parse().map_err(|error| with_suggestion(&error))
}

/// Returns the error with the most similar code and the command that lists all codes.
pub(crate) fn with_suggestion(error: &UnknownCode) -> String {
    let hint = suggestion(&error.0, Code::ALL.iter().map(|code| code.text()));
    format!("{error}{hint}; `spanproof explain` lists all codes")
}
