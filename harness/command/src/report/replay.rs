//! Replays as text.

use std::fmt::Write as _;

use super::terminal::{FUNNEL, counted, stages};
use spanproof_format::{Faithful, Incident, Judgement, Rejudged, Replay, Reproduction, Verdict};

/// Returns whether the incident happened again, what differs, and what could not be recreated.
pub fn replay(replay: &Replay) -> String {
    let mut text = format!("{}: {}\n", replay.path, faithfulness(replay));
    for lacking in &replay.lacking {
        let _infallible = writeln!(text, "    not known or not the same: {lacking}");
    }
    if replay.other_program {
        text.push_str("    `--any-program` accepts another program\n");
    }
    let Some(first) = replay.tried.first() else { return text };
    let same: Vec<_> = replay.tried.iter().filter(|one| one.differences.is_empty()).collect();
    if replay.tried.len() > 1 {
        let all = replay.tried.len();
        let _infallible =
            writeln!(text, "    the same in {} of {all} ways that were tried", same.len());
        for one in &same {
            let _infallible = writeln!(text, "      {}", way(one));
        }
    }
    let nearest = if same.is_empty() { "nearest: " } else { "" };
    let _infallible = writeln!(text, "    {nearest}{}", way(first));
    for difference in &first.differences {
        let _infallible = writeln!(text, "    differs: {difference}");
    }
    text.push_str(&judgement(&first.judgement));
    text
}

fn faithfulness(replay: &Replay) -> String {
    match (replay.faithful, &replay.expects) {
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
        _ => "not replayed: the world did not come up".into(),
    }
}

fn way(one: &Reproduction) -> String {
    let case = &one.case;
    format!("by {} with upstream {} and job {}", case.route, case.upstream, case.job)
}

/// Returns the adopted incidents that are back, and how many were replayed; an empty text if there
/// are none.
pub fn incidents(all: &[Incident]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let back: Vec<_> = all.iter().filter(|one| one.back).collect();
    let replays = back.iter().filter_map(|one| one.replay.as_ref());
    let replays = replays.map(|one| format!("\nINCIDENT {}", replay(one)));
    let replays: String = replays.collect();
    let count = counted(all.len(), "incident");
    format!("{replays}\n{count} replayed, {} not as expected\n", back.len())
}

/// Returns the judgement of stored evidence, and in what it differs from the recorded one.
pub fn rejudge(outcome: &Rejudged) -> String {
    let name = &outcome.path;
    let verdict = match outcome.differences.as_slice() {
        [] => "same verdict, same funnel",
        _ => "not what was told when it was written",
    };
    let mut text = format!("{name}: {verdict}\n");
    for doubt in &outcome.doubts {
        let _infallible = writeln!(text, "    doubt: {doubt}");
    }
    for difference in &outcome.differences {
        let _infallible = writeln!(text, "    differs: {difference}");
    }
    text.push_str(&judgement(&outcome.judgement));
    text
}

fn judgement(judgement: &Judgement) -> String {
    let mut text = String::new();
    for finding in judgement.verdict.findings() {
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

#[cfg(test)]
mod tests {
    use spanproof_format::{Case, Code, Finding};

    use super::*;

    fn tried(route: &str, verdict: Verdict, differences: &[&str]) -> Reproduction {
        let mut case = Case::new("1a2b3c4d");
        (case.route, case.upstream, case.job) = (route.into(), "healthy".into(), "one".into());
        let differences = differences.iter().map(|text| (*text).to_owned()).collect();
        Reproduction::new(case, Judgement::new(verdict), differences)
    }

    fn fail() -> Verdict {
        Verdict::Fail(vec![Finding::new(Code::PathNotExecuted, "no span was begun")])
    }

    #[test]
    fn a_replay_in_several_ways_says_in_how_many_it_was_the_same() {
        let mut replay = Replay::new("x.jsonl", Faithful::Perhaps);
        replay.tried = vec![tried("now", fail(), &[]), tried("later", Verdict::Pass, &["verdict"])];
        replay.lacking = vec!["the program: it was a, and here it is b".into()];
        replay.other_program = true;
        let text = super::replay(&replay);
        for part in [
            "x.jsonl: perhaps reproduced",
            "    not known or not the same: the program: it was a, and here it is b\n    `--any-program` accepts",
            "    the same in 1 of 2 ways that were tried\n      by now with upstream healthy and job one\n",
            "    path-not-executed: no span was begun\n",
        ] {
            assert!(text.contains(part), "expected {part}\nfound {text}");
        }
    }

    #[test]
    fn an_adopted_incident_that_is_back_is_shown_and_the_others_are_counted() {
        assert_eq!(incidents(&[]), "");
        let mut back = Replay::new("zero-spans.jsonl", Faithful::Differs);
        back.expects = Some("pass".into());
        let difference = "verdict: pass is expected, and here it is path-not-executed";
        back.tried = vec![tried("now", fail(), &[difference])];
        let same = Replay::new("other.jsonl", Faithful::Reproduced);
        let text = incidents(&[Incident::new(back, true), Incident::new(same, false)]);
        assert!(text.contains("\nINCIDENT zero-spans.jsonl: not as expected\n"), "{text}");
        assert!(text.contains(&format!("    differs: {difference}\n")), "{text}");
        assert!(text.ends_with("\n2 incidents replayed, 1 not as expected\n"), "{text}");
    }
}
