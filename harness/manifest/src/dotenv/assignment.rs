//! The result of reading a `.env` file.

use crate::variable::{Step, Value};

/// A variable that a file sets.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: Value,
    pub(crate) line: usize,
    /// The lines that supplied parts of the value.
    pub(crate) steps: Vec<Step>,
}

impl Assignment {
    pub(crate) fn literal(name: &str, value: &str, line: usize) -> Self {
        let value = Value::Literal(value.to_owned());
        Self { name: name.to_owned(), value, line, steps: Vec::new() }
    }
}

/// The result of reading a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parsed {
    pub(crate) assignments: Vec<Assignment>,
    /// Names without a value, with their lines. The program takes the values from its own environment.
    pub(crate) passed_on: Vec<(String, usize)>,
    /// Lines that the program ignores, with the reason.
    pub(crate) ignored: Vec<(usize, String)>,
    /// The error with which the program refuses the file, with its line.
    pub(crate) error: Option<(usize, String)>,
}

/// Returns the value that an earlier line gives to a variable.
pub(crate) fn earlier<'a>(assignments: &'a [Assignment], name: &str) -> Option<&'a Value> {
    assignments.iter().rev().find(|one| one.name == name).map(|one| &one.value)
}
