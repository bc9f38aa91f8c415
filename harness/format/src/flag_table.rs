//! The document that `flags --format json` prints.

use serde::{Deserialize, Serialize};

use super::flag_effect::FlagEffects;
use super::sweep::Sweep;
use super::version::SCHEMA;

/// The flags of a service: where each one is named, who sets it, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagTable {
    /// The version of this document.
    pub schema: u32,
    /// The folder of the run that shows what the flags do; `None` without a stored run.
    pub run: Option<String>,
    /// The flags of the spec, then those that only a file or the source names.
    pub flags: Vec<FlagRow>,
    /// What the service does with common spellings of the values of flags.
    pub sweeps: Vec<Sweep>,
}

/// One flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagRow {
    /// The name.
    pub name: String,
    /// Whether the spec declares the flag.
    pub declared: bool,
    /// The places in documentation and examples that name the flag, as `file:line`.
    pub documented: Vec<String>,
    /// The places in the source that read the flag, as `file:line`.
    pub read: Vec<String>,
    /// Other places in the source that name the flag, as `file:line`.
    pub named: Vec<String>,
    /// The values that deploy manifests give to it.
    pub settings: Vec<FlagSetting>,
    /// What its values do in the stored run; `None` if no case of the run has the flag.
    pub effects: Option<FlagEffects>,
}

/// The value that processes of a deploy manifest get for a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FlagSetting {
    /// The environment of the spec to which the manifest belongs; `None` for a manifest that the command line
    /// names.
    #[serde(default)]
    pub environment: Option<String>,
    /// The files of the manifest.
    pub manifest: String,
    /// The processes that get the value.
    pub processes: Vec<String>,
    /// The value as text, or why it is not known.
    pub value: String,
    /// The line that sets the value, as `file:line`; empty if there is none.
    pub place: String,
    /// Whether the value is known.
    pub known: bool,
}

impl FlagTable {
    /// Creates a table.
    pub fn new(run: Option<String>, flags: Vec<FlagRow>, sweeps: Vec<Sweep>) -> Self {
        Self { schema: SCHEMA, run, flags, sweeps }
    }
}

impl FlagRow {
    /// Creates a flag that nothing names yet.
    pub fn new(name: impl Into<String>, declared: bool) -> Self {
        Self {
            name: name.into(),
            declared,
            documented: Vec::new(),
            read: Vec::new(),
            named: Vec::new(),
            settings: Vec::new(),
            effects: None,
        }
    }
}

impl FlagSetting {
    /// Creates a setting with a known value, and no environment and place.
    pub fn new(
        manifest: impl Into<String>,
        processes: Vec<String>,
        value: impl Into<String>,
    ) -> Self {
        let (manifest, value) = (manifest.into(), value.into());
        Self { environment: None, manifest, processes, value, place: String::new(), known: true }
    }
}
