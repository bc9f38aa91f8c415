//! The result of judging one case. A case is one combination of flags, route, upstream and fault. A
//! trial is one run of the service for a case. The witness is a set of triggers that log each attempt
//! to insert a span.

use super::facts::Facts;
use super::finding::{CheckResults, Checks, Finding};
use super::flaky;
use super::full_disk;
use super::funnel::Funnel;
use super::longer_wait;
use spanproof_format::{Alternative, Code, Confidence};

/// Whether a case passes, fails, or could not be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The evidence agrees with the spec.
    Pass,
    /// The evidence differs from the spec. A finding about missing spans comes first.
    Fail(Vec<Finding>),
    /// The trial did not start, for a reason that may be outside the service. Contains the reason.
    Broken(String),
    /// The case failed as an `[[expected]]` rule of the spec allows, or as the same case without its fault does.
    /// Contains the code, the last day of the rule, and its reason, or the case without the fault.
    Known(String),
    /// The case failed under a fault that the spec does not declare, and that spanproof added by itself.
    Notice(Vec<Finding>),
    /// The case was not run. Contains the reason.
    Skipped(String),
}

/// The verdict on a case, with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// How many units (parts of the job that should leave spans) passed each stage.
    pub funnel: Funnel,
    /// Whether spans had to be recorded in this case.
    pub recording: bool,
    /// Number of stored spans.
    pub spans: usize,
    /// Number of assertions.
    pub assertions: usize,
    /// The code of the first finding without the witness's evidence; `None` if the trial had no
    /// witness, or there is no finding.
    pub unaided: Option<Code>,
    /// The experiment that would show more about the reason; `None` if there is none.
    pub next: Option<Experiment>,
}

/// A further trial of a case that would supply more evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Experiment {
    /// Run the same case with the witness.
    Witness,
    /// Run the same case with the witness, on a database server of its own.
    OwnServer,
}

impl Judgement {
    /// Creates the judgement of a trial that did not start.
    pub fn broken(cause: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Broken(cause.into()),
            funnel: Funnel::default(),
            recording: false,
            spans: 0,
            assertions: 0,
            unaided: None,
            next: None,
        }
    }

    /// The findings of a failure; empty for other verdicts.
    pub fn findings(&self) -> &[Finding] {
        match &self.verdict {
            Verdict::Fail(findings) => findings,
            _ => &[],
        }
    }

    /// The codes of the findings about missing spans, without the witness's evidence.
    pub(crate) fn gap_codes(&self) -> Vec<Code> {
        let findings = self.findings().iter();
        let findings = findings.filter(|finding| finding.is_about_missing_spans());
        let codes: Vec<_> = findings.map(|finding| finding.code).collect();
        match self.unaided {
            Some(code) if !codes.is_empty() => vec![code],
            _ => codes,
        }
    }

    /// The code of the first finding of a failure; `None` for other verdicts.
    pub fn code(&self) -> Option<Code> {
        self.findings().first().map(|finding| finding.code)
    }

    /// The codes of all findings of a failure; empty for other verdicts.
    pub fn codes(&self) -> Vec<Code> {
        self.findings().iter().map(|finding| finding.code).collect()
    }

    /// Returns the judgement if the verdict is a pass.
    ///
    /// # Errors
    /// For any other verdict. The error contains the findings and their evidence as text.
    pub fn passed(self) -> Result<Self, NotPassed> {
        match &self.verdict {
            Verdict::Pass => Ok(self),
            Verdict::Fail(findings) | Verdict::Notice(findings) => {
                Err(NotPassed(findings.iter().map(ToString::to_string).collect()))
            }
            Verdict::Broken(why) => Err(NotPassed(format!("broken: {why}"))),
            Verdict::Known(why) => Err(NotPassed(format!("known: {why}"))),
            Verdict::Skipped(why) => Err(NotPassed(format!("skipped: {why}"))),
        }
    }

    /// Returns the finding with a code; `None` if the judgement has none.
    pub(super) fn finding_mut(&mut self, code: Code) -> Option<&mut Finding> {
        match &mut self.verdict {
            Verdict::Fail(findings) => findings.iter_mut().find(|finding| finding.code == code),
            _ => None,
        }
    }

    /// Adds a finding to a pass or a failure. Other verdicts stay as they are.
    pub(super) fn add(&mut self, finding: Finding) {
        match &mut self.verdict {
            Verdict::Fail(findings) => findings.push(finding),
            Verdict::Pass => self.verdict = Verdict::Fail(vec![finding]),
            Verdict::Known(_) | Verdict::Notice(_) | Verdict::Broken(_) | Verdict::Skipped(_) => {}
        }
    }
}

