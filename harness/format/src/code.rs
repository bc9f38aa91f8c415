//! Codes of findings, with their stage, their meaning and their remedy. A finding is a reason why a
//! case fails. A unit is one piece of a job's work; the stages of the funnel are its steps on the
//! way to a complete trace.

use serde::{Deserialize, Deserializer, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $stage:ident $meaning:literal $remedy:literal;)*) => {
        /// A code of a finding: why spans are missing, or what else is wrong. A renamed code can
        /// still be read by its former names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
            /// A code of a newer version.
            Unknown,
        }

        impl Code {
            /// Every code, in the order of the funnel. Codes outside the funnel come last.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the name of the code, such as `flag-unset`.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* Self::Unknown => "unknown" }
            }

            /// Returns the stage of the funnel to which the code belongs, or the group
            /// [`Stage::Off`] or [`Stage::Outcome`].
            pub fn stage(self) -> Stage {
                match self { $(Self::$name => Stage::$stage,)* Self::Unknown => Stage::Outcome }
            }

            /// Returns the meaning, as a sentence without a period.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* Self::Unknown => "a code of a newer version" }
            }

            /// Returns what to do, as a sentence without a period.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* Self::Unknown => "use the version of spanproof that wrote the document" }
            }
        }
    };
}

codes! {
    FlagUnset "flag-unset" Delivered
        "the flag is set in the service's environment, but the service reads it as unset"
        "look for a wrapper, an entry point or a secret store that drops the variable before the service reads it";
    TracerNotConstructed "tracer-not-constructed" Constructed
        "the flag is on, but the service prints no startup line that says whether tracing is on"
        "check that this binary contains the tracer and constructs it before the first job";
    ProcessCrashed "process-crashed" Constructed
        "the service exited unexpectedly"
        "read the last lines of its output; the exit status names the signal or code";
    NeverReady "never-ready" Constructed
        "the service does not become ready in this case, but does in others"
        "read its last output; compare with a case that differs only in one flag";
    FlagUnrecognisedValue "flag-unrecognised-value" Enabled
        "a person would read the value as on, but the service reads it as off"
        "set the exact value that the service reads, or make the service accept this spelling; if only some spellings should count, list them under `enables`";
    FlagIgnored "flag-ignored" Enabled
        "no value of the flag has an effect; if it is the tracing flag, none switches tracing on"
        "check that the service reads this variable, and reads it before it constructs the tracer";
    FlagWithoutEffect "flag-without-effect" Enabled
        "the flag has a value for which the spec declares an effect, and the effect is missing"
        "check the spelling that the service reads, and the flags that this one needs; correct the service, or `on`, `off` and `needs` of the flag";
    FlagEffectWhileOff "flag-effect-while-off" Enabled
        "an effect appears that the spec declares only for another value of the flag"
        "look for code that does not check the flag; if something else can have the same effect, declare a narrower effect in the spec";
    JobNotPickedUp "job-not-picked-up" Executed
        "the service accepted the job, but the job never left the queue"
        "check that this process runs a worker, and that it listens on the queue that the route writes to";
    JobFailedEarly "job-failed-early" Executed
        "the job was refused or ended before every unit was executed"
        "read the answer to the submission and the job's error; a unit that never started has no spans";
    JobNotFinished "job-not-finished" Executed
        "the job was still running at the deadline"
        "look for a call without a timeout, or raise `settle-ms` if the job needs longer";
    BannerContradicts "banner-contradicts" Attempted
        "the lines that the service prints about its tracer contradict the recorded spans"
        "trust the database, not the log line; print the line where spans are written";
    ClaimMissing "claim-missing" Attempted
        "spans are recorded, but the startup line about tracing is missing"
        "print the line at every start, or correct the pattern `tracer` under `[probes]`";
    PathNotExecuted "path-not-executed" Attempted
        "the work ran on a code path that never calls the tracer"
        "also call the tracer on this route; compare with a route whose units leave spans";
    SdkDisabled "sdk-disabled" Attempted
        "the tracing library is switched off by one of its own variables"
        "remove `OTEL_SDK_DISABLED=true` or `OTEL_TRACES_EXPORTER=none` from the service's environment";
    SampledOut "sampled-out" Attempted
        "the sampler decided not to record the trace"
        "raise the sampling ratio in the cases that must record, or list the span only where it is sampled";
    WrongAttributes "wrong-attributes" Attempted
        "spans are recorded, but not with the name and service that the spec expects"
        "use the same name in the spec and in the service";
    NeverSent "never-sent" Accepted
        "spans started, but the service sent no statement for them to the server"
        "look for a queue that is full, a sampler in the tracer, or an exporter that is never flushed";
    ExportFailed "export-failed" Accepted
        "the exporter reports that it could not deliver spans"
        "read the exporter's error: it names the address, the protocol or the answer of the collector";
    WriteFailedReported "write-failed-reported" Accepted
        "writing spans failed, and the service reported it"
        "read the service's error: it names a missing table or column, a privilege or a timeout";
    WriteFailedSilent "write-failed-silent" Accepted
        "the service started spans, did not write them and reported no error"
        "report errors of span writes; the error then names the reason";
    BatchPoisoned "batch-poisoned" Accepted
        "valid spans were lost together with an invalid one in the same statement"
        "write each span separately after a batch fails, or validate spans before the batch";
    RecordingStopped "recording-stopped" Accepted
        "the first jobs leave spans, and later ones leave none or fewer, without a restart of the service"
        "look for a queue that fills up, an exporter thread that ends, or a flag that remembers an error; as a workaround, restart the service";
    WrongDestination "wrong-destination" Stored
        "spans were written to a table other than the span table"
        "check the search path of the role and the database that the service connects to";
    RolledBack "rolled-back" Stored
        "spans were written in a transaction that was not committed"
        "write spans on their own connection, outside the transaction of the work";
    RemovedLater "removed-later" Stored
        "spans were stored, and deleted or overwritten later"
        "look for a retention job, a clean-up, a trigger or a cascade that deletes from the table of spans, and for upserts";
    SilentlyDiscarded "silently-discarded" Stored
        "the server accepted the spans without an error, but stored no row"
        "look for a trigger that returns null, a rule, or `on conflict do nothing` with a duplicate key";
    Undetermined "undetermined" Stored
        "the evidence fits several reasons"
        "run the experiment that the finding names; `check --witness` collects evidence on the database server";
    NotFinished "not-finished" Finished
        "spans were started but never ended"
        "end the span on every path out of the work: success, error, early return and cancellation";
    LostAtExit "lost-at-exit" Finished
        "spans were not stored, or had not ended, when the process was stopped or killed, or crashed"
        "flush and end spans when the service is asked to stop";
    ImpossibleTimes "impossible-times" Finished
        "the times of a span contradict each other, its parent or the time of the job"
        "take both times from one clock, and record the start when the work starts";
    InvalidIds "invalid-ids" Linked
        "spans have ids that are all zeros, or that other spans also have"
        "generate ids at random for each span; zeros usually mean that no tracer was installed";
    Unlinked "unlinked" Linked
        "spans lack the ids of the work they belong to"
        "write the ids to the span's row, not only to memory";
    StatusDisagrees "status-disagrees" Linked
        "a span's final status differs from the status of its unit"
        "set both from the same value";
    BrokenTree "broken-tree" Joined
        "the spans of one unit do not form one tree in one trace"
        "pass the parent's span id and trace id to every child and to the upstream";
    Duplicate "duplicate" Joined
        "a unit has more spans of one name than expected"
        "look for a second call, a retry without a key, or two tracers";
    LeakedWhileOff "leaked-while-off" Off
        "spans were recorded although tracing is off"
        "check how the service reads the value: only values that mean on may switch tracing on";
    Flaky "flaky" Outcome
        "spans are missing in some trials of the same case, but not in others"
        "look for a race: spans that end after the exporter stops, work that outlives its request, shared state without a lock";
    NotRecovered "not-recovered" Outcome
        "after a fault, the service does not record spans as before"
        "make the tracer reconnect and retry after an error; look for a pool, a cache or a flag that remembers the failure";
    OutcomeChangedByTracing "outcome-changed-by-tracing" Outcome
        "the same job ends differently with tracing on than with tracing off"
        "never let an error or a delay of the tracer reach the job";
    SlowedByTracing "slowed-by-tracing" Outcome
        "the same job takes many times longer with tracing on than with tracing off"
        "write spans outside the job: in batches, from another thread, with a limit on the wait";
    ExpectedFailurePassed "expected-failure-passed" Outcome
        "a case passes although the spec expects a failure"
        "remove the `[[expected]]` rule from the spec, or narrow its `when`";
    UnexpectedRequest "unexpected-request" Outcome
        "the service sent the upstream a request that no reply of the behaviour file matches"
        "correct the address that the service requests, or add a `[[reply]]` to the behaviour file";
    NotStopped "not-stopped" Outcome
        "the service did not stop after SIGTERM and was killed"
        "handle SIGTERM, or raise `grace-ms` under `[service.stop]` if the service needs longer";
    ProcessesLeft "processes-left" Outcome
        "processes that the service started kept running after it stopped"
        "stop these processes when the service stops";
}

