//! Tests with a Postgres server that dies, stops or can't write, and with tables that can't be read to their
//! end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;

use crate::check::project::Project;
use crate::run::{Output, Spanproof};
use crate::wait::wait_until;

/// Returns the id of the first process with this name below `parent`. A server's own processes, which have
/// its name, are left out.
fn descendant(parent: u32, name: &str) -> Option<u32> {
    let mut parents = HashMap::new();
    let mut named = Vec::new();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(stat) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let Some((start, rest)) = stat.rsplit_once(')') else { continue };
        let Some((id, found)) = start.split_once(" (") else { continue };
        let (Ok(id), Some(above)) = (id.parse::<u32>(), rest.split_whitespace().nth(1)) else {
            continue;
        };
        parents.insert(id, above.parse::<u32>().unwrap_or(0));
        if found == name {
            named.push(id);
        }
    }
    let is_below = |mut id: u32| {
        while let Some(above) = parents.get(&id) {
            if *above == parent {
                return true;
            }
            id = *above;
        }
        false
    };
    let mut outer = named.iter().filter(|id| !named.contains(&parents[id]));
    outer.find(|id| is_below(**id)).copied()
}

/// Creates a project whose cases take long, because their jobs are never done.
fn project_with_endless_job() -> Project {
    let project = Project::new("accepts-no-job");
    project.edit("ready = {", "settle-ms = 600000\nready = {");
    project.edit("path = \"/jobs\"", "sql = \"insert into jobs (status) values ('queued')\"");
    project.append("[tables.jobs]\nstatus = \"status\"");
    project
}

/// Waits until a process has exited.
fn wait_for_exit(id: u32) {
    let stat = format!("/proc/{id}/stat");
    wait_until("the exit", Duration::from_mins(1), || {
        let text = std::fs::read_to_string(&stat).unwrap_or_default();
        if text.contains(") Z ") { Ok(()) } else { Err(text) }
    });
}

#[rstest]
#[case::killed(Signal::SIGKILL, "BROKEN no flag set")]
#[case::stopped(Signal::SIGSTOP, "no longer answers")]
fn a_server_that_dies_or_stops_ends_the_run_with_the_results_until_then(
    #[case] signal: Signal,
    #[case] expected: &str,
) {
    let project = project_with_endless_job();
    let running = project.spanproof(&["check", "--evidence", "run", "-j", "1"]).spawn();
    let server = wait_until("a case", Duration::from_mins(1), || {
        // The service sleeps.
        let _service = descendant(running.id(), "sleep").ok_or("no service")?;
        let server = descendant(running.id(), "postgres").ok_or("no server")?;
        Ok::<_, &str>(server)
    });
    let start = Instant::now();
    kill(Pid::from_raw(i32::try_from(server).unwrap()), signal).unwrap();
    wait_for_exit(running.id());
    let Output { code, stdout, stderr } = running.output();
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains(expected), "{stdout}{stderr}");
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

/// Returns the id of a session of the server whose title contains `words`.
fn session(server: u32, words: &str) -> Option<u32> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let mut ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    ids.find(|id: &u32| {
        let read = |file: &str| {
            String::from_utf8_lossy(
                &std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default(),
            )
            .into_owned()
        };
        let is_session =
            read("cmdline").starts_with("postgres: ") && read("cmdline").contains(words);
        let below_name = read("stat").rsplit_once(") ").map(|(_, rest)| rest.to_owned());
        let parent = below_name.as_deref().and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        is_session && parent == Some(server)
    })
}

#[test]
fn a_signal_that_stops_a_session_of_the_server_breaks_the_case() {
    let project = project_with_endless_job();
    let running = project.spanproof(&["check", "--evidence", "run", "-j", "1"]).spawn();
    let session = wait_until("a session", Duration::from_mins(1), || {
        let _service = descendant(running.id(), "sleep").ok_or("no service")?;
        let server = descendant(running.id(), "postgres").ok_or("no server")?;
        session(server, "_case_").ok_or("no session")
    });
    kill(Pid::from_raw(i32::try_from(session).unwrap()), Signal::SIGSTOP).unwrap();
    wait_for_exit(running.id());
    let Output { code, stdout, stderr } = running.output();
    assert_eq!(code, 3, "{stdout}{stderr}");
    let expected = format!("a signal stopped a session of the Postgres server (process {session})");
    assert!(stdout.contains(&expected) && stdout.contains("BROKEN"), "{stdout}{stderr}");
    assert!(!stdout.contains("FAIL"), "{stdout}{stderr}");
}

