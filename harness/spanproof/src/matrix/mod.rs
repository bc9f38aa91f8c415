//! From a spec to its cases: the full product of all values, pure and in a stable order. And what
//! cases have in common, or differ in.

mod case;
mod neighbour;
mod pattern;
mod product;
mod selection;
mod stored;

pub use case::Case;
pub(crate) use neighbour::{Change, neighbours};
pub(crate) use pattern::Pattern;
pub use product::{MatrixError, cases};
pub use selection::{Filter, Selection};
