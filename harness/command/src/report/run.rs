//! Runs and plans as text. A unit is one piece of the work of a case's job. The funnel of a case
//! counts the units that reach each stage, from executed to a complete trace.

use std::fmt::Write as _;
use std::time::Duration;

use super::flag::flag_notices;
use super::table::table;
use spanproof_format::{
    Case, CaseResult, Experiment, FailureGroup, Funnel, OffReason, PassingChange, Plan, Run,
    Snapshot, SnapshotState, Summary, Verdict, count,
};

/// Returns the last line of a report: the counts and the time of the run.
pub fn summary(summary: &Summary, elapsed: Duration) -> String {
    let Summary { passed, failed, known, notices, broken, not_run, .. } = *summary;
    let mut line = format!("{passed} passed, {failed} failed");
    let notice = if notices == 1 { "notice" } else { "notices" };
    for (number, word) in
        [(known, "known"), (notices, notice), (broken, "broken"), (not_run, "not run")]
    {
        if number > 0 {
            let _infallible = write!(line, ", {number} {word}");
        }
    }
    let _infallible = write!(
        line,
        ": {}, {}, {}, {}, {}, {:.1} s",
        count(sum([passed, failed, known, notices, broken]), "case"),
        count(summary.units, "unit"),
        count(summary.spans, "span"),
        count(summary.assertions, "assertion"),
        count(summary.snapshots, "snapshot"),
        elapsed.as_secs_f64()
    );
    line
}

/// Adds numbers without an overflow: a file may contain any numbers.
fn sum<const N: usize>(numbers: [usize; N]) -> usize {
    numbers.into_iter().fold(0, usize::saturating_add)
}

/// Returns the table of cases, the failures and notices with their evidence and a command that repeats
/// them, the snapshots that differ, the warnings, and what the run did not do. `repeat` is the start of
/// the command.
pub fn run(run: &Run, repeat: &str) -> String {
    let has_faults = run.cases.iter().any(|case| case.fault.is_some());
    let rows: Vec<_> = run
        .cases
        .iter()
        .map(|case| {
            let CaseResult { id, settings, route, upstream, job, .. } = case;
            let cells = [id, settings, route, upstream, job];
            let results = [funnel_counts(case.funnel), verdict(case)];
            row(cells, has_faults, case.fault.as_deref()).into_iter().chain(results).collect()
        })
        .collect();
    let heading = [&headings(has_faults)[..], &[FUNNEL_STAGES, "verdict"]].concat();
    let mut text = table(&heading, &rows);
    for group in &run.failures {
        text.push('\n');
        text.push_str(&failure_group(run, group, repeat));
    }
    for group in &run.notices {
        text.push('\n');
        text.push_str(&failure_group(run, group, repeat));
        text.push_str(NOTICE);
    }
    text.push_str(&flag_notices(&run.flags));
    for item in &run.snapshots {
        text.push_str(&snapshot(item));
    }
    text.push_str(&warnings(run));
    if let Some(halted) = &run.halted {
        let _infallible = writeln!(text, "\n{halted}");
    }
    if !run.unwritten.is_empty() {
        text.push_str("\nthe verdicts are complete, but not all evidence could be written:\n");
    }
    for what in &run.unwritten {
        let _infallible = writeln!(text, "  {what}");
    }
    let passes = sum([run.summary.failed, run.summary.broken, run.summary.not_run]) == 0;
    // If a case failed, only probes (line patterns of the spec) without a match are printed: because of them,
    // the findings are less certain.
    let matters = |what: &&String| passes || what.starts_with("[probes]");
    for what in run.not_tried.iter().filter(matters) {
        let _infallible = writeln!(text, "not tried: {what}");
    }
    text
}

/// Returns the warnings of the first cases that have any, and the number of the other cases.
fn warnings(run: &Run) -> String {
    let mut text = String::new();
    let mut cases = run.cases.iter().filter(|case| !case.warnings.is_empty());
    for case in cases.by_ref().take(MAX_WARNING_CASES) {
        for warning in &case.warnings {
            let _infallible = writeln!(text, "\nwarning: case {}: {warning}", case.id);
        }
    }
    let others = cases.count();
    if others > 0 {
        let cases = count(others, "other case");
        let _infallible = writeln!(text, "\nwarning: {cases} with warnings: see `--format json`");
    }
    text
}

/// Maximum number of cases whose warnings are printed.
const MAX_WARNING_CASES: usize = 3;

/// The line below a notice, which is a failure under a fault that the spec does not declare.
const NOTICE: &str = "    notice:   not a failure, because the spec declares no such `[[fault]]`; `--no-faults` omits these cases\n";

/// The stages of the funnel, in the order of [`funnel_counts`]: the heading of the funnel's column.
pub(super) const FUNNEL_STAGES: &str = "executed→attempted→stored→finished→linked→joined";

