//! A service's log that was kept elsewhere: read as a stream, in constant memory, whatever
//! collected it.
//!
//! Knows nothing of specs: it is told which lines may matter.

mod entry;
mod needle;
mod scan;

pub(crate) use entry::{Entry, entry};
pub(crate) use needle::Needles;
pub(crate) use scan::{Error as ScanError, scan};
