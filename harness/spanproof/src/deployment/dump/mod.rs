//! Reads a dump of `pg_dump` or `pg_dumpall`. Formats other than plain text are converted when the dump is opened. No
//! SQL of the dump is executed.

mod contents;
mod definition;
mod file;
mod lexer;
mod other_format;
mod relation;
mod rows;
mod scanner;
mod search;
mod statement;
mod value;

pub use file::Dump;
