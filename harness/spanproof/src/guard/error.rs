//! Errors of the guard, which compares flags in deploy manifests with the proof: the file with what passing
//! cases showed about each value of each flag.

use crate::chain::debug_as_chain;

/// Why the flags in deploy manifests can't be compared with the proof, or can't be used to run a case.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The spec names no manifests or no flags.
    #[error("nothing to compare: the spec has no {missing}")]
    Nothing {
        /// The section that is missing.
        missing: &'static str,
    },
    /// The spec has no such environment.
    #[error("the spec has no `[manifests.{found}]`{hint}")]
    Environment {
        /// The name of the environment.
        found: String,
        /// A similar name, as the end of the sentence; may be empty.
        hint: String,
    },
    /// A manifest can't be read or parsed.
    #[error("{place}: could not read the manifests of `[manifests.{environment}]`")]
    Manifest {
        /// The place of the section, as `FILE:LINE`.
        place: String,
        /// The name of the environment.
        environment: String,
        /// The cause.
        #[source]
        source: spanproof_manifest::Error,
    },
    /// The file with names of secrets can't be read.
    #[error("{place}: could not read `secrets` of `[manifests.{environment}]`, `{file}`")]
    Secrets {
        /// The place of the section, as `FILE:LINE`.
        place: String,
        /// The name of the environment.
        environment: String,
        /// The path of the file.
        file: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A manifest has no process with the name that the spec gives.
    #[error(
        "{place}: `process` of `[manifests.{environment}]` is `{process}`, and {files} has no such \
         process; it has {known}"
    )]
    Process {
        /// The place of the section, as `FILE:LINE`.
        place: String,
        /// The name of the environment.
        environment: String,
        /// The name of the process.
        process: String,
        /// The files of the manifest.
        files: String,
        /// The processes that the manifest has.
        known: String,
    },
    /// The value that an environment gives to a flag is not known.
    #[error(
        "the environment `{environment}` can't be run as a case, because the value of a flag is not known: \
         {reason}; {resolve}"
    )]
    NotKnown {
        /// The name of the environment.
        environment: String,
        /// Which value is not known, and why.
        reason: String,
        /// How to get the value.
        resolve: String,
    },
    /// The migrations can't be read.
    #[error("the migrations can't be read")]
    Migrations(#[from] spanproof_postgres::Error),
    /// The cases of the matrix can't be listed. An environment is run as a case with the route, the upstream
    /// and the job of the first case.
    #[error("could not list the cases of the matrix")]
    Matrix(#[from] crate::matrix::MatrixError),
}

debug_as_chain!(GuardError);
