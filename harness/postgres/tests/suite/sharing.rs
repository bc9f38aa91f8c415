//! Tests that all processes of a test run share one server, which leaves nothing behind.
//!
//! For each process, the tests start this test program again, with [`ROLE`] in its environment.
#![expect(clippy::disallowed_methods, reason = "the tests start processes and set their variables")]
#![expect(clippy::print_stdout, reason = "a process reports to its test on standard output")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Cache, Database, Migrations, Options, Server};

use crate::{data_directory, database_names, query, single_test, table_migration};

/// Environment variable that says how a process ends after it has used its database: `close`,
/// `drop`, `kill`, `abort` or `wait`. A process with the value `run` plays a test runner: it uses
/// no database and starts two other processes, one after the other.
const ROLE: &str = "SPANPROOF_TEST_ROLE";
/// Environment variable with the folder of the migrations.
const MIGRATIONS: &str = "SPANPROOF_TEST_MIGRATIONS";
/// Environment variable with the number of processes of the test
/// `eight_processes_at_a_time_use_a_database_and_end`.
const PROCESS_COUNT: &str = "SPANPROOF_TEST_SHARING_PROCESSES";
/// Longest wait until servers, databases and files are removed.
const REMOVAL_LIMIT: Duration = Duration::from_secs(5);

/// What a process prints about its database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Report {
    /// The data directory of the server.
    data: PathBuf,
    /// The name of the database.
    database: String,
}

/// The processes that other tests start run this test, with a role in their environment. Without a
/// role, as in a normal test run, this test closes its database.
#[tokio::test]
async fn a_process_has_its_own_database() {
    let role = std::env::var(ROLE).unwrap_or_else(|_| "close".into());
    if role == "run" {
        for _ in 0..2 {
            let command = process("close", Path::new("."), &std::env::temp_dir()).output();
            println!("\n{}", String::from_utf8_lossy(&command.unwrap().stdout));
        }
        return;
    }
    let migrations = process_migrations();
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::join(options).await.unwrap();
    let database = server.migrated_database(&migrations).await.unwrap();
    use_and_report(&database).await;
    match role.as_str() {
        "kill" => kill(Pid::this(), Signal::SIGKILL).unwrap(),
        "abort" => std::process::abort(),
        "wait" => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
        }
        "drop" => return,
        _ => {}
    }
    database.close().await.unwrap();
}

/// Inserts a row, checks that the database has no row of another process, and prints a report.
async fn use_and_report(database: &Database) {
    let id = std::process::id();
    query::<i32>(database, &format!("insert into a values ({id}) returning n")).await;
    let data = data_directory(database).await;
    let rows: Vec<i32> = query(database, "select array_agg(n) from a").await;
    assert_eq!(rows, [i32::try_from(id).unwrap()]);
    println!("\nreport {data} {}", database.name());
}

#[test]
fn processes_that_run_at_the_same_time_share_one_server() {
    let temporary = tempfile::tempdir().unwrap();
    let running: Vec<_> = (0..6).map(|_| start("wait", Path::new("."), temporary.path())).collect();
    let ended: Vec<_> =
        running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let reports = reports(&ended);
    assert_eq!(servers(&reports).len(), 1, "{reports:?}");
    let names: BTreeSet<_> = reports.iter().map(|report| &report.database).collect();
    assert_eq!(names.len(), 6, "{reports:?}");
    await_removal(&reports, temporary.path());
}

#[test]
fn processes_that_one_test_runner_starts_one_by_one_share_one_server() {
    let temporary = tempfile::tempdir().unwrap();
    let mut test_runner = process("run", Path::new("."), temporary.path());
    // Cargo sets this variable for the processes that it starts, and nextest sets a similar one.
    let output = test_runner.env("CARGO", "cargo").output().unwrap();
    let reports = reports(&[output]);
    assert_eq!(reports.len(), 2);
    assert_eq!(servers(&reports).len(), 1, "{reports:?}");
    await_removal(&reports, temporary.path());
}

