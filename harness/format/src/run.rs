//! The document that `check --format json` and `report --format json` print. A unit is one part of the
//! work of a case's job, which must leave spans if tracing is on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::code::Code;
use super::flag_effect::FlagEffects;
use super::flags;
use super::judgement::{Experiment, Funnel, Judgement, Verdict};
use super::replay::AdoptedIncident;
use super::version::SCHEMA;

/// The results of a run of `check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// The version of this document.
    pub schema: u32,
    /// The counts.
    pub summary: Summary,
    /// The cases that were started, in the order of the plan.
    pub cases: Vec<CaseResult>,
    /// Failed and broken cases, grouped by reason.
    pub failures: Vec<FailureGroup>,
    /// Cases that fail under a fault that spanproof adds by itself, although the spec does not declare it,
    /// grouped by reason. They do not fail the run.
    #[serde(default)]
    pub notices: Vec<FailureGroup>,
    /// What the run did not try: phrases such as `[probes] refused, because no output line of any case
    /// matches`.
    #[serde(default)]
    pub not_tried: Vec<String>,
    /// What the values of flags do; empty if the only flag is the one that switches tracing.
    #[serde(default)]
    pub flags: Vec<FlagEffects>,
    /// The startup snapshots.
    pub snapshots: Vec<Snapshot>,
    /// The incidents that were adopted earlier as regression tests, and which this run replayed.
    #[serde(default)]
    pub incidents: Vec<AdoptedIncident>,
    /// Why the run stopped early; `None` if it did not stop early.
    #[serde(default)]
    pub halted: Option<String>,
    /// The parts of the evidence that could not be written, each with the reason.
    #[serde(default)]
    pub unwritten: Vec<String>,
}

/// The counts of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// The number of cases that passed.
    pub passed: usize,
    /// The number of cases that failed.
    pub failed: usize,
    /// The number of cases with a failure that the spec currently expects.
    pub known: usize,
    /// The number of cases that fail under a fault that the spec does not declare; 0 in documents of
    /// spanproof 0.1.0.
    #[serde(default)]
    pub notices: usize,
    /// The number of cases whose database or service did not start.
    pub broken: usize,
    /// The number of cases that were not run.
    pub not_run: usize,
    /// The number of units that were executed.
    pub units: usize,
    /// The number of spans that were found.
    pub spans: usize,
    /// The number of comparisons with the spec.
    pub assertions: usize,
    /// The number of startup snapshots that were compared; 0 in documents of spanproof 0.1.0.
    #[serde(default)]
    pub snapshots: usize,
    /// The number of startup snapshots whose state is not [`SnapshotState::Same`]; 0 in documents
    /// of spanproof 0.1.0.
    #[serde(default)]
    pub snapshots_changed: usize,
}

/// The result of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// The case's id.
    pub id: String,
    /// Every flag with its value, in the order of the spec; `None` if the flag is unset.
    #[serde(with = "flags")]
    pub flags: Vec<(String, Option<String>)>,
    /// The flags as `NAME=value`, separated by spaces, without the flags that are unset in the case and whose
    /// default is also unset.
    #[serde(default)]
    pub settings: String,
    /// The route's name.
    pub route: String,
    /// The upstream's name.
    pub upstream: String,
    /// The job's name.
    pub job: String,
    /// The name of the fault that was in force while the job ran; `None` if there was none.
    #[serde(default)]
    pub fault: Option<String>,
    /// Whether spans were expected.
    pub recording: bool,
    /// How many units pass each stage, from executed to a complete trace.
    pub funnel: Funnel,
    /// The verdict.
    pub verdict: Verdict,
    /// The number of spans; 0 in documents of spanproof 0.1.0.
    #[serde(default)]
    pub spans: usize,
    /// The number of these spans that were stored only after the service was asked to stop.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spans_at_stop: usize,
    /// The number of comparisons with the spec; 0 in documents of spanproof 0.1.0.
    #[serde(default)]
    pub assertions: usize,
    /// The experiment that would give more evidence; `None` if there is none, and in documents of
    /// spanproof 0.1.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Experiment>,
    /// Why a passing case recorded no span; `None` if the case had to record spans or did not pass.
    #[serde(default, rename = "off")]
    pub off_reason: Option<OffReason>,
    /// Ids of the cases with which this case was compared, if this case fails because of the comparison. To
    /// repeat the failure, these cases must also run.
    #[serde(default)]
    pub peers: Vec<String>,
    /// What happened during the case but is not evidence, one sentence each, such as requests from other
    /// processes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The folder with the evidence of the case; `None` if the database or the service did not
    /// start.
    pub evidence: Option<String>,
    /// The command that opens the database of the case; `None` if the database was not kept.
    #[serde(default, rename = "kept")]
    pub database_command: Option<String>,
    /// The duration of each step of the case, in microseconds, by the name of the step.
    #[serde(default)]
    pub timings: BTreeMap<String, u64>,
}

