//! A system that is already there: its database, its log. Everything here only reads, and is
//! careful with a database that others work on.

mod answer;
mod around;
pub(crate) mod catalog;
mod dump;
mod gather;
mod lookup;
mod moment;
mod pulse;
mod recognise;
mod session;
mod sink;
mod sought;

pub use answer::Answer;
pub use dump::Dump;
pub use gather::{Rowset, Subject, gather, unseen};
pub use moment::{Moment, Window};
pub use pulse::{Beat, Pulse};
pub use recognise::{Log, Recognised};
pub(crate) use session::Refusal;
pub use session::{Error, Session};
pub use sink::Sink;
pub use sought::{Looked, Sought, look};