#[test]
fn without_a_test_runner_the_server_stops_after_its_last_process() {
    let temporary = tempfile::tempdir().unwrap();
    let first = run("close", temporary.path());
    await_removal(&first, temporary.path());
    let second = run("close", temporary.path());
    assert_ne!(servers(&first), servers(&second));
    await_removal(&second, temporary.path());
}

#[rstest]
#[case::closed("close")]
#[case::dropped("drop")]
fn a_process_that_uses_one_database_fills_the_cache(#[case] role: &str) {
    let (temporary, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut process = process(role, Path::new("."), temporary.path());
    let reports = reports(&[process.env("XDG_CACHE_HOME", cache.path()).output().unwrap()]);
    await_removal(&reports, temporary.path());
    let entries = Cache::new(cache.path().join("spanproof/postgres")).entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
}

#[test]
fn two_checkouts_share_no_server() {
    let temporary = tempfile::tempdir().unwrap();
    let checkouts = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let running = checkouts.each_ref().map(|checkout| {
        // A folder with this file counts as a checkout.
        std::fs::write(checkout.path().join("Cargo.lock"), "").unwrap();
        start("wait", checkout.path(), temporary.path())
    });
    let ended = running.map(|child| child.wait_with_output().unwrap());
    let reports = reports(&ended);
    assert_eq!(servers(&reports).len(), 2, "{reports:?}");
    await_removal(&reports, temporary.path());
}

#[test]
fn a_killed_server_is_replaced() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut first, reports) = start_waiting(temporary.path());
    let file = std::fs::read_to_string(reports[0].data.join("postmaster.pid")).unwrap();
    kill(Pid::from_raw(file.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
    let second = run("close", temporary.path());
    assert_ne!(servers(&reports), servers(&second));
    first.kill().unwrap();
    first.wait().unwrap();
    await_removal(&reports, temporary.path());
    await_removal(&second, temporary.path());
}

#[test]
fn the_next_process_drops_the_database_of_a_killed_process() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut living, reports) = start_waiting(temporary.path());
    let killed = run("kill", temporary.path());
    let next = run("close", temporary.path());
    assert_eq!(servers(&[reports.clone(), killed.clone(), next].concat()).len(), 1);
    let socket = reports[0].data.parent().unwrap().display();
    let url = format!("postgres://spanproof@localhost/postgres?host={socket}");
    let dropped =
        wait::until("the drop of the killed process's database", REMOVAL_LIMIT, || async {
            let names = database_names(&url).await;
            if names.contains(&killed[0].database) {
                Attempt::NotYet(format!("{names:?}"))
            } else {
                Attempt::Done(names)
            }
        });
    let names = tokio::runtime::Runtime::new().unwrap().block_on(dropped).unwrap();
    assert!(names.contains(&reports[0].database), "the running process lost its database");
    living.kill().unwrap();
    living.wait().unwrap();
    await_removal(&reports, temporary.path());
}

