//! A run and a plan as text for a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use super::table::table;
use spanproof_format::{
    Case, CaseResult, Counterfactual, Experiment, FailureGroup, Funnel, OffReason, Plan, Run,
    Snapshot, SnapshotState, Summary, Verdict,
};

/// Returns the counts as the last line of a report, with the time that the run took.
pub fn summary(summary: &Summary, took: Duration) -> String {
    let Summary { passed, failed, known, broken, not_run, .. } = *summary;
    let mut line = format!("{passed} passed, {failed} failed");
    for (count, word) in [(known, "known"), (broken, "broken"), (not_run, "not run")] {
        if count > 0 {
            let _infallible = write!(line, ", {count} {word}");
        }
    }
    let _infallible = write!(
        line,
        ": {}, {}, {}, {}, {}, {:.1} s",
        counted(passed + failed + known + broken, "case"),
        counted(summary.units, "unit"),
        counted(summary.spans, "span"),
        counted(summary.assertions, "assertion"),
        counted(summary.snapshots, "snapshot"),
        took.as_secs_f64()
    );
    line
}

/// Returns a number with its noun, which is plural unless the number is 1.
pub(super) fn counted(count: usize, word: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {word}{s}")
}

/// Returns the table of cases, each group of failures with its evidence and the command that
/// repeats it, and the snapshots that differ. That command starts with `repeat`.
pub fn terminal(run: &Run, repeat: &str) -> String {
    let faults = run.cases.iter().any(|one| one.fault.is_some());
    let rows: Vec<_> = run
        .cases
        .iter()
        .map(|one| {
            let CaseResult { id, settings, route, upstream, job, .. } = one;
            let cells = [id, settings, route, upstream, job];
            let results = [stages(one.funnel), verdict(one)];
            row(cells, faults, one.fault.as_deref()).into_iter().chain(results).collect()
        })
        .collect();
    let heading = [&headings(faults)[..], &[FUNNEL, "verdict"]].concat();
    let mut text = table(&heading, &rows);
    for group in &run.failures {
        text.push('\n');
        text.push_str(&failure(run, group, repeat));
    }
    for one in &run.snapshots {
        text.push_str(&snapshot(one));
    }
    if let Some(halted) = &run.halted {
        let _infallible = writeln!(text, "\n{halted}");
    }
    text
}

/// The heading of a funnel: its stages in the order of [`stages`].
pub(super) const FUNNEL: &str = "executed→attempted→stored→finished→linked→joined";

/// Returns the headings of the columns that identify a case; that of faults only if there are any.
fn headings(faults: bool) -> Vec<&'static str> {
    let mut headings = vec!["case", "flags", "route", "upstream", "job"];
    headings.extend(faults.then_some("fault"));
    headings
}

/// Returns the cells below [`headings`].
fn row(cells: [&String; 5], faults: bool, fault: Option<&str>) -> Vec<String> {
    let fault = faults.then(|| fault.unwrap_or("-").to_owned());
    cells.into_iter().cloned().chain(fault).collect()
}

/// Returns the numbers of a funnel, in the order of [`FUNNEL`].
pub(super) fn stages(funnel: Funnel) -> String {
    let Funnel { executed, attempted, stored, finished, linked, joined, .. } = funnel;
    let counts = [executed, attempted, stored, finished, linked, joined];
    counts.map(|count| count.to_string()).join("→")
}

fn verdict(outcome: &CaseResult) -> String {
    match &outcome.verdict {
        Verdict::Pass => match outcome.off {
            None => "pass".into(),
            Some(OffReason::SpellingNotEnabled) => {
                "pass (off: this spelling does not count)".into()
            }
            Some(_) => "pass (off)".into(),
        },
        Verdict::Fail(findings) => {
            let codes: Vec<_> = findings.iter().map(|finding| finding.code.text()).collect();
            format!("FAIL {}", codes.join(" "))
        }
        Verdict::Broken(_) => "BROKEN".into(),
        Verdict::Known(why) => format!("known: {why}"),
        Verdict::Skipped(why) => format!("skipped: {why}"),
        other => format!("{other:?}"),
    }
}

fn failure(run: &Run, group: &FailureGroup, repeat: &str) -> String {
    let mut members = run.members(group);
    let Some(first) = members.next() else { return String::new() };
    let mut text = findings(first);
    if let Some(folder) = &first.evidence {
        let _infallible = writeln!(text, "    evidence: {folder}");
    }
    let ids = std::iter::once(&first.id).chain(&first.peers);
    let ids: Vec<_> = ids.map(|id| format!("--case {id}")).collect();
    let _infallible = writeln!(text, "    repeat:   {repeat} {}", ids.join(" "));
    if first.next == Some(Experiment::Witness) {
        let _infallible = writeln!(text, "    decide:   {repeat} {} --witness", ids.join(" "));
    }
    if let Some(pattern) = &group.whenever {
        let _infallible = writeln!(text, "    whenever: {pattern}");
    }
    for fact in &group.counterfactuals {
        let spans = counted(fact.spans, "span");
        let effect = match first.spans {
            0 => format!("makes {spans} appear"),
            _ => format!("makes it right, with {spans}"),
        };
        let _infallible =
            writeln!(text, "    but:      {} alone {effect} (case {})", change(fact), fact.case);
    }
    let others: Vec<_> = members.map(|other| other.id.as_str()).collect();
    if !others.is_empty() {
        let (count, ids) = (others.len(), others.join(" "));
        let _infallible = writeln!(text, "    the same in {count} more: {ids}");
    }
    text
}

