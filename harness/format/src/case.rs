//! One case of the matrix.

use serde::{Deserialize, Serialize};

/// One combination: a value for every flag, a route, an upstream, a job, and maybe a fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Case {
    /// The id: eight hexadecimal digits, a hash of the content.
    pub id: String,
    /// Every flag with its value, in the order of the spec; `None` if the flag is unset.
    pub flags: Vec<(String, Option<String>)>,
    /// The route's name.
    pub route: String,
    /// The upstream's name.
    pub upstream: String,
    /// The job's name.
    pub job: String,
    /// The name of the fault of the world; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl Case {
    /// Creates a case with an id and no content.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }
}