/// Why a passing case recorded no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OffReason {
    /// The value of the tracing flag means off.
    Off,
    /// A person would read the value of the tracing flag as on, but the spec does not list it under
    /// `enables`, the list of the values that switch tracing on.
    SpellingNotEnabled,
    /// A reason of a newer version.
    #[serde(other)]
    Unknown,
}

/// Cases that failed with the same codes, or whose database or service did not start for the same
/// reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailureGroup {
    /// The codes. The first one names the reason. Empty if the database or the service did not
    /// start.
    pub codes: Vec<Code>,
    /// Ids of the cases, in the order of the run.
    pub cases: Vec<String>,
    /// The condition that is true for exactly these cases, such as `route=queued`; `None` if there
    /// is none.
    #[serde(rename = "whenever")]
    pub pattern: Option<String>,
    /// Changes of one flag or other input, each of which makes a case of the group pass.
    #[serde(default, rename = "counterfactuals")]
    pub passing_changes: Vec<PassingChange>,
}

/// A change of one flag or other input that makes a failing case pass and record spans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PassingChange {
    /// The id of the failing case.
    #[serde(rename = "of")]
    pub failing_case: String,
    /// What changes: a flag, `route`, `upstream` or `fault`.
    pub name: String,
    /// The new value; `None` if the change unsets the flag or removes the fault.
    pub value: Option<String>,
    /// The id of the passing case, which has the change.
    #[serde(rename = "case")]
    pub passing_case: String,
    /// The number of spans of the passing case.
    pub spans: usize,
}

/// A startup snapshot: a file with the lines that the service printed at startup, which `check`
/// compares with what the service prints now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The name of the group of cases that share the snapshot.
    pub group: String,
    /// The path of the snapshot file.
    pub path: String,
    /// The result of the comparison.
    pub state: SnapshotState,
    /// The difference, or the printed output if the file is missing; empty if nothing changed.
    #[serde(default)]
    pub detail: String,
}

/// The result of comparing a snapshot with the printed output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SnapshotState {
    /// The printed output is the same as the snapshot.
    Same,
    /// The printed output differs from the snapshot.
    Changed,
    /// The snapshot file does not exist.
    Missing,
    /// Cases of the same group printed different output.
    Unstable,
    /// A state of a newer version.
    #[serde(other)]
    Unknown,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Run {
    /// Creates a run without failures, snapshots and incidents.
    pub fn new(summary: Summary, cases: Vec<CaseResult>) -> Self {
        Self {
            schema: SCHEMA,
            summary,
            cases,
            failures: Vec::new(),
            notices: Vec::new(),
            not_tried: Vec::new(),
            flags: Vec::new(),
            snapshots: Vec::new(),
            incidents: Vec::new(),
            halted: None,
            unwritten: Vec::new(),
        }
    }

    /// Returns the cases of a failure group, in order.
    pub fn members<'a>(&'a self, group: &'a FailureGroup) -> impl Iterator<Item = &'a CaseResult> {
        self.cases.iter().filter(|case| group.cases.contains(&case.id))
    }
}

impl CaseResult {
    /// Creates the result of a case from its judgement, without evidence and timings.
    pub fn new(case: Case, judgement: Judgement) -> Self {
        let Case { id, flags, route, upstream, job, fault } = case;
        let Judgement { verdict, funnel, recording, spans, assertions, next } = judgement;
        Self {
            id,
            flags,
            settings: String::new(),
            route,
            upstream,
            job,
            fault,
            recording,
            funnel,
            verdict,
            spans,
            spans_at_stop: 0,
            assertions,
            next,
            off_reason: None,
            peers: Vec::new(),
            warnings: Vec::new(),
            evidence: None,
            database_command: None,
            timings: BTreeMap::new(),
        }
    }
}

impl FailureGroup {
    /// Creates a group without a pattern and without passing changes.
    pub fn new(codes: Vec<Code>, cases: Vec<String>) -> Self {
        Self { codes, cases, ..Self::default() }
    }
}

impl PassingChange {
    /// Creates the change of `name` to `value` that makes `failing_case` pass as `passing_case`.
    pub fn new(
        failing_case: impl Into<String>,
        (name, value): (String, Option<String>),
        passing_case: impl Into<String>,
        spans: usize,
    ) -> Self {
        let (failing_case, passing_case) = (failing_case.into(), passing_case.into());
        Self { failing_case, name, value, passing_case, spans }
    }
}

impl Snapshot {
    /// Creates a snapshot without `detail`.
    pub fn new(group: impl Into<String>, path: impl Into<String>, state: SnapshotState) -> Self {
        Self { group: group.into(), path: path.into(), state, detail: String::new() }
    }
}
