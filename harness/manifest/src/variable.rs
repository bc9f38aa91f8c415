//! A variable of a process: its value, and the lines that led to it.

use std::fmt;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The path of the file, as the user or the manifest gives it.
    pub file: String,
    /// The line number, from 1.
    pub line: usize,
}

impl Place {
    pub(crate) fn new(file: &str, line: usize) -> Self {
        Self { file: file.to_owned(), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Why a value is not known, and how to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Where the value comes from, or why it can't be computed: a clause such as `it comes from a secret`.
    pub why: String,
    /// What to do to get the value.
    pub resolve: String,
}

impl Reason {
    pub(crate) fn new(why: impl Into<String>, resolve: impl Into<String>) -> Self {
        Self { why: why.into(), resolve: resolve.into() }
    }
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The process gets exactly this string.
    Literal(String),
    /// The process does not have the variable.
    Unset,
    /// The value is set or passed on from outside the manifest.
    Elsewhere(Reason),
    /// The files are not enough to compute the value.
    Unknown(Reason),
    /// The format's own tool refuses the manifest because of this variable.
    Refused(Reason),
}

impl Value {
    /// Returns the string of a literal; `None` for any other value.
    pub fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            _ => None,
        }
    }
}

/// What a line did to a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The line set it.
    Set,
    /// The line set or removed it, and a later step replaced that.
    Shadowed,
    /// The line removed it.
    Removed,
    /// The line names it, but the process does not get what the line sets.
    Dropped,
    /// The line supplied part of the value.
    Interpolated,
    /// The line names a source that may set it, but that can't be read.
    Unread,
}

/// One step on the way to the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line.
    pub place: Place,
    /// What the line did.
    pub event: Event,
    /// The value that was set, or what happened.
    pub note: String,
}

impl Step {
    /// Creates the step of a line that sets another variable, which supplied part of the value.
    pub(crate) fn filled_in(place: Place, name: &str, value: &str) -> Self {
        Self::new(place, Event::Interpolated, format!("`{name}` is `{value}`"))
    }

    /// Returns the name and value of the other variable that supplied part of the value; `None` if the step
    /// is of a different kind. The value may be a secret.
    pub fn other_variable(&self) -> Option<(&str, &str)> {
        let note = Some(&self.note).filter(|_| self.event == Event::Interpolated)?;
        let (name, value) = note.strip_prefix('`')?.strip_suffix('`')?.split_once("` is `")?;
        Some((name, value))
    }

    pub(crate) fn new(place: Place, event: Event, note: impl Into<String>) -> Self {
        Self { place, event, note: note.into() }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.event {
            Event::Set => "set",
            Event::Shadowed => "shadowed",
            Event::Removed => "removed",
            Event::Dropped => "not for the process",
            Event::Interpolated => "filled in",
            Event::Unread => "not read",
        };
        write!(f, "{} {word}: {}", self.place, self.note)
    }
}

/// A variable of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The value.
    pub value: Value,
    /// Where the setting is in its file, such as `services.runner.environment`; may be empty.
    pub location: String,
    /// What happened, in order of effect. The last step decides.
    pub steps: Vec<Step>,
}

impl Variable {
    /// Returns the line that decides the value; `None` if no line concerns the variable.
    pub fn place(&self) -> Option<&Place> {
        let decides =
            |step: &&Step| matches!(step.event, Event::Set | Event::Removed | Event::Unread);
        self.steps.iter().rev().find(decides).map(|step| &step.place)
    }
}
