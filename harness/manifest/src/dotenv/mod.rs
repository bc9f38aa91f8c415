//! Files with lines of `NAME=value` (`.env` files). Programs read these files in different ways; each
//! [`Reader`] implements one of them.

mod assignment;
mod by_line;
mod compose;
mod javascript;
mod manifest;
mod python;
mod reader;
mod systemd;

pub(crate) use manifest::{looks_like, processes};
pub(crate) use reader::Reader;
