//! The command of a process: which variables it sets before the service starts.
//!
//! This module evaluates `env`, `sh -c` with simple commands, and programs that only start another
//! program. Rules of the shell: POSIX, "Shell Command Language". Variables that other constructs may set
//! become unknown.

mod argument;
mod program;
mod script;
mod token;

pub(crate) use argument::{apply, apply_script, apply_step};
pub(crate) use token::{name_length, split};
