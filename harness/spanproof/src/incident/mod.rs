//! Incidents: a case, or a job of an existing system, stored as one file that can be replayed.
//!
//! A bundle is the file of an incident, and may come from anywhere. Nothing in it is executed, and
//! no path in it is read or written.

mod adopt;
mod bundle;
mod capture;
mod error;
mod masking;
mod reading;
mod replay;
mod setup;

pub use adopt::{ExpectedVerdict, adopt, list_incidents, replay_adopted};
pub use bundle::Bundle;
pub use capture::{capture_case, capture_deployment};
pub use error::IncidentError;
pub use masking::Masking;
pub use replay::{rejudge_incident, replay};
