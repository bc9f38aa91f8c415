//! This machine, and what the codes mean.

use std::path::PathBuf;

use clap::Args;

use crate::verdict::Code;

#[derive(Debug, Args)]
pub(in crate::cli) struct Doctor {
    /// The spec file, where there is one: its `[database]` says which server is wanted
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(in crate::cli) config: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Clean {
    /// Only these, by the names that `doctor` and `clean --dry-run` tell; without one all that is
    /// kept
    pub(in crate::cli) names: Vec<String>,
    /// Also empty the cache of data directories
    #[arg(long)]
    pub(in crate::cli) cache: bool,
    /// The spec file, where there is one: databases kept on the server that it names go as well
    #[arg(long, value_name = "FILE", default_value = crate::spec::FILE)]
    pub(in crate::cli) config: PathBuf,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub(in crate::cli) dry_run: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// The code, as in a verdict; without it all are listed
    #[arg(value_name = "CODE")]
    pub(in crate::cli) code: Option<Code>,
    /// Print the whole reference as Markdown: `docs/codes.md` is that
    #[arg(long, conflicts_with = "code")]
    pub(in crate::cli) markdown: bool,
}
