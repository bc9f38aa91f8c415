//! Reads a service's log file as a stream, in constant memory, from any collector. Does not depend
//! on specs: the caller gives the patterns of interest.

mod entry;
mod needle;
mod scan;

pub(crate) use entry::{Entry, parse_line};
pub(crate) use needle::Needles;
pub(crate) use scan::{Error as ScanError, scan};
