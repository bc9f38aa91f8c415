//! Files with lines of `NAME=value` (`.env` files). Programs read them in different ways; each
//! [`Reader`] is one of these ways.

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