/// Returns the headings of the columns that identify a case. `has_faults` is whether there is a
/// column for the fault.
fn headings(has_faults: bool) -> Vec<&'static str> {
    let mut headings = vec!["case", "flags", "route", "upstream", "job"];
    headings.extend(has_faults.then_some("fault"));
    headings
}

/// Returns the cells of the columns of [`headings`].
fn row(cells: [&String; 5], has_faults: bool, fault: Option<&str>) -> Vec<String> {
    let fault = has_faults.then(|| fault.unwrap_or("-").to_owned());
    cells.into_iter().cloned().chain(fault).collect()
}

/// Returns the counts of a funnel, in the order of [`FUNNEL_STAGES`].
pub(super) fn funnel_counts(funnel: Funnel) -> String {
    let Funnel { executed, attempted, stored, finished, linked, joined, .. } = funnel;
    let span_counts = [stored, finished, linked, joined]
        .map(|count| if funnel.spans_unknown { "?".to_owned() } else { count.to_string() });
    [&[executed, attempted].map(|count| count.to_string())[..], &span_counts].concat().join("→")
}

fn verdict(case: &CaseResult) -> String {
    match &case.verdict {
        Verdict::Pass => match case.off_reason {
            None if case.spans_at_stop > 0 => {
                format!(
                    "pass ({} stored only after the stop signal)",
                    count(case.spans_at_stop, "span")
                )
            }
            None => "pass".into(),
            Some(OffReason::SpellingNotEnabled) => "pass (off: spelling not enabled)".into(),
            Some(_) => "pass (off)".into(),
        },
        Verdict::Fail(findings) => {
            let codes: Vec<_> = findings.iter().map(|finding| finding.code.text()).collect();
            format!("FAIL {}", codes.join(" "))
        }
        Verdict::Notice(findings) => {
            let codes: Vec<_> = findings.iter().map(|finding| finding.code.text()).collect();
            format!("notice {}", codes.join(" "))
        }
        Verdict::Broken(_) => "BROKEN".into(),
        Verdict::Known(reason) => format!("known: {reason}"),
        Verdict::Skipped(reason) => format!("skipped: {reason}"),
        other => format!("{other:?}"),
    }
}

fn failure_group(run: &Run, group: &FailureGroup, repeat: &str) -> String {
    let mut members = run.members(group);
    let Some(first) = members.next() else { return String::new() };
    let mut text = findings(first);
    if let Some(folder) = &first.evidence {
        let _infallible = writeln!(text, "    evidence: {folder}");
    }
    let ids = std::iter::once(&first.id).chain(&first.peers);
    let ids: Vec<_> = ids.map(|id| format!("--case {id}")).collect();
    let _infallible = writeln!(text, "    repeat:   {repeat} {}", ids.join(" "));
    // With a single case, the server belongs to this case alone.
    let experiment = match first.next {
        Some(Experiment::Witness) => Some(format!("{} --witness", ids.join(" "))),
        Some(Experiment::OwnServer) => Some(format!("{} --witness", ids[0])),
        _ => None,
    };
    if let Some(arguments) = experiment {
        let _infallible = writeln!(text, "    decide:   {repeat} {arguments}");
    }
    if let Some(pattern) = &group.pattern {
        let _infallible = writeln!(text, "    whenever: {pattern}");
    }
    for change in &group.passing_changes {
        let spans = count(change.spans, "span");
        let effect = match first.spans {
            0 => format!("makes {spans} appear"),
            _ => format!("makes the case pass with {spans}"),
        };
        let _infallible = writeln!(
            text,
            "    but:      {} alone {effect} (case {})",
            phrase(change),
            change.passing_case
        );
    }
    let others: Vec<_> = members.map(|other| other.id.as_str()).collect();
    if !others.is_empty() {
        let (cases, ids) = (count(others.len(), "other case"), others.join(" "));
        let _infallible = writeln!(text, "    same in {cases}: {ids}");
    }
    text
}

/// Returns a change as a phrase, such as `setting route=queued`.
fn phrase(change: &PassingChange) -> String {
    match (change.name.as_str(), &change.value) {
        ("fault", None) => "removing the fault".into(),
        (name, None) => format!("unsetting {name}"),
        (name, Some(value)) if !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic()) => {
            format!("setting {name}={value}")
        }
        (name, Some(value)) => format!("setting {name}={value:?}"),
    }
}

/// Returns the findings of a case, or why its database or service did not start.
fn findings(case: &CaseResult) -> String {
    let mut text = String::new();
    let CaseResult { settings, route, upstream, verdict, .. } = case;
    let mut name = format!("{settings}, route {route}, upstream {upstream}");
    if let Some(fault) = &case.fault {
        let _infallible = write!(name, ", fault {fault}");
    }
    if let Verdict::Broken(cause) = verdict {
        let _infallible = writeln!(text, "BROKEN {name}\n    {cause}");
    }
    for finding in verdict.findings() {
        let word = if matches!(verdict, Verdict::Notice(_)) { "NOTICE" } else { "FAIL" };
        let _infallible =
            writeln!(text, "{word} {}: {name}\n    {}", finding.code, finding.message);
        for line in &finding.evidence {
            let _infallible = writeln!(text, "      {line}");
        }
        for line in finding.doubt().into_iter().chain(finding.exclusions()) {
            let _infallible = writeln!(text, "    {line}");
        }
    }
    text
}

