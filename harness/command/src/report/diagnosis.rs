//! Diagnoses of existing systems as text. A unit is one piece of a job's work. The funnel counts
//! the units that reach each stage, from executed to a complete trace.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use spanproof_format::{
    Code, Deployment, Diagnosis, JobDiagnosis, JobSummary, LogFacts, Verdict, count,
};

use super::run::{FUNNEL_STAGES, funnel_counts};
use super::table::table;

/// Returns the sources, the jobs, and the verdicts with their reasons. With `plans`, the text also
/// has the server's plan of each query.
pub fn diagnosis(diagnosis: &Diagnosis, plans: bool) -> String {
    let mut text = String::new();
    if let Some(deployment) = &diagnosis.sources {
        text.push_str(&sources(deployment, plans));
    }
    if !diagnosis.jobs.is_empty() {
        text.push('\n');
        text.push_str(&jobs(&diagnosis.unit_table, &diagnosis.jobs));
    }
    for verdict in &diagnosis.diagnoses {
        text.push('\n');
        text.push_str(&job_diagnosis(diagnosis.tracing_flag.as_deref(), verdict));
    }
    text
}

fn sources(deployment: &Deployment, plans: bool) -> String {
    let mut text = String::new();
    let database =
        deployment.database.as_deref().unwrap_or("none (use `--database URL` or `--dump FILE`)");
    let log = deployment.log.as_ref().map_or("none (use `--log FILE`)".into(), log);
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
    let lines = count(usize::try_from(facts.lines).unwrap_or(usize::MAX), "line");
    let format = match facts.line_format.as_str() {
        "" => String::new(),
        format => format!(" ({format})"),
    };
    let zone = match facts.fitting_zone.as_str() {
        zone if !zone.is_empty() && !facts.lacks_zone => format!(", times in {zone}"),
        _ => String::new(),
    };
    let lines = format!("{lines}{format}{zone}");
    match (facts.first, facts.last) {
        (Some(first), Some(last)) => {
            format!("{}: {lines}, {} to {}", facts.name, time(first), time(last))
        }
        _ => format!("{}: {lines}, no timestamps", facts.name),
    }
}

fn jobs(unit_table: &str, jobs: &[JobSummary]) -> String {
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
                if job.spans_unknown { "?".into() } else { job.spans.to_string() },
                job.code.map_or("pass".into(), |code| code.to_string()),
            ]
        })
        .collect();
    table(&["job", "name", "route", "status", unit_table, "spans", "verdict"], &rows)
}

fn job_diagnosis(tracing_flag: Option<&str>, diagnosis: &JobDiagnosis) -> String {
    let mut text = String::new();
    let subject = match diagnosis.jobs.as_slice() {
        [] => String::new(),
        [id] => format!(" (job {id})"),
        ids => format!(" (jobs {})", ids.join(", ")),
    };
    let judgement = &diagnosis.judgement;
    match &judgement.verdict {
        Verdict::Fail(findings) => {
            for finding in findings {
                let _infallible =
                    writeln!(text, "FAIL {}{subject}\n    {}", finding.code, finding.message);
                for line in &finding.evidence {
                    let _infallible = writeln!(text, "      {line}");
                }
                if let Some(doubt) = finding.doubt() {
                    let _infallible = writeln!(text, "    {doubt}");
                }
            }
        }
        _ if judgement.recording => {
            let _infallible = writeln!(text, "pass{subject}: every unit has all its spans");
        }
        _ => {
            let flag = tracing_flag.unwrap_or("tracing");
            let _infallible = writeln!(
                text,
                "pass{subject}: {flag} is off, so no spans are expected, and none were recorded"
            );
        }
    }
    let counts = funnel_counts(judgement.funnel);
    let _infallible = writeln!(text, "    funnel:   {counts} ({FUNNEL_STAGES})");
    for (supports, word) in [(true, "for:    "), (false, "against:")] {
        for reason in diagnosis.reasons.iter().filter(|reason| reason.supports == supports) {
            let _infallible = writeln!(text, "    {word}  {}", reason.text);
        }
    }
    if let Some(code) = judgement.verdict.code() {
        // The message of an undetermined verdict already names the next step.
        if code != Code::Undetermined {
            let _infallible = writeln!(text, "    next:     {}", code.remedy());
        }
        let _infallible = writeln!(text, "    more:     spanproof explain {code}");
    }
    text
}
