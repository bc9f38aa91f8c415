//! The report for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::group::Group;
use super::table::table;
use crate::matrix::Case;
use crate::spec::{Intent, Spec};
use crate::suite::{Outcome, Ran, Snapshot, State};
use crate::verdict::{Code, Funnel, Verdict};

/// The numbers of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that failed as the spec expects for now.
    pub known: usize,
    /// Cases whose world did not come up.
    pub broken: usize,
    /// Cases that were not run.
    pub not_run: usize,
    /// Units that were executed.
    pub units: usize,
    /// Spans that were found.
    pub spans: usize,
    /// Things that were compared.
    pub assertions: usize,
    /// Snapshots that were compared.
    pub snapshots: usize,
    /// Snapshots that differ, are missing or are unstable.
    pub snapshots_changed: usize,
}

impl Summary {
    /// Counts.
    pub fn of(ran: &Ran, snapshots: &[Snapshot]) -> Self {
        let mut summary = Self {
            not_run: ran.not_run,
            snapshots: snapshots.len(),
            snapshots_changed: snapshots.iter().filter(|s| s.state != State::Same).count(),
            ..Self::default()
        };
        for outcome in &ran.outcomes {
            match &outcome.judgement.verdict {
                Verdict::Pass => summary.passed += 1,
                Verdict::Fail(_) => summary.failed += 1,
                Verdict::Broken(_) => summary.broken += 1,
                Verdict::Known(_) => summary.known += 1,
                Verdict::Skipped(_) => summary.not_run += 1,
            }
            summary.units += outcome.judgement.funnel.executed;
            summary.spans += outcome.judgement.spans;
            summary.assertions += outcome.judgement.assertions;
        }
        summary
    }

    /// The last line: every green one has its denominators.
    pub fn line(&self, took: Duration) -> String {
        let mut line = format!("{} passed, {} failed", self.passed, self.failed);
        for (count, word) in
            [(self.known, "known"), (self.broken, "broken"), (self.not_run, "not run")]
        {
            if count > 0 {
                let _infallible = write!(line, ", {count} {word}");
            }
        }
        let cases = self.passed + self.failed + self.known + self.broken;
        let _infallible = write!(
            line,
            ": {}, {}, {}, {}, {}, {:.1} s",
            counted(cases, "case"),
            counted(self.units, "unit"),
            counted(self.spans, "span"),
            counted(self.assertions, "assertion"),
            counted(self.snapshots, "snapshot"),
            took.as_secs_f64()
        );
        line
    }
}

pub(super) fn counted(count: usize, word: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {word}{s}")
}

/// The whole report: the table of cases, then each failure with its evidence and the command that
/// repeats it, then the snapshots that differ. `repeat` starts such a command.
pub fn terminal(spec: &Spec, ran: &Ran, snapshots: &[Snapshot], repeat: &str) -> String {
    let faults = ran.outcomes.iter().any(|outcome| outcome.case.fault.is_some());
    let rows: Vec<_> = ran
        .outcomes
        .iter()
        .map(|outcome| {
            let told = [stages(outcome.judgement.funnel), verdict(spec, outcome)];
            parts(spec, &outcome.case, faults).into_iter().chain(told).collect()
        })
        .collect();
    let heading = [&headings(faults)[..], &[FUNNEL, "verdict"]].concat();
    let mut text = table(&heading, &rows);
    for group in Group::all(spec, ran) {
        text.push('\n');
        text.push_str(&failure(spec, &group, repeat));
    }
    for snapshot in snapshots {
        text.push_str(&snapshot_text(snapshot));
    }
    if let Some(halted) = &ran.halted {
        let _infallible = writeln!(text, "\n{halted}");
    }
    text
}

/// The stages in the heading, in the order of the numbers below it.
pub(super) const FUNNEL: &str = "executed→attempted→stored→finished→linked→joined";

/// The columns that say which case it is; that of faults only where there are any.
fn headings(faults: bool) -> Vec<&'static str> {
    let mut headings = vec!["case", "flags", "route", "upstream", "job"];
    headings.extend(faults.then_some("fault"));
    headings
}

fn parts(spec: &Spec, case: &Case, faults: bool) -> Vec<String> {
    let parts = [&case.id, &case.settings(spec), &case.route, &case.upstream, &case.job];
    let mut parts: Vec<String> = parts.into_iter().cloned().collect();
    parts.extend(faults.then(|| case.fault.clone().unwrap_or_else(|| "-".into())));
    parts
}

/// The numbers of a funnel, in the order of its heading.
pub(super) fn stages(funnel: Funnel) -> String {
    let Funnel { executed, attempted, stored, finished, linked, joined, expected: _ } = funnel;
    let counts = [executed, attempted, stored, finished, linked, joined];
    counts.map(|count| count.to_string()).join("→")
}

