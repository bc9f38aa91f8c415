//! From a spec to its cases: the full product of all values, pure and in a stable order.

mod case;
mod product;
mod selection;

pub use case::Case;
pub use product::{Error, cases};
pub use selection::{Filter, Selection};
