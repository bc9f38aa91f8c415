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

pub use adopt::{adopt, is_as_expected, list_incidents, replay_adopted};
pub use bundle::Bundle;
pub use capture::{capture_case, capture_deployment};
pub use error::IncidentError;
pub use masking::Masking;
pub use replay::{rejudge_incident, replay};
pub(crate) use setting::Setting;
