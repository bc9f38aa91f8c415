//! What a replay came to, for people.

use std::fmt::Write as _;

use super::terminal::{FUNNEL, stages};
use crate::incident::{Adopted, Bundle, Faithful, Replayed};
use crate::matrix::Case;
use crate::verdict::{Judgement, Verdict};

/// A replay: whether the same came of it, what differs, and what could not be set up.
pub fn replayed(bundle: &Bundle, replayed: &Replayed) -> String {
    let name = bundle.path.display();
    let mut text = String::new();
    let verdict = match (replayed.faithful, &bundle.expects) {
        (Faithful::Reproduced | Faithful::Perhaps, Some(expected)) => {
            format!("as expected: {expected}")
        }
        (Faithful::Reproduced, None) => "reproduced: same verdict, same funnel".into(),
        (Faithful::Perhaps, None) => {
            "perhaps reproduced: same verdict, same funnel, in a world that is not surely the same"
                .into()
        }
        (Faithful::Differs, Some(_)) => "not as expected".into(),
        (Faithful::Differs, None) => "not reproduced".into(),
        (Faithful::Broken, _) => "not replayed: the world did not come up".into(),
    };
    let _infallible = writeln!(text, "{name}: {verdict}");
    for lacking in &replayed.lacking {
        let _infallible = writeln!(text, "    not known or not the same: {lacking}");
    }
    let Some(first) = replayed.tried.first() else { return text };
    let way = |case: &Case| {
        format!("by {} with upstream {} and job {}", case.route, case.upstream, case.job)
    };
    let same: Vec<_> = replayed.tried.iter().filter(|one| one.differences.is_empty()).collect();
    if replayed.tried.len() > 1 {
        let all = replayed.tried.len();
        let _infallible =
            writeln!(text, "    the same in {} of {all} ways that were tried", same.len());
        for one in &same {
            let _infallible = writeln!(text, "      {}", way(&one.case));
        }
    }
    let nearest = if same.is_empty() { "nearest: " } else { "" };
    let _infallible = writeln!(text, "    {nearest}{}", way(&first.case));
    for difference in &first.differences {
        let _infallible = writeln!(text, "    differs: {difference}");
    }
    text.push_str(&judged(&first.judgement));
    text
}

/// The incidents that were adopted: those that are not as expected, and how many there are.
pub fn adopted(all: &[Adopted]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let back: Vec<_> = all.iter().filter(|one| one.is_back()).collect();
    let told =
        back.iter().map(|one| format!("\nINCIDENT {}", replayed(&one.bundle, &one.replayed)));
    let told: String = told.collect();
    let s = if all.len() == 1 { "" } else { "s" };
    format!("{told}\n{} incident{s} replayed, {} not as expected\n", all.len(), back.len())
}

/// Stored evidence that was judged again.
pub fn rejudged(bundle: &Bundle, judgement: &Judgement, differences: &[String]) -> String {
    let name = bundle.path.display();
    let verdict = match differences {
        [] => "same verdict, same funnel",
        _ => "not what was told when it was written",
    };
    let mut text = format!("{name}: {verdict}\n");
    for doubt in &bundle.doubts {
        let _infallible = writeln!(text, "    doubt: {doubt}");
    }
    for difference in differences {
        let _infallible = writeln!(text, "    differs: {difference}");
    }
    text.push_str(&judged(judgement));
    text
}

fn judged(judgement: &Judgement) -> String {
    let mut text = String::new();
    for finding in judgement.findings() {
        let _infallible = writeln!(text, "    {}: {}", finding.code, finding.message);
        for line in &finding.evidence {
            let _infallible = writeln!(text, "      {line}");
        }
    }
    if judgement.verdict == Verdict::Pass {
        let off = if judgement.recording { "" } else { " (tracing is off)" };
        let _infallible = writeln!(text, "    pass{off}");
    }
    if !matches!(judgement.verdict, Verdict::Broken(_)) {
        let _infallible = writeln!(text, "    funnel: {} ({FUNNEL})", stages(judgement.funnel));
    }
    text
}