fn verdict(spec: &Spec, outcome: &Outcome) -> String {
    match &outcome.judgement.verdict {
        Verdict::Pass => format!("pass{}", off(spec, outcome)),
        Verdict::Fail(findings) => {
            let codes: Vec<_> = findings.iter().map(|finding| finding.code.text()).collect();
            format!("FAIL {}", codes.join(" "))
        }
        Verdict::Broken(_) => "BROKEN".into(),
        Verdict::Known(why) => format!("known: {why}"),
        Verdict::Skipped(why) => format!("skipped: {why}"),
    }
}

/// Why nothing was recorded in a case that passed.
fn off(spec: &Spec, outcome: &Outcome) -> &'static str {
    if outcome.judgement.recording {
        return "";
    }
    let meant = spec.tracing_flag().map(|flag| outcome.case.flag(&flag.name).intent());
    if meant == Some(Intent::On) { " (off: this spelling does not count)" } else { " (off)" }
}

fn failure(spec: &Spec, group: &Group<'_>, repeat: &str) -> String {
    let Some((first, others)) = group.outcomes.split_first() else { return String::new() };
    let mut text = String::new();
    let case = &first.case;
    let mut name =
        format!("{} by {} with upstream {}", case.settings(spec), case.route, case.upstream);
    if let Some(fault) = &case.fault {
        let _infallible = write!(name, " under {fault}");
    }
    if let Verdict::Broken(cause) = &first.judgement.verdict {
        let _infallible = writeln!(text, "BROKEN {name}\n    {cause}");
    }
    for finding in first.judgement.findings() {
        let _infallible = writeln!(text, "FAIL {}: {name}\n    {}", finding.code, finding.message);
        for line in &finding.evidence {
            let _infallible = writeln!(text, "      {line}");
        }
    }
    if let Some(folder) = &first.folder {
        let _infallible = writeln!(text, "    evidence: {}", folder.display());
    }
    // Cases that differ only in tracing are needed to show that it changes the outcome.
    let changed = first.judgement.findings().iter();
    let changed = changed.into_iter().any(|finding| finding.code == Code::OutcomeChangedByTracing);
    let peers = if changed { peers(first) } else { Vec::new() };
    let ids: Vec<_> = std::iter::once(case.id.clone()).chain(peers).collect();
    let ids: Vec<_> = ids.iter().map(|id| format!("--case {id}")).collect();
    let _infallible = writeln!(text, "    repeat:   {repeat} {}", ids.join(" "));
    if let Some(pattern) = &group.whenever {
        let _infallible = writeln!(text, "    whenever: {pattern}");
    }
    for fact in &group.counterfactuals {
        let spans = counted(fact.spans, "span");
        let effect = match first.judgement.spans {
            0 => format!("makes {spans} appear"),
            _ => format!("makes it right, with {spans}"),
        };
        let _infallible =
            writeln!(text, "    but:      {} alone {effect} (case {})", fact.change, fact.case);
    }
    if !others.is_empty() {
        let ids: Vec<_> = others.iter().map(|outcome| outcome.case.id.as_str()).collect();
        let (count, ids) = (ids.len(), ids.join(" "));
        let _infallible = writeln!(text, "    the same in {count} more: {ids}");
    }
    text
}

fn peers(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.judgement.findings().iter();
    let lines = findings.flat_map(|finding| &finding.evidence);
    let others = ["off  case ", "without  case "];
    let off = lines.filter_map(|line| others.iter().find_map(|other| line.strip_prefix(other)));
    off.filter_map(|rest| rest.split(':').next()).map(str::to_owned).collect()
}

fn snapshot_text(snapshot: &Snapshot) -> String {
    let (word, body) = match &snapshot.state {
        State::Same => return String::new(),
        State::Changed(difference) => ("changed", difference),
        State::Missing(text) => ("missing; this was printed", text),
        State::Unstable(difference) => ("not the same in every case of its group", difference),
    };
    let mut text = format!("\nSNAPSHOT {}: {word}\n", snapshot.path.display());
    for line in body.lines() {
        let _infallible = writeln!(text, "    {line}");
    }
    text
}

/// The cases without running them.
pub fn plan(spec: &Spec, cases: &[Case]) -> String {
    let faults = cases.iter().any(|case| case.fault.is_some());
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|case| {
            let flag = spec.tracing_flag();
            let value =
                flag.map(|flag| (flag.records(&case.flag(&flag.name)), case.flag(&flag.name)));
            let why = match value {
                None | Some((true, _)) if case.fault.is_some() => {
                    "lost spans must be reported, the job must be unchanged, and then it must record again"
                }
                None | Some((true, _)) => "spans must be recorded",
                Some((false, value)) if value.intent() == Intent::On => {
                    "meant on, does not count: no spans, and the service must say so"
                }
                Some((false, _)) => "off: no spans, and the job must run",
            };
            parts(spec, case, faults).into_iter().chain([why.to_owned()]).collect()
        })
        .collect();
    let mut text = table(&[&headings(faults)[..], &["expected"]].concat(), &rows);
    let units: usize = cases
        .iter()
        .filter_map(|case| spec.jobs.iter().find(|job| job.name == case.job))
        .map(|job| job.units)
        .sum();
    let _infallible =
        writeln!(text, "{}, {}", counted(cases.len(), "case"), counted(units, "unit"));
    text
}
