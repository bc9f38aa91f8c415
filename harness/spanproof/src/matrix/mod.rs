//! The cases of a spec: all combinations of inputs for runs of the service, in a stable order.
//! Also finds what several cases have in common (a pattern), and cases that differ in one value
//! (neighbours). Does no I/O.

mod case;
mod experiment;
mod neighbour;
mod pattern;
mod product;
mod selection;
mod spelling;
mod stored;

pub use case::Case;
pub use experiment::experiments;
pub(crate) use neighbour::{Change, SPELLINGS_OF_ON, neighbours};
pub(crate) use pattern::Pattern;
pub use product::{MatrixError, cases};
pub use selection::{Filter, Selection};
pub(crate) use spelling::spelling_cases;
