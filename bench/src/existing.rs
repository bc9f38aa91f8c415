//! Measures two rows of the printed table. Row `log` is the time to read a long log. Row `diagnose`
//! is the time to diagnose a job in a database with many spans.
//!
//! The harness runs in a child process of this program.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spanproof::{ExistingSystem, JobSelection, LogStream, RowSource, Session, Spec, diagnose};
use sqlx::AssertSqlSafe;

use crate::part::{SideCommand, report};
use crate::place::Place;
use crate::plain::{Directory, migrate};
use crate::stats::{Times, milliseconds_since};
use crate::table::{Outcome, Row};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spanproof.toml");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
/// Size of the log in bytes.
const LOG_BYTES: usize = 1_000_000_000;
/// Number of jobs in the small database. A job has four units of work with two spans each.
const FEW_JOBS: usize = 1_250;
/// Number of jobs in the large database, which has ten million spans.
const MANY_JOBS: usize = 1_250_000;
/// For each form of a log: its name, the line that it repeats, and what surrounds the message of its
/// last line.
const LOGS: [(&str, &str, [&str; 2]); 4] = [
    ("text", TEXT_LINE, ["2025-10-22T12:00:00.034Z app[148e2d7b] iad [info]", "\n"]),
    ("JSON", JSON_LINE, ["{\"time\":\"2025-10-22T12:00:00.034Z\",\"msg\":\"", "\"}\n"]),
    ("container runtime", RUNTIME_LINE, ["2025-10-22T12:00:00.034123456Z stderr F ", "\n"]),
    (
        "docker",
        DOCKER_LINE,
        ["{\"log\":\"", "\\n\",\"stream\":\"stderr\",\"time\":\"2025-10-22T12:00:00.034Z\"}\n"],
    ),
];
const TEXT_LINE: &str = "2025-10-22T12:00:00.034Z app[148e2d7b] iad [info]{\"level\":\"info\",\"provider\":\"us-east\",\"message\":\"Created execution record in real-time\"}\n";
const JSON_LINE: &str = "{\"time\":\"2025-10-22T12:00:00.034Z\",\"level\":\"info\",\"pid\":12,\"hostname\":\"web-1\",\"msg\":\"Created execution record in real-time\"}\n";
const RUNTIME_LINE: &str = "2025-10-22T12:00:00.034123456Z stderr F INFO runner::worker: Created execution record in real-time\n";
const DOCKER_LINE: &str = "{\"log\":\"INFO runner::worker: Created execution record in real-time\\n\",\"stream\":\"stderr\",\"time\":\"2025-10-22T12:00:00.034123456Z\"}\n";
/// The message of the last line of the log, which is the only line about a span.
const START_MESSAGE: &str =
    "🔍 StartSpan called: service=runner, operation=execute_question, enabled=true";

/// Measures how long the harness takes to read a log of 1 GB, compared with `grep -c`. Returns the
/// times of the form with the largest ratio, with the ratios of all forms as a note.
pub fn measure_log(place: &Place, samples: usize) -> Result<Outcome> {
    let (mut worst, mut ratios): (Option<(f64, [Times; 2])>, Vec<String>) = (None, Vec::new());
    for (name, line, around) in LOGS {
        let times = measure_form(place, samples, line, around)?;
        let ratio = times[0].median() / times[1].median();
        ratios.push(format!("{name} {ratio:.2} x"));
        if worst.as_ref().is_none_or(|(other, _)| ratio > *other) {
            worst = Some((ratio, times));
        }
    }
    let (_, [ours, grep]) = worst.context("no form of a log")?;
    let outcome = Outcome::with_max_ratio(Row::Log, &ours, &grep, 1.5);
    Ok(outcome.with_note(format!("log: {}", ratios.join(", "))))
}

/// Measures the harness and `grep -c` with a log that repeats a line.
fn measure_form(
    place: &Place,
    samples: usize,
    line: &str,
    [before, after]: [&str; 2],
) -> Result<[Times; 2]> {
    let path = place.path("long.log");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    let block = line.repeat(10_000);
    for _ in 0..LOG_BYTES / block.len() {
        file.write_all(block.as_bytes())?;
    }
    file.write_all(format!("{before}{START_MESSAGE}{after}").as_bytes())?;
    file.into_inner()?;
    let name = path.to_str().context("the path of the log is not UTF-8")?;
    let (mut ours, mut grep) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let start = Instant::now();
        let report = SideCommand::new(place, &["log", name]).run()?;
        ours.push(milliseconds_since(start));
        ensure!(report.texts("spans") == ["1"], "the line about a span was not found");
        let start = Instant::now();
        let output =
            Command::new("grep").args(["-c", "StartSpan", name]).stdin(Stdio::null()).output()?;
        grep.push(milliseconds_since(start));
        ensure!(output.stdout == b"1\n", "grep did not find the line");
    }
    std::fs::remove_file(&path)?;
    Ok([Times::new(ours), Times::new(grep)])
}

