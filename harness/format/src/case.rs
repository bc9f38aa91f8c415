//! Cases: the combinations with which a service is tried.

use serde::{Deserialize, Serialize};

/// One combination with which the service is tried: a value for every flag (an environment variable
/// of the service), a route, an upstream, a job, and perhaps a fault (a failure that spanproof
/// causes on purpose). The spec defines each of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Case {
    /// The id: a hash of all other fields, as eight hexadecimal digits. A flag with its default
    /// value does not change the hash.
    pub id: String,
    /// Every flag with its value, in the order of the spec; `None` if the flag is unset.
    pub flags: Vec<(String, Option<String>)>,
    /// The name of the route, the way in which the job is submitted.
    pub route: String,
    /// The name of the upstream, the fake HTTP server that the service calls.
    pub upstream: String,
    /// The job's name.
    pub job: String,
    /// The name of the fault that is in force while the job runs; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Case {
    /// Creates a case with this id; all other fields are empty.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}