#[test]
fn eight_processes_at_a_time_use_a_database_and_end() {
    let count = std::env::var(PROCESS_COUNT).map_or(40, |text| text.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let start_time = Instant::now();
    let (mut running, mut ended): (Vec<Child>, Vec<Output>) = (Vec::new(), Vec::new());
    for role in ["close", "kill", "close", "abort"].into_iter().cycle().take(count) {
        if running.len() == 8 {
            ended.push(running.remove(0).wait_with_output().unwrap());
        }
        running.push(start(role, Path::new("."), temporary.path()));
    }
    ended.extend(running.into_iter().map(|child| child.wait_with_output().unwrap()));
    let reports = reports(&ended);
    assert_eq!(reports.len(), count, "not every process reported a database");
    let unique: BTreeSet<_> = reports.iter().collect();
    assert_eq!(unique.len(), count, "two processes used the same database");
    println!("{count} processes, {} servers, {:?}", servers(&reports).len(), start_time.elapsed());
    await_removal(&reports, temporary.path());
}

/// Reads the migrations. A process that a test started reads them from the test's folder, because its
/// own folder would be left behind if the process were killed.
fn process_migrations() -> Migrations {
    let folder = std::env::var(MIGRATIONS).map(PathBuf::from);
    Migrations::read(folder.unwrap_or_else(|_| migrations_folder())).unwrap()
}

/// Returns the folder with the migrations for all processes. The first call creates the folder.
fn migrations_folder() -> PathBuf {
    static FOLDER: OnceLock<(tempfile::TempDir, Migrations)> = OnceLock::new();
    FOLDER.get_or_init(table_migration).0.path().to_owned()
}

/// Returns the command that starts a process in the folder `checkout`. Processes with the same
/// folder for temporary files find each other's server.
fn process(role: &str, checkout: &Path, temporary: &Path) -> Command {
    let test = "sharing::a_process_has_its_own_database";
    let mut command = single_test(&std::env::current_exe().unwrap(), test);
    command.arg("--nocapture");
    command.env(ROLE, role).env("TMPDIR", temporary).current_dir(checkout);
    if std::env::var(MIGRATIONS).is_err() {
        command.env(MIGRATIONS, migrations_folder());
    }
    // A test removes the variables of the test runner that started it. A process with a role was
    // started by a test, so it keeps the variables that the test set.
    for name in ["CARGO", "NEXTEST"] {
        if std::env::var(ROLE).is_err() {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a process to its end and returns its report.
fn run(role: &str, temporary: &Path) -> Vec<Report> {
    reports(&[process(role, Path::new("."), temporary).output().unwrap()])
}

/// Starts a process with pipes. A process with the role `wait` ends when its input is closed.
fn start(role: &str, checkout: &Path, temporary: &Path) -> Child {
    let mut command = process(role, checkout, temporary);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Starts a process with the role `wait` and returns it with its report.
fn start_waiting(temporary: &Path) -> (Child, Vec<Report>) {
    use std::io::BufRead;
    let mut child = start("wait", Path::new("."), temporary);
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let report = output.lines().find_map(|line| parse_report(&line.unwrap())).unwrap();
    (child, vec![report])
}

fn parse_report(line: &str) -> Option<Report> {
    let (data, database) = line.strip_prefix("report ")?.split_once(' ')?;
    Some(Report { data: data.into(), database: database.into() })
}

fn reports(ended: &[Output]) -> Vec<Report> {
    let reports: Vec<_> = ended
        .iter()
        .flat_map(|output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.lines().filter_map(parse_report).collect::<Vec<_>>()
        })
        .collect();
    let errors = ended.iter().map(|output| String::from_utf8_lossy(&output.stderr));
    assert!(reports.len() >= ended.len(), "{reports:?}\n{}", errors.collect::<String>());
    reports
}

fn servers(reports: &[Report]) -> BTreeSet<PathBuf> {
    reports.iter().map(|report| report.data.clone()).collect()
}

/// Waits until the folders of the servers are removed and the folder for temporary files is empty.
fn await_removal(reports: &[Report], temporary: &Path) {
    let mut folders: Vec<PathBuf> =
        servers(reports).into_iter().map(|data| data.parent().unwrap().to_owned()).collect();
    let removed = wait::until("the removal of servers and temporary files", REMOVAL_LIMIT, || {
        folders.retain(|folder| folder.exists());
        let entries = std::fs::read_dir(temporary).unwrap().flatten().map(|entry| entry.path());
        let left: Vec<_> = folders.iter().cloned().chain(entries).collect();
        async move {
            if left.is_empty() { Attempt::Done(()) } else { Attempt::NotYet(format!("{left:?}")) }
        }
    });
    tokio::runtime::Runtime::new().unwrap().block_on(removed).unwrap();
}
