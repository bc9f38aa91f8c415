//! A diagnosis, for people and for programs.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use super::table::table;
use super::terminal::{counted, stages};
use crate::evidence::{Deployment, Evidence, LogFacts};
use crate::spec::Spec;
use crate::verdict::{Code, Diagnosis, JobSeen, Verdict};

/// The whole diagnosis: what was looked at, the jobs, and each verdict with what speaks for and
/// against it.
pub fn diagnosis(
    spec: &Spec,
    evidence: &Evidence,
    jobs: &[JobSeen],
    all: &[Diagnosis],
    plans: bool,
) -> String {
    let mut text = String::new();
    if let Some(deployment) = &evidence.deployment {
        text.push_str(&sources(deployment, plans));
    }
    if !jobs.is_empty() {
        text.push('\n');
        text.push_str(&seen(spec, jobs));
    }
    for one in all {
        text.push('\n');
        text.push_str(&verdict(spec, one));
    }
    text
}

/// What was looked at.
fn sources(deployment: &Deployment, plans: bool) -> String {
    let mut text = String::new();
    let database = deployment.database.as_deref().unwrap_or("none was given");
    let log = deployment.log.as_ref().map_or("none was given".into(), log);
    let _infallible = write!(text, "database  {database}\nlog       {log}\n");
    if plans {
        for plan in &deployment.plans {
            let _infallible = writeln!(text, "plan      {plan}");
        }
    }
    text
}

fn log(facts: &LogFacts) -> String {
    let shown = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let lines = counted(usize::try_from(facts.lines).unwrap_or(usize::MAX), "line");
    match (facts.first, facts.last) {
        (Some(first), Some(last)) => {
            format!("{}: {lines}, {} to {}", facts.name, shown(first), shown(last))
        }
        _ => format!("{}: {lines}, without times", facts.name),
    }
}

fn seen(spec: &Spec, jobs: &[JobSeen]) -> String {
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .map(|job| {
            let units = job.units.iter().map(|(status, count)| format!("{count} {status}"));
            let units = units.collect::<Vec<_>>().join(", ");
            vec![
                job.id.clone(),
                job.name.clone().unwrap_or_else(|| "-".into()),
                job.route.clone().unwrap_or_else(|| "-".into()),
                job.status.clone(),
                if units.is_empty() { "0".into() } else { units },
                job.spans.to_string(),
                job.code.map_or("pass".into(), |code| code.to_string()),
            ]
        })
        .collect();
    let units = &spec.tables.units.table;
    table(&["job", "name", "route", "status", units, "spans", "verdict"], &rows)
}

fn verdict(spec: &Spec, one: &Diagnosis) -> String {
    let mut text = String::new();
    let about = match one.jobs.len() {
        0 => String::new(),
        count => {
            let s = if count == 1 { "" } else { "s" };
            format!(" (job{s} {})", one.jobs.join(", "))
        }
    };
    let judgement = &one.judgement;
    match &judgement.verdict {
        Verdict::Fail(findings) => {
            for finding in findings {
                let _infallible =
                    writeln!(text, "FAIL {}{about}\n    {}", finding.code, finding.message);
                for line in &finding.evidence {
                    let _infallible = writeln!(text, "      {line}");
                }
            }
        }
        _ if judgement.recording => {
            let _infallible =
                writeln!(text, "pass{about}: every unit left its spans, whole and joined");
        }
        _ => {
            let flag = spec.tracing_flag().map_or("tracing", |flag| &flag.name);
            let _infallible = writeln!(
                text,
                "pass{about}: {flag} is off, so no span is expected, and none was recorded"
            );
        }
    }
    let _infallible =
        writeln!(text, "    funnel:   {} ({})", stages(judgement.funnel), super::terminal::FUNNEL);
    for (supports, word) in [(true, "for:    "), (false, "against:")] {
        for reason in one.reasons.iter().filter(|reason| reason.supports == supports) {
            let _infallible = writeln!(text, "    {word}  {}", reason.text);
        }
    }
    if let Some(code) = judgement.code() {
        // An undetermined verdict names its own next step.
        if code != Code::Undetermined {
            let _infallible = writeln!(text, "    next:     {}", code.remedy());
        }
        let _infallible = writeln!(text, "    more:     spanproof explain {code}");
    }
    text
}

/// The same as JSON. `"schema": 1`.
pub fn diagnosis_json(evidence: &Evidence, jobs: &[JobSeen], all: &[Diagnosis]) -> Json {
    json!({
        "schema": 1,
        "sources": evidence.deployment,
        "jobs": jobs,
        "diagnoses": all,
    })
}