/// The session is stopped while the migrations are applied, before the first case, or while the seed of a
/// case runs.
#[rstest]
#[case::migrations("migrations/0002_slow.up.sql", "SELECT")]
#[case::administrator("migrations/0002_slow.up.sql", " postgres ")]
#[case::seed("seed.sql", "SELECT")]
fn a_session_that_is_stopped_during_migrations_or_a_seed_ends_the_run(
    #[case] file: &str,
    #[case] words: &str,
    #[values(&["check"], &["check", "--prove"])] command: &[&str],
) {
    let project = Project::new("accepts-no-job");
    project.write(file, "select pg_sleep(600)");
    if file == "seed.sql" {
        project.edit("[[route]]", "[database]\nseed = [\"seed.sql\"]\n[[route]]");
    }
    let running = project.spanproof(command).spawn();
    let session = wait_until("a session", Duration::from_mins(1), || {
        let server = descendant(running.id(), "postgres").ok_or("no server")?;
        // The session that sleeps shows how far the run is.
        session(server, "SELECT").ok_or("no migration")?;
        session(server, words).ok_or("no session")
    });
    let start = Instant::now();
    kill(Pid::from_raw(i32::try_from(session).unwrap()), Signal::SIGSTOP).unwrap();
    wait_for_exit(running.id());
    let Output { code, stdout, stderr } = running.output();
    assert_eq!(code, 3, "{stdout}{stderr}");
    let expected = format!("a signal stopped a session of the Postgres server (process {session})");
    assert!(format!("{stdout}{stderr}").contains(&expected), "{stdout}{stderr}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// A limit on the size of files has the effect of a full disk, and every user can set it.
#[rstest]
#[case::at_once("8", "`initdb` failed: signal: 25 (SIGXFSZ)")]
#[case::while_the_case_runs("40000", "the Postgres server could not write its files: could not ")]
fn a_server_that_cannot_write_its_files_ends_the_run_or_breaks_the_case(
    #[case] blocks: &str,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    let rows = "insert into jobs (status) select 'queued' || md5(n::text) from generate_series(1, 600000) n";
    project.edit("path = \"/jobs\"", &format!("sql = \"{rows}\""));
    project.edit("ready = {", "settle-ms = 300\nflush-ms = 300\nready = {");
    let script = format!("ulimit -f {blocks}; exec spanproof check --no-faults --no-probe");
    let Output { code, stdout, stderr } = Spanproof::shell(project.path(), &script).output();
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(format!("{stdout}{stderr}").contains(expected), "{stdout}{stderr}");
    assert!(!stdout.contains("FAIL"), "{stdout}{stderr}");
}

#[rstest]
#[case::too_many_rows(
    "select 1 from generate_series(1, 100001)",
    "has more than 100000 rows, the limit of a case"
)]
#[case::endless_rows(
    "with recursive r(n) as (select 1 union all select n from r) select n from r",
    "has more than 100000 rows, the limit of a case"
)]
#[case::slow("select pg_sleep(600)", "can't be read in time")]
#[case::large_rows("select 1 from generate_series(1, 40)", "the limit of a case is 33554432")]
fn a_table_that_cannot_be_read_to_its_end_breaks_the_case(
    #[case] rows: &str,
    #[case] expected: &str,
) {
    let project = Project::new("accepts-no-job");
    project.edit("path = \"/jobs\"", "sql = \"insert into jobs (status) values ('queued')\"");
    project.edit("ready = {", "settle-ms = 300\nflush-ms = 300\nready = {");
    let view = format!(
        "alter table trace_spans rename to old_spans;
         insert into old_spans (service) values (repeat('x', 1000000));
         create view trace_spans as select old_spans.* from old_spans, ({rows}) as all_rows;"
    );
    let view = if expected.contains("bytes") || expected.contains("33554432") {
        view
    } else {
        view.replace("1000000", "1")
    };
    project.write("migrations/0002_view.up.sql", &view);
    let start = Instant::now();
    let Output { code, stdout, stderr } = project.run(&["check"]);
    assert_eq!(code, 3, "{stdout}{stderr}");
    assert!(stdout.contains(expected), "{stdout}{stderr}");
    assert!(start.elapsed() < Duration::from_secs(100), "{:?}", start.elapsed());
}

/// The rows of a table that exceeds the limit are only counted. Python reports the peak of the memory that one
/// of its descendants used, in KiB.
#[test]
fn a_table_with_too_many_rows_is_not_read_into_memory() {
    let project = Project::new("accepts-no-job");
    project.edit("path = \"/jobs\"", "sql = \"insert into jobs (status) values ('queued')\"");
    project.edit("ready = {", "settle-ms = 300\nflush-ms = 300\nready = {");
    let rows = "alter table trace_spans rename to old_spans;
        insert into old_spans (service) values (repeat('x', 250));
        create view trace_spans as select old_spans.* from old_spans, generate_series(1, 100001);";
    project.write("migrations/0002_view.up.sql", rows);
    let python = "import resource, subprocess, sys
subprocess.run(sys.argv[1:])
print('peak:', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let script = format!("exec /usr/bin/python3 -c \"{python}\" spanproof check --no-probe");
    let Output { stdout, stderr, .. } = Spanproof::shell(project.path(), &script).output();
    assert!(stdout.contains("has more than 100000 rows, the limit of a case"), "{stdout}{stderr}");
    let (_, peak) = stdout.rsplit_once("peak: ").unwrap();
    let peak: u64 = peak.trim().parse().unwrap();
    assert!(peak < 150 * 1024, "{peak} KiB");
}
