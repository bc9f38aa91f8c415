//! The stable codes of findings, the stage of the funnel each belongs to, and what they mean.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $stage:ident $meaning:literal $remedy:literal;)*) => {
        /// Why spans are missing, or what else is wrong. The text of a code never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
            /// A code of a newer version.
            #[serde(other)]
            Unknown,
        }

        impl Code {
            /// Every code, in the order of the funnel.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as users see it.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* Self::Unknown => "unknown" }
            }

            /// The stage of the funnel that loses units.
            pub fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)* Self::Unknown => Stage::Outcome }
            }

            /// What it means, as one sentence without its period.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* Self::Unknown => "a code of a newer version" }
            }

            /// What to do about it, as one sentence without its period.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* Self::Unknown => "read it with the version that wrote it" }
            }
        }
    };
}

codes! {
    FlagUnset "flag-unset" Delivered
        "the flag was given to the service, and the service saw it unset"
        "look for a wrapper, an entry point or a secret store that drops the variable before the service reads it";
    TracerNotConstructed "tracer-not-constructed" Constructed
        "the flag is on, and no tracer line was printed at startup"
        "check that this binary contains the tracer and that its constructor runs before the first job";
    ProcessCrashed "process-crashed" Constructed
        "the service ended by itself"
        "read the last lines of its output; the exit status names the signal or code";
    NeverReady "never-ready" Constructed
        "the service does not become ready in this case, and does in others"
        "look at what it printed last; compare with a case that differs in one flag only";
    FlagUnrecognisedValue "flag-unrecognised-value" Enabled
        "the value means on, and the service reads it as off"
        "set the exact value that the service reads, or make it read this spelling; if the strictness is meant, list the values that count under `enables`";
    FlagIgnored "flag-ignored" Enabled
        "no value of the flag ever switches tracing on"
        "check that the service reads this variable at all, and reads it before the tracer is built";
    JobNotPickedUp "job-not-picked-up" Executed
        "the job was accepted and never left the queue"
        "check that a worker runs in this process and listens on the queue that the route writes to";
    JobFailedEarly "job-failed-early" Executed
        "the job ended, or was refused, before every unit was executed"
        "read the answer to the submission and the job's own error; no span can exist for work that never began";
    JobNotFinished "job-not-finished" Executed
        "the job was still running when time was up"
        "look for a call without a timeout, or raise `settle-ms` if the job really takes longer";
    BannerContradicts "banner-contradicts" Attempted
        "what the service says about its tracing is not what it does"
        "trust the database, not the log line; print the line where the writing happens";
    PathNotExecuted "path-not-executed" Attempted
        "the work was done on a code path that never calls the tracer"
        "call the tracer on this route too; compare with a route whose units leave spans";
    WrongAttributes "wrong-attributes" Attempted
        "spans are there, under another operation or of another service than the spec has"
        "name the operation in the spec as the service names it, or repair the name: whoever looks for the one will not find the other";
    WriteFailedReported "write-failed-reported" Accepted
        "writing spans failed, and the service said so"
        "the service's own error names the reason: a missing table or column, a privilege, a timeout";
    WriteFailedSilent "write-failed-silent" Accepted
        "spans were begun and not written, and the service did not say so"
        "report errors of span writes; then the error itself names the reason";
    BatchPoisoned "batch-poisoned" Accepted
        "good spans were lost together with a bad one in the same statement"
        "write each span by itself where a batch fails, or validate before the batch";
    WrongDestination "wrong-destination" Stored
        "spans were written, to a table of that name in another schema"
        "look at the search path of the role and the database that the service connects with";
    RolledBack "rolled-back" Stored
        "spans were written in a transaction that was never committed, or removed again"
        "write spans on a connection of their own, outside of the work's transaction";
    SilentlyDiscarded "silently-discarded" Stored
        "the server took the spans, told no error and kept none"
        "look for a trigger that returns null, a rule, or `on conflict do nothing` with a key that is used already";
    Undetermined "undetermined" Stored
        "the evidence does not decide between several reasons"
        "run the experiment that the finding names; `check --witness` asks the server";
    NotFinished "not-finished" Finished
        "spans were begun and never completed"
        "complete the span on every way out of the work: success, error, early return and cancellation";
    LostAtExit "lost-at-exit" Finished
        "spans were still open when the process was killed or died"
        "flush and close spans when the service is asked to stop";
    ImpossibleTimes "impossible-times" Finished
        "a span ends before it starts, or its duration is negative"
        "take both times from one clock, and write the start when the work starts";
    Unlinked "unlinked" Linked
        "spans do not carry the ids of the work they belong to"
        "write the linking columns with the span, not only into memory";
    StatusDisagrees "status-disagrees" Linked
        "a span's final status is not the status of its unit"
        "take both from one value";
    BrokenTree "broken-tree" Joined
        "spans of one unit do not form one tree in one trace"
        "hand the parent's span id and trace id to every child and to the upstream";
    Duplicate "duplicate" Joined
        "a unit has more spans of one operation than it should"
        "look for a second call, a retry without a key, or two tracers";
    LeakedWhileOff "leaked-while-off" Off
        "spans were recorded although tracing is off"
        "check how the value is read: only what is meant as on may switch it on";
    NotRecovered "not-recovered" Outcome
        "a fault of the world is over, and the service does not record as before"
        "make the tracer connect again, and try again, after an error; look for a pool, a cache or a flag that remembers the failure";
    OutcomeChangedByTracing "outcome-changed-by-tracing" Outcome
        "the same job ends differently with tracing on than with tracing off"
        "never let an error or a delay of the tracer reach the job";
    ExpectedFailurePassed "expected-failure-passed" Outcome
        "a failure that the spec expects did not happen"
        "take the `[[expected]]` out of the spec, or narrow its `when`: what it accepts is repaired";
    UnexpectedRequest "unexpected-request" Outcome
        "the upstream was asked for something that its behaviour file does not know"
        "correct the address the service asks, or add a `[[reply]]` to the behaviour";
    NotStopped "not-stopped" Outcome
        "the service did not stop when it was asked to, and was killed"
        "handle SIGTERM, or raise `grace-ms` under `[service.stop]` if it needs longer";
    LeftProcesses "left-processes" Outcome
        "the service left processes behind that still held its output open"
        "stop what the service starts when the service stops";
}