/// Returns a single change as a phrase.
fn change(fact: &Counterfactual) -> String {
    match (fact.name.as_str(), &fact.value) {
        ("fault", None) => "a world without the fault".into(),
        (name, None) => format!("unsetting {name}"),
        (name, Some(value)) => format!("setting {name}={value}"),
    }
}

/// Returns what is wrong with a case.
fn findings(outcome: &CaseResult) -> String {
    let mut text = String::new();
    let CaseResult { settings, route, upstream, verdict, .. } = outcome;
    let mut name = format!("{settings} by {route} with upstream {upstream}");
    if let Some(fault) = &outcome.fault {
        let _infallible = write!(name, " under {fault}");
    }
    if let Verdict::Broken(cause) = verdict {
        let _infallible = writeln!(text, "BROKEN {name}\n    {cause}");
    }
    for finding in verdict.findings() {
        let _infallible = writeln!(text, "FAIL {}: {name}\n    {}", finding.code, finding.message);
        for line in &finding.evidence {
            let _infallible = writeln!(text, "      {line}");
        }
    }
    text
}

fn snapshot(snapshot: &Snapshot) -> String {
    let word = match snapshot.state {
        SnapshotState::Same => return String::new(),
        SnapshotState::Missing => "missing; this was printed",
        SnapshotState::Unstable => "not the same in every case of its group",
        _ => "changed",
    };
    let mut text = format!("\nSNAPSHOT {}: {word}\n", snapshot.path);
    for line in snapshot.detail.lines() {
        let _infallible = writeln!(text, "    {line}");
    }
    text
}

/// Returns the table of the planned cases.
pub fn plan(plan: &Plan) -> String {
    let faults = plan.cases.iter().any(|planned| planned.case.fault.is_some());
    let rows: Vec<Vec<String>> = plan
        .cases
        .iter()
        .map(|planned| {
            let Case { id, route, upstream, job, fault, .. } = &planned.case;
            let cells = [id, &planned.settings, route, upstream, job];
            let expected = planned.expected.meaning().to_owned();
            row(cells, faults, fault.as_deref()).into_iter().chain([expected]).collect()
        })
        .collect();
    let mut text = table(&[&headings(faults)[..], &["expected"]].concat(), &rows);
    let (cases, units) = (counted(plan.cases.len(), "case"), counted(plan.units, "unit"));
    let _infallible = writeln!(text, "{cases}, {units}");
    text
}

#[cfg(test)]
mod tests {
    use spanproof_format::{Code, Finding, Judgement};

    use super::*;

    fn case(id: &str, verdict: Verdict) -> CaseResult {
        let mut case = Case::new(id);
        (case.route, case.upstream, case.job) = ("now".into(), "healthy".into(), "one".into());
        let mut result = CaseResult::new(case, Judgement::new(verdict));
        result.settings = "FLAG=true".into();
        result
    }

    #[test]
    fn a_case_shows_its_verdict_and_what_would_decide_an_open_one() {
        let known = case("0a", Verdict::Known("unlinked until 2026-01-01: soon".into()));
        let mut open = case("0b", Verdict::Fail(vec![Finding::new(Code::Undetermined, "either")]));
        open.next = Some(Experiment::Witness);
        let mut off = case("0c", Verdict::Pass);
        off.off = Some(OffReason::SpellingNotEnabled);
        let mut run = Run::new(Summary::default(), vec![known, open, off]);
        run.failures = vec![FailureGroup::new(vec![Code::Undetermined], vec!["0b".into()])];
        let text = terminal(&run, "spanproof check");
        for part in [
            "known: unlinked until 2026-01-01: soon\n",
            "FAIL undetermined\n",
            "pass (off: this spelling does not count)\n",
            "    decide:   spanproof check --case 0b --witness\n",
        ] {
            assert!(text.contains(part), "expected {part}\nfound {text}");
        }
        run.cases[1].next = None;
        assert!(!terminal(&run, "spanproof check").contains("decide:"));
    }

    #[test]
    fn a_group_of_failures_is_shown_with_what_it_has_in_common_and_what_repairs_it() {
        let mut finding = Finding::new(Code::PathNotExecuted, "no span was begun");
        finding.evidence = vec!["stderr:1  FLAG=true".into()];
        let fail = Verdict::Fail(vec![finding]);
        let mut group =
            FailureGroup::new(vec![Code::PathNotExecuted], vec!["0a".into(), "0b".into()]);
        group.whenever = Some("route=now".into());
        group.counterfactuals = vec![
            Counterfactual::new("0a", ("route".into(), Some("later".into())), "0c", 8),
            Counterfactual::new("0a", ("FLAG".into(), None), "0d", 1),
            Counterfactual::new("0a", ("fault".into(), None), "0e", 2),
        ];
        let cases = vec![case("0a", fail.clone()), case("0b", fail), case("0c", Verdict::Pass)];
        let mut run = Run::new(Summary::default(), cases);
        run.failures = vec![group];
        let text = terminal(&run, "spanproof check");
        let expected = "
FAIL path-not-executed: FLAG=true by now with upstream healthy
    no span was begun
      stderr:1  FLAG=true
    repeat:   spanproof check --case 0a
    whenever: route=now
    but:      setting route=later alone makes 8 spans appear (case 0c)
    but:      unsetting FLAG alone makes 1 span appear (case 0d)
    but:      a world without the fault alone makes 2 spans appear (case 0e)
    the same in 1 more: 0b
";
        assert!(text.ends_with(expected), "{text}");
    }
}
