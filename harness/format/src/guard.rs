//! The document that `guard --format json` prints. A flag is an environment variable of the service.

use serde::{Deserialize, Serialize};

use super::version::SCHEMA;

/// The results of `guard`: the value that each deploy manifest gives to each flag, compared with the proof,
/// the file in which `check` writes what each value does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Guard {
    /// The version of this document.
    pub schema: u32,
    /// The proof with which the manifests were compared.
    pub proof: ProofState,
    /// The git reference with which the manifests were compared; `None` without `--base`.
    pub base: Option<String>,
    /// The number of comparisons.
    pub compared: usize,
    /// The number of values that do what the environment expects.
    pub ok: usize,
    /// The number of values that are off, that do nothing, or that only the base sets.
    pub disabled: usize,
    /// The number of values that are on, although they should be off.
    pub enabled: usize,
    /// The number of values that no case tried, or whose proof is stale or missing.
    pub unproven: usize,
    /// The number of values that can't be computed.
    pub unknown: usize,
    /// The comparisons, in the order of the environments and flags.
    pub comparisons: Vec<Comparison>,
}

/// The state of a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProofState {
    /// The path of the file.
    pub file: String,
    /// Whether the proof is usable.
    pub freshness: Freshness,
    /// Why the proof is not usable; empty if it is usable.
    pub why: String,
    /// The number of combinations of flags that were tried.
    pub combinations: usize,
    /// What was not compared with the proof, one sentence each.
    #[serde(default)]
    pub not_checked: Vec<String>,
}

/// Whether a proof matches the current files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Freshness {
    /// The proof matches the spec, the migrations and, if it is known, the program.
    Fresh,
    /// The spec, the migrations or the program changed since the proof was written.
    Stale,
    /// There is no proof. Also a state of a newer version.
    #[default]
    #[serde(other)]
    Missing,
}

/// One comparison of a value with the proof, or with the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// The name of the environment, such as `production`.
    pub environment: String,
    /// The name of the flag.
    pub flag: String,
    /// The files of the manifest.
    pub files: Vec<String>,
    /// The processes that get the value.
    pub processes: Vec<String>,
    /// The value that the processes get.
    pub value: DeployedValue,
    /// The result.
    pub result: GuardResult,
    /// Whether the value was compared with the base, not with the proof alone.
    #[serde(default)]
    pub with_base: bool,
    /// What was found, and why it has this result.
    pub found: String,
    /// The lines that decide the value, in order of effect.
    pub steps: Vec<GuardStep>,
    /// The ids of cases that prove what the value does, at most three.
    pub cases: Vec<String>,
    /// What to do; empty if there is nothing to do.
    pub next: String,
}

/// The value that a process gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeployedValue {
    /// This string.
    Set(String),
    /// The variable is not in the environment.
    Unset,
    /// The value is not known. Also a value of a newer version.
    #[serde(other)]
    NotKnown,
}

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GuardResult {
    /// The value is proved to do what the environment expects.
    Ok,
    /// The value is proved to be off or to do nothing, but is meant or expected to be on.
    Disabled,
    /// The value is proved to be on, but is meant or expected to be off.
    Enabled,
    /// No case shows what the value does together with the other flags, or the proof is stale or missing.
    Unproven,
    /// The value can't be computed. Also a result of a newer version.
    #[serde(other)]
    Unknown,
}

/// One line of a manifest that concerns a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GuardStep {
    /// The path of the file.
    pub file: String,
    /// The line number, from 1.
    pub line: usize,
    /// What the line did, as a verb, and the value or a reason.
    pub text: String,
}

impl Guard {
    /// Creates the document and counts the results.
    pub fn new(proof: ProofState, base: Option<String>, comparisons: Vec<Comparison>) -> Self {
        let count = |result| comparisons.iter().filter(|one| one.result == result).count();
        Self {
            schema: SCHEMA,
            proof,
            base,
            compared: comparisons.len(),
            ok: count(GuardResult::Ok),
            disabled: count(GuardResult::Disabled),
            enabled: count(GuardResult::Enabled),
            unproven: count(GuardResult::Unproven),
            unknown: count(GuardResult::Unknown),
            comparisons,
        }
    }
}

impl ProofState {
    /// Creates the state of a proof in a file.
    pub fn new(file: impl Into<String>, freshness: Freshness, why: impl Into<String>) -> Self {
        Self { file: file.into(), freshness, why: why.into(), ..Self::default() }
    }
}

impl Comparison {
    /// Creates a comparison without steps, cases and a next step.
    pub fn new(
        environment: impl Into<String>,
        flag: impl Into<String>,
        value: DeployedValue,
        result: GuardResult,
        found: impl Into<String>,
    ) -> Self {
        Self {
            environment: environment.into(),
            flag: flag.into(),
            files: Vec::new(),
            processes: Vec::new(),
            value,
            result,
            with_base: false,
            found: found.into(),
            steps: Vec::new(),
            cases: Vec::new(),
            next: String::new(),
        }
    }
}

impl GuardStep {
    /// Creates a step.
    pub fn new(file: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.into(), line, text: text.into() }
    }
}
