//! The command of a process: what it sets before the service starts.
//!
//! Understood are `env`, `sh -c` with simple commands, and programs that only start another program.
//! Rules of the shell: POSIX, "Shell Command Language". What is not understood makes the variables
//! that it names unknown.

mod argument;
mod program;
mod script;
mod token;

pub(crate) use argument::{apply, apply_script, apply_step};
pub(crate) use token::{name_length, split};
