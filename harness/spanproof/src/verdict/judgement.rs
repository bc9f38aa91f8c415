//! What judging one observation comes to.

use super::facts::Facts;
use super::finding::{Checks, Closed, Finding};
use super::flaky;
use super::funnel::Funnel;
use spanproof_format::{Alternative, Code, Confidence};

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything expected is in evidence.
    Pass,
    /// Something is not; a reason for missing spans comes first.
    Fail(Vec<Finding>),
    /// Our own world did not come up, so nothing was learned about the service.
    Broken(String),
    /// It failed as the spec expects for now: the code, until when, and why.
    Known(String),
    /// It failed under a fault that the spec does not declare.
    Notice(Vec<Finding>),
    /// The case was not run.
    Skipped(String),
}

/// A verdict with its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// How many units survived each stage.
    pub funnel: Funnel,
    /// Whether spans had to be recorded in this case.
    pub recording: bool,
    /// How many spans were found.
    pub spans: usize,
    /// How many things were compared.
    pub assertions: usize,
    /// The code without the server's testimony; `None` if there was no testimony, or nothing is
    /// wrong.
    pub unaided: Option<Code>,
    /// What would tell more; `None` if nothing is left to try.
    pub next: Option<Experiment>,
}

/// A trial that would tell more about a case than its own observation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Experiment {
    /// The same case with the server as a witness.
    Witness,
    /// The same case with a server of its own as a witness.
    OwnServer,
}

impl Judgement {
    /// A world that did not come up.
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

    /// The findings; none unless the verdict is a failure.
    pub fn findings(&self) -> &[Finding] {
        match &self.verdict {
            Verdict::Fail(findings) => findings,
            _ => &[],
        }
    }

    /// The codes of the reasons why spans are missing, without the witness's testimony.
    pub(crate) fn gap_codes(&self) -> Vec<Code> {
        let gaps = self.findings().iter().filter(|finding| flaky::is_gap(finding));
        let codes: Vec<_> = gaps.map(|finding| finding.code).collect();
        match self.unaided {
            Some(code) if !codes.is_empty() => vec![code],
            _ => codes,
        }
    }

    /// The code of the first finding.
    pub fn code(&self) -> Option<Code> {
        self.findings().first().map(|finding| finding.code)
    }

    /// The codes of all findings.
    pub fn codes(&self) -> Vec<Code> {
        self.findings().iter().map(|finding| finding.code).collect()
    }

    /// The judgement, if it is a pass.
    ///
    /// # Errors
    /// Otherwise, with its findings and their evidence as text.
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

    pub(super) fn add(&mut self, finding: Finding) {
        match &mut self.verdict {
            Verdict::Fail(findings) => findings.push(finding),
            Verdict::Pass => self.verdict = Verdict::Fail(vec![finding]),
            Verdict::Known(_) | Verdict::Notice(_) | Verdict::Broken(_) | Verdict::Skipped(_) => {}
        }
    }
}

/// A judgement that is not a pass, as text; `unwrap` shows it as it is.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPassed(String);

impl std::fmt::Debug for NotPassed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the case did not pass\n{self}")
    }
}

/// Makes a judgement of what was found.
pub(super) fn closed(facts: &Facts<'_>, recording: bool, checks: Checks) -> Judgement {
    let Closed { mut findings, assertions, unaided } = checks.close();
    let dropped = facts.observation.dropped_bytes();
    if dropped > 0 {
        for finding in &mut findings {
            doubt(finding, dropped);
        }
    }
    flaky::compare(facts, &mut findings);
    let code = findings.first().map(|finding| finding.code);
    let witnessed = facts.trial().is_some_and(|trial| trial.witness.is_some());
    let doubted =
        |code: Code| if dropped > 0 && is_absence(code) { Code::Undetermined } else { code };
    Judgement {
        funnel: Funnel::of(facts),
        recording,
        spans: facts.spans.len(),
        assertions,
        unaided: if witnessed { unaided.map(doubted).or(code) } else { None },
        next: next(facts, &findings),
        verdict: if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) },
    }
}

/// Returns the experiment that would tell more about spans that are missing for a reason that is not
/// certain, or in a write or an export that failed: the server may tell why. Two jobs are run under a fault, and a witness could not tell
/// them apart.
fn next(facts: &Facts<'_>, findings: &[Finding]) -> Option<Experiment> {
    let is_open = |finding: &Finding| {
        let failed = [Code::WriteFailedSilent, Code::WriteFailedReported, Code::ExportFailed];
        let is_gap = !finding.alternatives.is_empty();
        let is_certain = finding.confidence == Confidence::Certain;
        is_gap && (!is_certain || failed.contains(&finding.code))
    };
    if facts.observation.case.fault.is_some() || !findings.iter().any(is_open) {
        return None;
    }
    match &facts.trial()?.witness {
        None => Some(Experiment::Witness),
        Some(witness) if !witness.unattributed.is_empty() => Some(Experiment::OwnServer),
        Some(_) => None,
    }
}

/// Whether a second look, with the server as a witness, explains the first one: by its own words
/// alone it shows the same. What happened once only is not explained by it.
pub(crate) fn explains(second: &Judgement, first: &Judgement) -> bool {
    second.unaided.is_some() && second.unaided == first.code()
}

/// Returns what two cases have in common that fail alike: the same codes with the same possible
/// reasons, and as many units that pass each stage.
pub(crate) fn shape(judgement: &Judgement) -> String {
    let reasons =
        |finding: &Finding| (finding.code, Alternative::possible_codes(&finding.alternatives));
    let findings: Vec<_> = judgement.findings().iter().map(reasons).collect();
    format!("{findings:?} {:?} {}", judgement.funnel, judgement.spans)
}

/// Whether a code rests on a line that is missing.
fn is_absence(code: Code) -> bool {
    let absences = [
        Code::TracerNotConstructed,
        Code::PathNotExecuted,
        Code::WriteFailedSilent,
        Code::BannerContradicts,
    ];
    absences.contains(&code)
}

/// A line that is missing proves nothing where output was dropped.
fn doubt(finding: &mut Finding, dropped: u64) {
    if is_absence(finding.code) {
        let was = finding.code;
        finding.code = Code::Undetermined;
        finding.confidence = Confidence::Undetermined;
        finding.message = format!(
            "it looks like {was}, but {dropped} bytes of output were too many to keep, and the lines may be \
             among them; make the service print less"
        );
    }
}