/// The error for a case that did not pass. `unwrap` prints the findings on separate lines.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPassed(String);

impl std::fmt::Debug for NotPassed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the case did not pass\n{self}")
    }
}

/// Makes the judgement of an observation from its finished checks.
pub(super) fn conclude_checks(facts: &Facts<'_>, recording: bool, checks: Checks) -> Judgement {
    let CheckResults { mut findings, assertions, code_without_witness } = checks.finish();
    let dropped_bytes = facts.observation.dropped_bytes();
    if dropped_bytes > 0 {
        for finding in &mut findings {
            make_uncertain(facts, finding, dropped_bytes);
        }
    }
    let full_disk = full_disk::lines(facts);
    let disk_may_be_reason = !full_disk.is_empty() && full_disk::explain(&full_disk, &mut findings);
    longer_wait::compare_longer_wait(facts, &mut findings);
    flaky::compare_trials(facts, &mut findings);
    let code = findings.first().map(|finding| finding.code);
    let has_witness = facts.trial().is_some_and(|trial| trial.witness.is_some());
    let is_uncertain =
        |code: Code| disk_may_be_reason || dropped_bytes > 0 && rests_on_missing_line(code);
    let code_without_witness =
        code_without_witness.map(|code| if is_uncertain(code) { Code::Undetermined } else { code });
    Judgement {
        funnel: Funnel::count(facts),
        recording,
        spans: facts.spans.len(),
        assertions,
        unaided: if has_witness { code_without_witness.or(code) } else { None },
        next: next_experiment(facts, &findings),
        verdict: if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) },
    }
}

/// Returns the next experiment if spans are missing, and the reason is not certain, or is a failed write
/// or export, which the server may explain. `None` under a fault: two jobs run then, and the witness could
/// not distinguish them.
fn next_experiment(facts: &Facts<'_>, findings: &[Finding]) -> Option<Experiment> {
    let needs_witness = |finding: &Finding| {
        let failed = [Code::WriteFailedSilent, Code::WriteFailedReported, Code::ExportFailed];
        let is_certain = finding.confidence == Confidence::Certain;
        finding.is_about_missing_spans() && (!is_certain || failed.contains(&finding.code))
    };
    if facts.observation.case.fault.is_some() || !findings.iter().any(needs_witness) {
        return None;
    }
    match &facts.trial()?.witness {
        None => Some(Experiment::Witness),
        Some(witness) if !witness.unattributed.is_empty() => Some(Experiment::OwnServer),
        Some(_) => None,
    }
}

/// Whether the second trial of a case, with the witness, explains the failure of the first trial. It
/// does if the second trial without its witness fails with the same code.
pub(crate) fn explains(second: &Judgement, first: &Judgement) -> bool {
    second.unaided.is_some() && second.unaided == first.code()
}

/// Whether the missing spans of a failed case may be stored if the service keeps running for longer.
pub(crate) fn may_be_late(judgement: &Judgement) -> bool {
    judgement.findings().iter().any(longer_wait::may_be_late)
}

/// Returns a string that is equal for two cases that fail in the same way: with the same codes, the same
/// possible reasons, the same numbers of units at each stage, and the same number of spans.
pub(crate) fn failure_signature(judgement: &Judgement) -> String {
    let reasons =
        |finding: &Finding| (finding.code, Alternative::possible_codes(&finding.alternatives));
    let findings: Vec<_> = judgement.findings().iter().map(reasons).collect();
    format!("{findings:?} {:?} {}", judgement.funnel, judgement.spans)
}

/// Whether the reason for a code may be that the service did not print a line.
fn rests_on_missing_line(code: Code) -> bool {
    let codes = [
        Code::TracerNotConstructed,
        Code::PathNotExecuted,
        Code::WriteFailedSilent,
        Code::BannerContradicts,
    ];
    codes.contains(&code)
}

/// Makes a finding undetermined if it rests on a missing line: the line may be in the dropped output.
fn make_uncertain(facts: &Facts<'_>, finding: &mut Finding, dropped_bytes: u64) {
    if rests_on_missing_line(finding.code) {
        let code = finding.code;
        finding.code = Code::Undetermined;
        finding.confidence = Confidence::Undetermined;
        finding.message = format!(
            "it looks like {code}, but {dropped_bytes} bytes of output exceeded the limit and were dropped, and the \
             missing lines may be among them; {}",
            how_to_keep_all_lines(facts)
        );
    }
}

/// Returns what to do if output exceeded the limit.
pub(super) fn how_to_keep_all_lines(facts: &Facts<'_>) -> &'static str {
    match facts.observation.deployment() {
        Some(_) => "give a shorter log, from the time of these jobs",
        None => "make the service print less",
    }
}
