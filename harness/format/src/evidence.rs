//! The evidence of a finding (a reason why a case fails), as data. A unit is one piece of a job's
//! work: a row of the unit table.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::observation::Submission;
use super::output::{Ending, Location};
use super::witness::Failure;

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Evidence {
    /// A line of output or log.
    Line {
        /// The line's location.
        place: Location,
        /// The line's text.
        text: String,
        /// The name of the process in the spec; `None` for the main process of the service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        process: Option<String>,
    },
    /// A variable of the service's environment.
    Variable {
        /// The variable's name.
        name: String,
        /// The variable's value; `None` if it is unset.
        value: Option<String>,
    },
    /// A job's row.
    Job {
        /// The table.
        table: String,
        /// The job's id; `None` if there is only one job.
        id: Option<String>,
        /// The status; `None` if it is null.
        status: Option<String>,
    },
    /// A unit's row.
    Unit {
        /// The table.
        table: String,
        /// The unit's id; `None` if its row has none.
        id: Option<String>,
        /// The values that identify the unit within its job, from the unit's row.
        key: String,
        /// The status; `None` if it is null.
        status: Option<String>,
    },
    /// A span, with the fields that matter to the finding.
    Span {
        /// The table.
        table: String,
        /// The span's id; `None` if its row has none.
        id: Option<String>,
        /// The span's name; `None` if its row has none.
        name: Option<String>,
        /// Fields with their values; `None` for null.
        fields: Vec<(String, Option<String>)>,
        /// What is wrong with the span; `None` if the fields show it.
        remark: Option<String>,
    },
    /// The number of rows in a table.
    RowCount {
        /// The table.
        table: String,
        /// The number of counted rows: all rows, or the spans with one name.
        rows: usize,
        /// The name of the counted spans, and the number of all rows; `None` if all rows are
        /// counted.
        of: Option<(String, usize)>,
    },
    /// A table that spanproof can't read.
    Unreadable {
        /// The table.
        table: String,
        /// The server's error.
        why: String,
    },
    /// Spans in a table other than the span table.
    Elsewhere {
        /// The table.
        table: String,
        /// The number of spans.
        rows: u64,
        /// Whether the spans are known to belong to the units of the case.
        of_units: bool,
    },
    /// The service's answer to a job.
    Submission(Submission),
    /// A request to the upstream that no reply of its behaviour matches.
    Request {
        /// The method.
        method: String,
        /// The path.
        path: String,
        /// The most similar reply.
        nearest: String,
    },
    /// How the service ended.
    Exit {
        /// The exit code or signal.
        ending: Ending,
        /// Milliseconds from the start of the service to its exit; `None` if the time does not
        /// matter.
        at_ms: Option<u64>,
        /// A further remark; `None` if there is none.
        remark: Option<String>,
    },
    /// A process that kept running after the service stopped, as `pid (name)`.
    Process(String),
    /// The counts of the database witness, which counts the inserts of spans on the server.
    Witness {
        /// `INSERT` statements that were started.
        begun: usize,
        /// Rows that the statements tried to insert.
        tried: usize,
        /// Rows that successful statements inserted.
        written: usize,
        /// Rows in the span table at the end.
        kept: usize,
    },
    /// An error in the server's log.
    ServerLog(Failure),
    /// One of two cases that are compared, with the outcome of its job.
    Compared {
        /// How the case differs from the other one: tracing is `on` or `off`, or the case is `with`
        /// or `without` a fault.
        word: String,
        /// The case's id.
        case: String,
        /// The outcome of the case's job.
        outcome: String,
        /// `false` for the case that has the finding; `true` for the case that it is compared with.
        other: bool,
    },
    /// A fault: a failure that spanproof caused on purpose in this case.
    Fault {
        /// The fault's name.
        name: String,
        /// What the fault does.
        about: String,
    },
    /// Any other evidence, as text.
    Note(String),
    /// The number of omitted pieces of evidence of the same kind.
    More(usize),
    /// A kind of evidence of a newer version, unchanged.
    #[serde(untagged)]
    Unknown(Json),
}