/// A text that names no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no code is named `{0}`")]
pub struct UnknownCode(pub String);

impl std::str::FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().find(|code| code.text() == text).copied();
        found.ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.text())
    }
}

/// A stage of the funnel, or one of the two things that are not about losing units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Stage {
    /// The flag is in the environment of the process.
    Delivered,
    /// A tracer exists.
    Constructed,
    /// The tracer says that it is enabled.
    Enabled,
    /// The work was done.
    Executed,
    /// A span was begun for it.
    Attempted,
    /// Its write was not refused.
    Accepted,
    /// Its row is there.
    Stored,
    /// The span has an end.
    Finished,
    /// It names its unit and agrees with it.
    Linked,
    /// All spans of the unit are one tree.
    Joined,
    /// With tracing off nothing is recorded.
    Off,
    /// The work itself, and the process, went as they should.
    Outcome,
}

impl Stage {
    /// The number of the stage in the funnel, from 1; `None` beside the funnel.
    pub fn number(self) -> Option<u8> {
        Some(match self {
            Self::Delivered => 1,
            Self::Constructed => 2,
            Self::Enabled => 3,
            Self::Executed => 4,
            Self::Attempted => 5,
            Self::Accepted => 6,
            Self::Stored => 7,
            Self::Finished => 8,
            Self::Linked => 9,
            Self::Joined => 10,
            Self::Off | Self::Outcome => return None,
        })
    }

    /// What the stage is about, as a phrase without a period.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Delivered => "delivered: the flag reaches the process",
            Self::Constructed => "constructed: a tracer exists",
            Self::Enabled => "enabled: the tracer says that it is on",
            Self::Executed => "executed: the work is done",
            Self::Attempted => "attempted: a span is begun for it",
            Self::Accepted => "accepted: its write is not refused",
            Self::Stored => "stored: its row is there",
            Self::Finished => "finished: it has an end",
            Self::Linked => "linked: it names its unit and agrees with it",
            Self::Joined => "joined: the spans of a unit are one tree",
            Self::Off => "tracing is off",
            Self::Outcome => "the work and the process",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_text_for_people_and_in_data() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("{:?}", code.text()));
        }
    }
}
