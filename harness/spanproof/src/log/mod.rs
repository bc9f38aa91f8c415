//! Reads a service's log file as a stream, in constant memory. Understands the formats of common log
//! collectors. Does not read the spec: the caller passes the patterns to search for.

mod block;
mod date;
mod entry;
mod escape;
mod first_byte;
mod format;
mod join;
mod level;
mod literal;
mod logger;
mod message;
mod needle;
mod pattern;
mod piece;
mod process;
mod record;
#[cfg(test)]
mod samples;
mod scan;
mod stamp;
mod suffix;
mod time;
mod wrapper;

pub(crate) use date::{Date, DateOrder, Time};
pub(crate) use entry::{Entry, parse_line};
pub(crate) use format::{AROUND, Format};
pub(crate) use level::Level;
pub(crate) use message::field_texts;
pub(crate) use needle::Needles;
pub(crate) use pattern::compile;
pub(crate) use scan::{Error as ScanError, scan};