/// Reads a log as `diagnose` does, and reports the number of lines about spans. Only the child
/// process calls this.
pub fn read_log(path: &Path) -> Result<()> {
    let spec = Spec::read(Path::new(SPEC))?;
    let bytes = Box::new(std::fs::File::open(path)?);
    let name = path.display().to_string();
    let log = Some(LogStream { name, bytes, zone: None, format: None });
    let selection = JobSelection::default();
    let existing =
        ExistingSystem { spec: &spec, selection: &selection, rows: RowSource::None, log };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let observation = runtime.block_on(existing.read())?;
    let document = spanproof_format::Observation::from(&observation);
    report("spans", document.output.lines.len());
    Ok(())
}

/// Measures how long the harness takes to diagnose a job in a database with ten million spans,
/// compared with a database with ten thousand spans.
pub fn measure_diagnose(place: &Place, samples: usize) -> Result<Outcome> {
    let folder = place.path("servers").join("production");
    std::fs::create_dir(&folder)?;
    place.chown_to_server_user(&folder)?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    directory.initdb()?;
    let server = directory.spawn()?;
    let runtime = tokio::runtime::Runtime::new()?;
    for (name, jobs) in [("few", FEW_JOBS), ("many", MANY_JOBS)] {
        runtime.block_on(create_jobs(&directory, name, jobs))?;
    }
    let (mut few, mut many, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        for (name, jobs, times) in [("few", FEW_JOBS, &mut few), ("many", MANY_JOBS, &mut many)] {
            let (url, job) = (directory.url(name), (jobs / 2).to_string());
            let start = Instant::now();
            let report = SideCommand::new(place, &["diagnose", &url, &job]).run()?;
            times.push(milliseconds_since(start));
            ensure!(report.texts("spans") == ["8"], "expected 8 spans of the job");
            plans = report.texts("plan");
        }
    }
    server.stop()?;
    std::fs::remove_dir_all(&directory.folder)?;
    let outcome = Outcome::with_max_ratio(Row::Diagnose, &Times::new(many), &Times::new(few), 1.5);
    Ok(plans.into_iter().fold(outcome, Outcome::with_note))
}

/// Creates the database `name` with `jobs` jobs and eight spans for each job.
async fn create_jobs(directory: &Directory, name: &'static str, jobs: usize) -> Result<()> {
    let mut connection = directory.connect("postgres").await?;
    let create = AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(create).execute(&mut connection).await?;
    migrate(&directory.url(name), Path::new(MIGRATIONS)).await?;
    let mut connection = directory.connect(name).await?;
    let sql = format!(
        "insert into jobs (jobspec_id, jobspec, status, route, created_at)
         select 'job-' || n, '{{}}', 'failed', 'queued', now() - n * interval '1 second' from generate_series(1, {jobs}) n;
         insert into executions (job_id, region, model_id, question_id, status, trace_id, started_at, completed_at)
         select n, 'r' || u, 'm', 'q', 'failed', gen_random_uuid(), now() - n * interval '1 second',
                now() - n * interval '1 second' from generate_series(1, {jobs}) n, generate_series(1, 4) u;
         insert into trace_spans (trace_id, span_id, service, operation, started_at, completed_at, duration_ms,
                status, job_id, execution_id, model_id, region)
         select trace_id, gen_random_uuid(), 'runner', o, started_at, completed_at, 1, 'failed', job_id, id, model_id,
                region from executions, unnest(array['execute_question', 'hybrid_router_call']) o;
         analyze"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(())
}

/// Diagnoses the job with the id `job`. Reports its number of spans, and the plan of each query.
/// Only the child process calls this.
pub async fn diagnose_job(url: &str, job: &str) -> Result<()> {
    let spec = Spec::read(Path::new(SPEC))?;
    let mut session = Session::open(url, "bench").await?;
    let selection = JobSelection { jobs: vec![job.to_owned()], last: 1, ..JobSelection::default() };
    let rows = RowSource::Session(&mut session);
    let existing = ExistingSystem { spec: &spec, selection: &selection, rows, log: None };
    let observation = existing.read().await?;
    session.close().await;
    let diagnosis = diagnose(&spec, &observation);
    for job in diagnosis.jobs {
        report("spans", job.spans);
    }
    for plan in diagnosis.sources.into_iter().flat_map(|sources| sources.plans) {
        report("plan", plan);
    }
    Ok(())
}
