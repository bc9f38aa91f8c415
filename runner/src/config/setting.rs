//! One flag as it is told at startup: what was set, what counts, and why.

use std::fmt;

/// Where an effective value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The flag itself.
    Environment,
    /// Nothing was set, or an empty text.
    Default,
    /// Another flag, which goes first or stands in.
    Flag(&'static str),
    /// A switch has a text that neither enables nor plainly disables; it stays off.
    Unrecognised,
    /// The text can't be used.
    Invalid,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment",
            Self::Default => "default",
            Self::Flag(name) => name,
            Self::Unrecognised => "unrecognised",
            Self::Invalid => "invalid",
        })
    }
}

/// One line of the startup output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The flag.
    pub name: &'static str,
    /// What the environment has, secrets masked. `None` is unset, which is not the empty text.
    pub raw: Option<String>,
    /// What the runner goes by.
    pub effective: String,
    /// Why.
    pub source: Source,
    /// What the reader should know besides.
    pub note: Option<String>,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.raw {
            None => write!(f, "config: {}=unset", self.name)?,
            // Quoted and escaped: blanks at the ends and line breaks can be seen.
            Some(raw) => write!(f, "config: {}={raw:?}", self.name)?,
        }
        write!(f, " effective={} source={}", self.effective, self.source)?;
        match &self.note {
            None => Ok(()),
            Some(note) => write!(f, " ({note})"),
        }
    }
}
