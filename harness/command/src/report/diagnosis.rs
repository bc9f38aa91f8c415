//! A diagnosis as text and as JSON.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use spanproof_format::{Code, Deployment, Diagnosed, Diagnosis, JobSeen, LogFacts, Verdict};

use super::table::table;
use super::terminal::{FUNNEL, counted, stages};

/// Returns the sources, the jobs, and each verdict with the reasons for and against it; with
/// `plans` also how the server carried out each query.
pub fn diagnosis(outcome: &Diagnosis, plans: bool) -> String {
    let mut text = String::new();
    if let Some(deployment) = &outcome.sources {
        text.push_str(&sources(deployment, plans));
    }
    if !outcome.jobs.is_empty() {
        text.push('\n');
        text.push_str(&jobs(&outcome.unit_table, &outcome.jobs));
    }
    for one in &outcome.diagnoses {
        text.push('\n');
        text.push_str(&verdict(outcome.tracing_flag.as_deref(), one));
    }
    text
}

fn sources(deployment: &Deployment, plans: bool) -> String {
    let mut text = String::new();
    let database = deployment
        .database
        .as_deref()
        .unwrap_or("none was given: `--database URL` or `--dump FILE`");
    let log = deployment.log.as_ref().map_or("none was given: `--log FILE`".into(), log);
    let _infallible = write!(text, "database  {database}\nlog       {log}\n");
    if plans {
        for plan in &deployment.plans {
            let _infallible = writeln!(text, "plan      {plan}");
        }
    }
    text
}

fn log(facts: &LogFacts) -> String {
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let lines = counted(usize::try_from(facts.lines).unwrap_or(usize::MAX), "line");
    match (facts.first, facts.last) {
        (Some(first), Some(last)) => {
            format!("{}: {lines}, {} to {}", facts.name, time(first), time(last))
        }
        _ => format!("{}: {lines}, without times", facts.name),
    }
}

fn jobs(unit_table: &str, jobs: &[JobSeen]) -> String {
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
    table(&["job", "name", "route", "status", unit_table, "spans", "verdict"], &rows)
}

fn verdict(tracing_flag: Option<&str>, one: &Diagnosed) -> String {
    let mut text = String::new();
    let subject = match one.jobs.as_slice() {
        [] => String::new(),
        [id] => format!(" (job {id})"),
        ids => format!(" (jobs {})", ids.join(", ")),
    };
    let judgement = &one.judgement;
    match &judgement.verdict {
        Verdict::Fail(findings) => {
            for finding in findings {
                let _infallible =
                    writeln!(text, "FAIL {}{subject}\n    {}", finding.code, finding.message);
                for line in &finding.evidence {
                    let _infallible = writeln!(text, "      {line}");
                }
            }
        }
        _ if judgement.recording => {
            let _infallible =
                writeln!(text, "pass{subject}: every unit left its spans, whole and joined");
        }
        _ => {
            let flag = tracing_flag.unwrap_or("tracing");
            let _infallible = writeln!(
                text,
                "pass{subject}: {flag} is off, so no span is expected, and none was recorded"
            );
        }
    }
    let _infallible = writeln!(text, "    funnel:   {} ({FUNNEL})", stages(judgement.funnel));
    for (supports, word) in [(true, "for:    "), (false, "against:")] {
        for reason in one.reasons.iter().filter(|reason| reason.supports == supports) {
            let _infallible = writeln!(text, "    {word}  {}", reason.text);
        }
    }
    if let Some(code) = judgement.verdict.code() {
        // An undetermined verdict names its own next step.
        if code != Code::Undetermined {
            let _infallible = writeln!(text, "    next:     {}", code.remedy());
        }
        let _infallible = writeln!(text, "    more:     spanproof explain {code}");
    }
    text
}
