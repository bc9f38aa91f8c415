//! One piece of evidence of a finding, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::observation::{Failure, Submission};
use super::output::{Ending, Place};

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Evidence {
    /// A line of output or log.
    Line {
        /// Where it stands.
        place: Place,
        /// The line.
        text: String,
    },
    /// A variable of the service's environment.
    Variable {
        /// Its name.
        name: String,
        /// Its value; `None` if it is unset.
        value: Option<String>,
    },
    /// A row of a job.
    Job {
        /// The table.
        table: String,
        /// The job's id; `None` if it is the only one.
        id: Option<String>,
        /// Its status; `None` if that is null.
        status: Option<String>,
    },
    /// A row of a unit.
    Unit {
        /// The table.
        table: String,
        /// The unit's id.
        id: Option<String>,
        /// Which unit of its job it is.
        key: String,
        /// Its status; `None` if that is null.
        status: Option<String>,
    },
    /// A span, with the fields that matter.
    Span {
        /// The table.
        table: String,
        /// The span's id.
        id: Option<String>,
        /// Its name.
        name: Option<String>,
        /// Fields with their values; a value is `None` if it is null.
        fields: Vec<(String, Option<String>)>,
        /// What is wrong with it, if the fields do not show that.
        remark: Option<String>,
    },
    /// How many rows a table has.
    RowCount {
        /// The table.
        table: String,
        /// All of its rows, or those of one operation.
        rows: usize,
        /// The operation that is counted, and the number of all rows.
        of: Option<(String, usize)>,
    },
    /// A table that can't be read.
    Unreadable {
        /// The table.
        table: String,
        /// The server's reason.
        why: String,
    },
    /// Spans in a table of the same name in another schema.
    Elsewhere {
        /// The table.
        table: String,
        /// How many.
        rows: u64,
        /// Whether they are known to belong to these units.
        of_units: bool,
    },
    /// The service's answer to a job.
    Submission(Submission),
    /// A request to the upstream that matched no reply of its behaviour.
    Request {
        /// Its method.
        method: String,
        /// Its path.
        path: String,
        /// The reply that is nearest to it.
        nearest: String,
    },
    /// How the service ended.
    Exit {
        /// How.
        ending: Ending,
        /// Milliseconds from its start; `None` if they do not matter.
        at_ms: Option<u64>,
        /// What else there is to know.
        remark: Option<String>,
    },
    /// A process that kept running after the service had stopped, as `pid (name)`.
    Process(String),
    /// The server's testimony about the span table.
    Witness {
        /// Inserting statements that began.
        begun: usize,
        /// Rows that were to be inserted.
        tried: usize,
        /// Rows whose statement succeeded.
        written: usize,
        /// Rows that are there.
        kept: usize,
    },
    /// An error in the server's log.
    ServerLog(Failure),
    /// A case that is compared with another one, and the outcome of its job.
    Compared {
        /// What the case has, or has not: `on`, `off`, `with`, `without`.
        word: String,
        /// The case's id.
        case: String,
        /// The outcome of its job.
        outcome: String,
        /// Whether it is the other case, and not the one that the finding is about.
        other: bool,
    },
    /// A fault of the world.
    Fault {
        /// Its name.
        name: String,
        /// What it does.
        about: String,
    },
    /// Evidence that has no shape of its own.
    Note(String),
    /// How many more pieces of the same kind there are.
    More(usize),
    /// Evidence of a newer version, as it stands in the document.
    #[serde(untagged)]
    Unknown(Json),
}