/// The error for a string that is not the name of a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no code is named `{0}`")]
pub struct UnknownCode(pub String);

/// Former names of codes. Documents with these names stay readable. A spec may use them for one
/// minor version, with a warning.
const FORMER: &[(&str, Code)] = &[("left-processes", Code::ProcessesLeft)];

impl std::str::FromStr for Code {
    type Err = UnknownCode;

    /// Parses a current or former name.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let current = Self::ALL.iter().map(|code| (code.text(), *code));
        let mut names = current.chain(FORMER.iter().copied());
        let found = names.find_map(|(name, code)| (name == text).then_some(code));
        found.ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Code {
    /// Reads a current or former name; any other is [`Code::Unknown`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().unwrap_or(Self::Unknown))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.text())
    }
}

/// A stage of the funnel, the steps that each unit of a job passes on the way to a complete trace.
/// `Off` and `Outcome` are not stages, but groups of codes that belong to no stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Stage {
    /// The process gets the flag in its environment.
    Delivered,
    /// The service constructs a tracer.
    Constructed,
    /// The tracer reports that it is enabled.
    Enabled,
    /// The unit's work was done.
    Executed,
    /// The service started a span for the unit.
    Attempted,
    /// The server accepted the span's write.
    Accepted,
    /// The span table has the span's row.
    Stored,
    /// The span has an end.
    Finished,
    /// The span has the id of its unit and agrees with it.
    Linked,
    /// The spans of each unit form one tree.
    Joined,
    /// No stage: codes for spans that are recorded while tracing is off.
    Off,
    /// No stage: codes for a job or a process that does not end as expected.
    Outcome,
}

