//! Judging one case.

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::finding::{Bench, Finding};
use super::funnel::Funnel;
use super::reading::Reading;
use super::{deployed, fault, lost, off, outcome, stage};
use crate::evidence::Evidence;
use crate::spec::Spec;

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything expected is in evidence.
    Pass,
    /// Something is not; the first finding names the first stage of the funnel that loses units.
    Fail(Vec<Finding>),
    /// Our own world did not come up, so nothing was learned about the service.
    Broken(String),
    /// It failed as the spec expects for now: the code, until when, and why.
    Known(String),
    /// The case was not run.
    Skipped(String),
}

/// A verdict with its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        }
    }

    /// The findings; none unless the verdict is a failure.
    pub fn findings(&self) -> &[Finding] {
        match &self.verdict {
            Verdict::Fail(findings) => findings,
            _ => &[],
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
    /// Otherwise, with everything that the command would tell.
    pub fn passed(self) -> Result<Self, NotPassed> {
        match &self.verdict {
            Verdict::Pass => Ok(self),
            Verdict::Fail(findings) => {
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
            Verdict::Known(_) | Verdict::Broken(_) | Verdict::Skipped(_) => {}
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

/// Judges one case by its own evidence.
pub fn judge(spec: &Spec, evidence: &Evidence) -> Judgement {
    if let Some(deployment) = &evidence.deployment {
        return deployed::judge(spec, evidence, deployment);
    }
    let reading = Reading::of(spec, evidence);
    if let Some(cause) = stage::never_ready(&reading) {
        return Judgement::broken(cause);
    }
    let recording = records(spec, evidence);
    let mut bench = Bench::default();
    let fault = evidence.case.fault.as_deref().and_then(|name| spec.fault(name));
    if let Some(fault) = fault.filter(|_| recording) {
        fault::disturbed(&reading, fault, &mut bench);
        return closed(&reading, recording, bench);
    }
    let stages: &[fn(&Reading<'_>, &mut Bench)] = if recording {
        &[
            stage::alive,
            stage::constructed,
            stage::executed,
            stage::attempted,
            lost::accepted,
            stage::finished,
            stage::linked,
            stage::joined,
        ]
    } else {
        &[stage::alive, off::banner, stage::executed, off::silent]
    };
    for stage in stages {
        stage(&reading, &mut bench);
        // What is lost at one stage is missing at all later ones: only the first names the reason.
        if !bench.is_clean() {
            break;
        }
    }
    outcome::process(&reading, &mut bench);
    outcome::upstream(&reading, &mut bench);
    closed(&reading, recording, bench)
}

pub(super) fn closed(reading: &Reading<'_>, recording: bool, bench: Bench) -> Judgement {
    let (mut findings, assertions) = bench.close();
    let evidence = reading.evidence;
    if evidence.output.dropped_bytes > 0 {
        for finding in &mut findings {
            doubt(finding, evidence.output.dropped_bytes);
        }
    }
    Judgement {
        verdict: if findings.is_empty() { Verdict::Pass } else { Verdict::Fail(findings) },
        funnel: Funnel::of(reading),
        recording,
        spans: reading.spans.len(),
        assertions,
    }
}

/// A line that is missing proves nothing where output was dropped.
fn doubt(finding: &mut Finding, dropped: u64) {
    let absences = [
        Code::TracerNotConstructed,
        Code::PathNotExecuted,
        Code::WriteFailedSilent,
        Code::BannerContradicts,
    ];
    if absences.contains(&finding.code) {
        let was = finding.code;
        finding.code = Code::Undetermined;
        finding.message = format!(
            "it looks like {was}, but {dropped} bytes of output were too many to keep, and the lines may be \
             among them; make the service print less"
        );
    }
}

/// Whether spans must be recorded in this case.
pub(super) fn records(spec: &Spec, evidence: &Evidence) -> bool {
    evidence.case.records(spec)
}