fn snapshot(snapshot: &Snapshot) -> String {
    let word = match snapshot.state {
        SnapshotState::Same => return String::new(),
        SnapshotState::Missing => "no snapshot is stored; the service printed",
        SnapshotState::Unstable => {
            "differs between cases that share the snapshot; mask what varies with `redact` in `[startup]`"
        }
        _ => "changed",
    };
    let mut text = format!("\nSNAPSHOT {}: {word}\n", snapshot.path);
    for line in snapshot.detail.lines() {
        let _infallible = writeln!(text, "    {line}");
    }
    text
}

/// Returns the table of planned cases.
pub fn plan(plan: &Plan) -> String {
    let has_faults = plan.cases.iter().any(|planned| planned.case.fault.is_some());
    let rows: Vec<Vec<String>> = plan
        .cases
        .iter()
        .map(|planned| {
            let Case { id, route, upstream, job, fault, .. } = &planned.case;
            let cells = [id, &planned.settings, route, upstream, job];
            let expected = planned.expected.meaning().to_owned();
            row(cells, has_faults, fault.as_deref()).into_iter().chain([expected]).collect()
        })
        .collect();
    let mut text = table(&[&headings(has_faults)[..], &["expected"]].concat(), &rows);
    let (cases, units) = (count(plan.cases.len(), "case"), count(plan.units, "unit"));
    let _infallible = writeln!(text, "{cases}, {units}");
    let further: Vec<_> =
        plan.further_runs.iter().map(|(what, most)| format!("at most {most} {what}")).collect();
    if !further.is_empty() {
        let _infallible = writeln!(text, "after failures: {}", further.join("; "));
    }
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
    fn an_undetermined_case_has_a_command_that_finds_the_reason() {
        let known = case("0a", Verdict::Known("unlinked until 2026-01-01: soon".into()));
        let finding = Finding::new(Code::Undetermined, "either");
        let mut undetermined = case("0b", Verdict::Fail(vec![finding]));
        undetermined.next = Some(Experiment::Witness);
        let mut off = case("0c", Verdict::Pass);
        off.off_reason = Some(OffReason::SpellingNotEnabled);
        let mut document = Run::new(Summary::default(), vec![known, undetermined, off]);
        document.failures = vec![FailureGroup::new(vec![Code::Undetermined], vec!["0b".into()])];
        let text = run(&document, "spanproof check");
        for part in [
            "known: unlinked until 2026-01-01: soon\n",
            "FAIL undetermined\n",
            "pass (off: spelling not enabled)\n",
            "    decide:   spanproof check --case 0b --witness\n",
        ] {
            assert!(text.contains(part), "expected {part}\nfound {text}");
        }
        document.cases[1].next = None;
        assert!(!run(&document, "spanproof check").contains("decide:"));
    }

    #[test]
    fn a_failure_group_has_a_pattern_and_passing_changes() {
        let mut finding = Finding::new(Code::PathNotExecuted, "no span was begun");
        finding.evidence = vec!["stderr:1  FLAG=true".into()];
        let fail = Verdict::Fail(vec![finding]);
        let mut group =
            FailureGroup::new(vec![Code::PathNotExecuted], vec!["0a".into(), "0b".into()]);
        group.pattern = Some("route=now".into());
        group.passing_changes = vec![
            PassingChange::new("0a", ("route".into(), Some("later".into())), "0c", 8),
            PassingChange::new("0a", ("FLAG".into(), None), "0d", 1),
            PassingChange::new("0a", ("fault".into(), None), "0e", 2),
            PassingChange::new("0a", ("FLAG".into(), Some(" on ".into())), "0f", 8),
        ];
        let cases = vec![case("0a", fail.clone()), case("0b", fail), case("0c", Verdict::Pass)];
        let mut document = Run::new(Summary::default(), cases);
        document.failures = vec![group];
        let text = run(&document, "spanproof check");
        let expected = "
FAIL path-not-executed: FLAG=true, route now, upstream healthy
    no span was begun
      stderr:1  FLAG=true
    repeat:   spanproof check --case 0a
    whenever: route=now
    but:      setting route=later alone makes 8 spans appear (case 0c)
    but:      unsetting FLAG alone makes 1 span appear (case 0d)
    but:      removing the fault alone makes 2 spans appear (case 0e)
    but:      setting FLAG=\" on \" alone makes 8 spans appear (case 0f)
    same in 1 other case: 0b
";
        assert!(text.ends_with(expected), "{text}");
    }
}
