//! Rows `log` and `diagnose`: a long log, and a database with many spans, that are already there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use spanproof::{Existing, LogStream, Rowset, Session, Spec, Subject, diagnose};
use sqlx::AssertSqlSafe;

use crate::part::{Start, say};
use crate::place::Place;
use crate::plain::{Directory, migrate};
use crate::stats::{Times, milliseconds};
use crate::table::{Outcome, Row};

const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spanproof.toml");
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
/// The length of the log.
const BYTES: usize = 1_000_000_000;
/// The jobs of the small database; each has four units with two spans each.
const FEW: usize = 1_250;
/// Those of the large one, for ten million spans.
const MANY: usize = 1_250_000;
const LINE: &str = "2025-10-22T12:00:00.034Z app[148e2d7b] iad [info]{\"level\":\"info\",\"provider\":\"us-east\",\"message\":\"Created execution record in real-time\"}\n";
const BEGUN: &str = "2025-10-22T12:00:00.034Z app[148e2d7b] iad [info]🔍 StartSpan called: service=runner, operation=execute_question, enabled=true\n";

/// A log of a gigabyte, beside `grep -c`.
pub fn log(place: &Place, samples: usize) -> Result<Outcome> {
    let path = place.path("long.log");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    let block = LINE.repeat(10_000);
    for _ in 0..BYTES / block.len() {
        file.write_all(block.as_bytes())?;
    }
    file.write_all(BEGUN.as_bytes())?;
    file.into_inner()?;
    let name = path.to_str().context("the log's path is no text")?;
    let (mut ours, mut grep) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let start = Instant::now();
        let said = Start::of(place, &["log", name]).finish()?;
        ours.push(milliseconds(start));
        ensure!(said.texts("spans") == ["1"], "the one line of interest was not found");
        let start = Instant::now();
        let output =
            Command::new("grep").args(["-c", "StartSpan", name]).stdin(Stdio::null()).output()?;
        grep.push(milliseconds(start));
        ensure!(output.stdout == b"1\n", "grep has not found the line");
    }
    std::fs::remove_file(&path)?;
    Ok(Outcome::at_most(Row::Log, &Times::of(ours), &Times::of(grep), 1.5))
}

/// Our side of `log`.
pub fn read(path: &Path) -> Result<()> {
    let spec = Spec::read(Path::new(SPEC))?;
    let bytes = Box::new(std::fs::File::open(path)?);
    let log = Some(LogStream { name: path.display().to_string(), bytes });
    let subject = Subject::default();
    let existing = Existing { spec: &spec, subject: &subject, rows: Rowset::None, log };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let observation = runtime.block_on(existing.read())?;
    let stored = spanproof_format::Observation::from(&observation);
    say("spans", stored.output.lines.len());
    Ok(())
}

/// A job among ten million spans, beside one among ten thousand.
pub fn measure(place: &Place, samples: usize) -> Result<Outcome> {
    let folder = place.path("servers").join("production");
    std::fs::create_dir(&folder)?;
    place.give(&folder)?;
    let directory = Directory { folder, binaries: place.binaries.clone() };
    directory.initdb()?;
    let server = directory.spawn()?;
    let runtime = tokio::runtime::Runtime::new()?;
    for (name, jobs) in [("few", FEW), ("many", MANY)] {
        runtime.block_on(fill(&directory, name, jobs))?;
    }
    let (mut few, mut many, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..samples {
        for (name, jobs, times) in [("few", FEW, &mut few), ("many", MANY, &mut many)] {
            let (url, job) = (directory.url(name), (jobs / 2).to_string());
            let start = Instant::now();
            let said = Start::of(place, &["diagnose", &url, &job]).finish()?;
            times.push(milliseconds(start));
            ensure!(said.texts("spans") == ["8"], "not every span of the job was found");
            plans = said.texts("plan");
        }
    }
    server.stop()?;
    std::fs::remove_dir_all(&directory.folder)?;
    let outcome = Outcome::at_most(Row::Diagnose, &Times::of(many), &Times::of(few), 1.5);
    Ok(plans.into_iter().fold(outcome, Outcome::note))
}

/// A database with so many jobs.
async fn fill(directory: &Directory, name: &'static str, jobs: usize) -> Result<()> {
    let mut connection = directory.login("postgres").await?;
    let create = AssertSqlSafe(format!("create database {name}"));
    sqlx::raw_sql(create).execute(&mut connection).await?;
    migrate(&directory.url(name), Path::new(MIGRATIONS)).await?;
    let mut connection = directory.login(name).await?;
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

/// Our side of `diagnose`.
pub async fn ask(url: &str, job: &str) -> Result<()> {
    let spec = Spec::read(Path::new(SPEC))?;
    let mut session = Session::open(url, "bench").await?;
    let subject = Subject { jobs: vec![job.to_owned()], last: 1, ..Subject::default() };
    let rows = Rowset::Live(&mut session);
    let existing = Existing { spec: &spec, subject: &subject, rows, log: None };
    let observation = existing.read().await?;
    session.close().await;
    let diagnosis = diagnose(&spec, &observation);
    for job in diagnosis.jobs {
        say("spans", job.spans);
    }
    for plan in diagnosis.sources.into_iter().flat_map(|sources| sources.plans) {
        say("plan", plan);
    }
    Ok(())
}
