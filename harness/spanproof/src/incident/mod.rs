//! Incidents: a case, or a job of an existing system, kept as one file and replayed.
//!
//! What comes from elsewhere is data: nothing in a bundle is executed, and nothing of it names a
//! file that is read or written.

mod adopt;
mod bundle;
mod capture;
mod error;
mod masking;
mod reading;
mod replay;
mod setting;

pub use adopt::{Adopted, adopt, adopted, holds, list};
pub use bundle::Bundle;
pub use capture::{capture_case, capture_deployment};
pub use error::Error;
pub use masking::Masking;
pub use replay::{Faithful, Replayed, Reproduction, rejudge, replay};
pub use setting::{Choice, Setting};
