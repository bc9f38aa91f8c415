//! Incidents: cases, or jobs of an existing system, that are stored and can be replayed.
//!
//! The file of an incident is called a bundle. It may come from anywhere, so nothing in a bundle is
//! executed, and no path in a bundle is read or written.

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
