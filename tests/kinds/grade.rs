//! How good a verdict is, compared with what really happens in the service.

use spanproof_format::{Code, Confidence, Finding, Run, Verdict};

/// How good the verdicts of one row are, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// The right code is reported, and no wrong one.
    Exact,
    /// A code that is true, but less precise.
    Near,
    /// No single reason is named.
    Undetermined,
    /// A code that is not right is reported as likely, or the right one is excluded.
    LikelyWrong,
    /// Every case passes.
    Missed,
    /// A code that is not right is reported as certain.
    Wrong,
    /// A healthy service passes.
    Healthy,
    /// A healthy service fails.
    FalseAlarm,
}

impl Grade {
    /// The grades of defects.
    pub(super) const DEFECTS: [Self; 6] =
        [Self::Exact, Self::Near, Self::Undetermined, Self::LikelyWrong, Self::Missed, Self::Wrong];

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Near => "near",
            Self::Undetermined => "undetermined",
            Self::LikelyWrong => "likely wrong",
            Self::Missed => "missed",
            Self::Wrong => "**wrong**",
            Self::Healthy => "healthy",
            Self::FalseAlarm => "**false alarm**",
        }
    }

    /// Whether this grade fails the test.
    pub(super) fn is_intolerable(self) -> bool {
        [Self::Wrong, Self::FalseAlarm].contains(&self)
    }
}

/// The codes that a row may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The codes of which one is right; empty for a healthy service.
    pub(super) right: &'static [Code],
    /// Codes that are true, but less precise.
    pub(super) near: &'static [Code],
    /// Codes that are true besides a right one.
    pub(super) also: &'static [Code],
}

/// Returns the findings of all failing cases.
pub(super) fn findings(run: &Run) -> Vec<&Finding> {
    run.cases.iter().flat_map(|case| case.verdict.findings()).collect()
}

/// Grades the verdicts of a run.
pub(super) fn grade(expected: Expected, run: &Run) -> Grade {
    let all_pass = run.cases.iter().all(|case| case.verdict == Verdict::Pass);
    match (all_pass, expected.right.is_empty()) {
        (true, true) => return Grade::Healthy,
        (true, false) => return Grade::Missed,
        (false, true) => return Grade::FalseAlarm,
        (false, false) => {}
    }
    let grades: Vec<Grade> =
        findings(run).into_iter().filter_map(|finding| grade_finding(expected, finding)).collect();
    // One wrong finding spoils a right one beside it, and a vague one does not.
    let worst = [Grade::Wrong, Grade::LikelyWrong].into_iter().find(|grade| grades.contains(grade));
    worst.or(grades.into_iter().min()).unwrap_or(Grade::Undetermined)
}

/// Grades one finding of a faulty service; `None` if it is true besides a right one.
fn grade_finding(expected: Expected, finding: &Finding) -> Option<Grade> {
    let Expected { right, near, also } = expected;
    if right.contains(&finding.code) {
        return Some(Grade::Exact);
    }
    if near.contains(&finding.code) {
        return Some(Grade::Near);
    }
    if also.contains(&finding.code) {
        return None;
    }
    let is_excluded = |code: &Code| {
        let mut others = finding.alternatives.iter();
        others.any(|other| other.code == *code && other.excluded_by.is_some())
    };
    Some(match finding.confidence {
        Confidence::Certain if finding.code != Code::Undetermined => Grade::Wrong,
        Confidence::Likely => Grade::LikelyWrong,
        _ if right.iter().all(is_excluded) => Grade::LikelyWrong,
        _ => Grade::Undetermined,
    })
}