impl Stage {
    /// Returns the number of the stage in the funnel, from 1; `None` for `Off` and `Outcome`.
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

    /// Returns the name and the meaning of the stage, as a phrase without a period.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Delivered => "delivered: the flag reaches the process",
            Self::Constructed => "constructed: a tracer exists",
            Self::Enabled => "enabled: the tracer reports that it is on",
            Self::Executed => "executed: the work is done",
            Self::Attempted => "attempted: a span is started for the work",
            Self::Accepted => "accepted: the server accepts the write",
            Self::Stored => "stored: the span table has the row",
            Self::Finished => "finished: the span has an end",
            Self::Linked => "linked: the span has the id of its unit and agrees with it",
            Self::Joined => "joined: the spans of a unit form one tree",
            Self::Off => "tracing is off",
            Self::Outcome => "the job and the process",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_the_order_of_their_stages() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.stage()));
    }

    #[test]
    fn a_code_is_its_name_in_json() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("{:?}", code.text()));
        }
    }

    #[test]
    fn former_names_are_read_but_never_written() {
        for (former, code) in FORMER {
            assert!(Code::ALL.iter().all(|code| code.text() != *former), "`{former}` is in use");
            assert_eq!(former.parse(), Ok(*code));
            let read: Code = serde_json::from_str(&format!("{former:?}")).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), format!("{:?}", code.text()));
        }
        assert_eq!(serde_json::from_str::<Code>("\"of-tomorrow\"").unwrap(), Code::Unknown);
    }
}
