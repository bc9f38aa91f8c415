//! Reads a plain-text dump of a database, as `pg_dump` writes it. No SQL of the dump is executed.

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
