//! Arguments of `guard`.

use std::path::PathBuf;

use clap::Args;

use super::Format;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  spanproof guard                      compare the manifests with the proof
  spanproof guard --base origin/main   compare also with main
  spanproof guard --run                run all cases first

The manifests are in `[manifests.NAME]` of the spec. The proof is the file
`spanproof.proof.json`, which `spanproof check --write-proof` writes.
Without `--run`, nothing is built or started.
Results of a comparison:
  ok        the value is proved to do what the environment expects
  disabled  it is off, does nothing or is no longer set, and should be on
  enabled   it is on, and should be off
  unproven  no case shows what it does, or the proof is stale or missing
  unknown   it can't be computed: a secret, a template, a variable of a shell
Exit codes:
  0  every comparison is ok
  1  a value is disabled or enabled, or with `--run` a case failed
  2  the spec, a manifest, the proof or the commit can't be read
  3  with `--run`: no Postgres, or the service did not start
  4  there is nothing to compare
  8  a value is unproven or unknown")]
pub(crate) struct Guard {
    /// Also compare with this commit
    ///
    /// Reads the spec, the manifests and the proof of the commit with git. A flag that was on there
    /// and is now removed, renamed, quoted differently or disabled is a finding.
    #[arg(long, value_name = "REF")]
    pub(crate) base: Option<String>,
    /// Run all cases and each environment before comparing
    ///
    /// Builds a new proof in memory, and runs `check` with `--as` for each environment.
    #[arg(long)]
    pub(crate) run: bool,
    /// Number of parallel cases [default: 2 × CPUs]
    #[arg(short, long, value_name = "N", requires = "run", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Run this binary instead of building the service
    #[arg(long, value_name = "FILE", requires = "run")]
    pub(crate) binary: Option<PathBuf>,
    /// Spec file
    #[arg(long, value_name = "FILE", default_value = spanproof::SPEC_FILE)]
    pub(crate) config: PathBuf,
    /// Output format
    ///
    /// The default is `human`.
    #[arg(long, value_enum, default_value_t = Format::Human, hide_default_value = true)]
    pub(crate) format: Format,
}
