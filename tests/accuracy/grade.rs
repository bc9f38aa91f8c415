//! Grades a verdict by comparing its codes with those that are right for the defect of the service.

use spanproof_format::{Code, Confidence, Finding, Run, Verdict};

/// How good the verdict on a service with a known defect is, from the best to the worst. The last two
/// grades are for a service without a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    /// A right code is reported, and no wrong one.
    Exact,
    /// A code is reported that is true, but less precise than a right one.
    Near,
    /// The verdict is undetermined, and a right code is among the possible ones.
    Undetermined,
    /// A wrong code is reported as likely, or the right codes are excluded.
    LikelyWrong,
    /// Every case passes although the service has a defect.
    Missed,
    /// A wrong code is reported as certain.
    Wrong,
    /// A healthy service passes.
    Healthy,
    /// A healthy service fails.
    FalseAlarm,
}

impl Grade {
    /// The grades of services with a defect.
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

    /// Returns whether a service with this grade fails the test.
    pub(super) fn fails_the_test(self) -> bool {
        [Self::Wrong, Self::FalseAlarm].contains(&self)
    }
}

/// The codes that are true for a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The codes of which one must be reported; empty for a healthy service.
    pub(super) right: &'static [Code],
    /// Codes that are also true, but less precise.
    pub(super) near: &'static [Code],
    /// Codes that may be reported together with a right one.
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
    // A wrong finding decides the grade even if another finding is right. An undetermined finding beside a
    // right one does not.
    let worst = [Grade::Wrong, Grade::LikelyWrong].into_iter().find(|grade| grades.contains(grade));
    worst.or(grades.into_iter().min()).unwrap_or(Grade::Undetermined)
}

/// Grades one finding about a service with a defect; `None` if its code may be reported together with a
/// right one.
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
