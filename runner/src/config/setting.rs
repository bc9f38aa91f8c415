//! A line about one flag in the startup output: the flag's raw value, the effective value, and the
//! source of the effective value.

use std::fmt;

/// The source of an effective value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The flag itself.
    Environment,
    /// The default: the flag is unset or empty.
    Default,
    /// Another flag, which takes precedence over this one or is the fallback for it.
    Flag(&'static str),
    /// The flag is a switch, and its value is neither the value for on nor a word for off. The
    /// switch stays off.
    Unrecognised,
    /// The value of the flag can't be parsed. The runner uses another value, or does not start.
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
    /// The name of the flag.
    pub name: &'static str,
    /// The value in the environment, with secrets masked; `None` if the flag is unset. An empty
    /// value is `Some`.
    pub raw: Option<String>,
    /// The value that the runner uses.
    pub effective: String,
    /// The source of the effective value.
    pub source: Source,
    /// An explanation, printed in parentheses.
    pub note: Option<String>,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.raw {
            None => write!(f, "config: {}=unset", self.name)?,
            // The value is quoted and escaped, so that spaces at its ends and line breaks are
            // visible.
            Some(raw) => write!(f, "config: {}={raw:?}", self.name)?,
        }
        write!(f, " effective={} source={}", self.effective, self.source)?;
        match &self.note {
            None => Ok(()),
            Some(note) => write!(f, " ({note})"),
        }
    }
}
