//! All processes of a run share one server, and nothing of it is left when they have gone.
//!
//! The processes are this test program again, with `ROLE` in their environment.
#![expect(clippy::disallowed_methods, reason = "processes, and their environment, are the subject")]
#![expect(clippy::print_stdout, reason = "a process tells the one that started it")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use spanproof_lease::wait::{self, Look};
use spanproof_postgres::{Cache, Database, Migrations, Options, Server};

use super::{ask, migrations};

/// What a process is to do after it has used its database: `end`, `drop`, `kill`, `abort`, `hold`,
/// or `run`, which starts two others, one after the other.
const ROLE: &str = "SPANPROOF_TEST_ROLE";
/// The folder with their migrations.
const MIGRATIONS: &str = "SPANPROOF_TEST_MIGRATIONS";
/// How many seconds processes start, clone and die; 300 for the long form.
const SECONDS: &str = "SPANPROOF_TEST_SHARING_SECONDS";
/// A reaper has this long.
const GONE: Duration = Duration::from_secs(5);

/// What a process says of its database: the server's data directory and the database's name.
type Seen = (PathBuf, String);

#[tokio::test]
async fn a_process_has_a_database_of_its_own() {
    let role = std::env::var(ROLE).unwrap_or_else(|_| "end".into());
    if role == "run" {
        for _ in 0..2 {
            let output = process("end", Path::new("."), &std::env::temp_dir()).output().unwrap();
            println!("\n{}", String::from_utf8_lossy(&output.stdout));
        }
        return;
    }
    let migrations = table();
    let options = Options { migrations: Some(migrations.clone()), ..Options::default() };
    let server = Server::join(options).await.unwrap();
    let database = server.migrated(&migrations).await.unwrap();
    used(&database).await;
    match role.as_str() {
        "kill" => kill(Pid::this(), Signal::SIGKILL).unwrap(),
        "abort" => std::process::abort(),
        "hold" => {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).unwrap();
        }
        "drop" => return,
        _ => {}
    }
    database.close().await.unwrap();
}

/// Nobody else's row is in it, and it says where it is.
async fn used(database: &Database) {
    let id = std::process::id();
    ask::<i32>(database, &format!("insert into a values ({id}) returning n")).await;
    let data: String = ask(database, "select current_setting('data_directory')").await;
    let rows: Vec<i32> = ask(database, "select array_agg(n) from a").await;
    assert_eq!(rows, [i32::try_from(id).unwrap()]);
    println!("\nseen {data} {}", database.name());
}

#[test]
fn processes_at_the_same_time_share_one_server_and_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let running: Vec<_> = (0..6).map(|_| start("hold", Path::new("."), place.path())).collect();
    let ended: Vec<_> =
        running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let seen = all(&ended);
    assert_eq!(servers(&seen).len(), 1, "{seen:?}");
    let names: BTreeSet<_> = seen.iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), 6, "{seen:?}");
    gone(&seen, place.path());
}

#[test]
fn processes_of_one_runner_share_one_server_even_one_after_the_other() {
    let place = tempfile::tempdir().unwrap();
    let mut runner = process("run", Path::new("."), place.path());
    // As cargo and nextest tell those whom they start.
    let output = runner.env("CARGO", "cargo").output().unwrap();
    let seen = all(&[output]);
    assert_eq!(seen.len(), 2);
    assert_eq!(servers(&seen).len(), 1, "{seen:?}");
    gone(&seen, place.path());
}

#[test]
fn without_a_runner_the_server_goes_with_its_last_user() {
    let place = tempfile::tempdir().unwrap();
    let one = all(&[process("end", Path::new("."), place.path()).output().unwrap()]);
    gone(&one, place.path());
    let other = all(&[process("end", Path::new("."), place.path()).output().unwrap()]);
    assert_ne!(servers(&one), servers(&other));
    gone(&other, place.path());
}

#[rstest]
#[case::closed("end")]
#[case::dropped("drop")]
fn even_the_quickest_process_fills_the_cache(#[case] role: &str) {
    let (place, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut process = process(role, Path::new("."), place.path());
    let seen = all(&[process.env("XDG_CACHE_HOME", cache.path()).output().unwrap()]);
    gone(&seen, place.path());
    let entries = Cache::at(cache.path().join("spanproof/postgres")).entries();
    assert_eq!(entries.len(), 1, "{entries:?}");
}

#[test]
fn two_checkouts_never_meet() {
    let place = tempfile::tempdir().unwrap();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let running = [here.path(), there.path()].map(|checkout| {
        std::fs::write(checkout.join("Cargo.lock"), "").unwrap();
        start("hold", checkout, place.path())
    });
    let ended = running.map(|child| child.wait_with_output().unwrap());
    let seen = all(&ended);
    assert_eq!(servers(&seen).len(), 2, "{seen:?}");
    gone(&seen, place.path());
}

#[test]
fn a_server_that_was_killed_is_replaced() {
    let place = tempfile::tempdir().unwrap();
    let (mut first, seen) = holding(place.path());
    let file = std::fs::read_to_string(seen[0].0.join("postmaster.pid")).unwrap();
    kill(Pid::from_raw(file.lines().next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
    let second = all(&[process("end", Path::new("."), place.path()).output().unwrap()]);
    assert_ne!(servers(&seen), servers(&second));
    first.kill().unwrap();
    first.wait().unwrap();
    gone(&seen, place.path());
    gone(&second, place.path());
}

#[test]
fn a_database_of_a_dead_process_goes_when_the_next_one_comes() {
    let place = tempfile::tempdir().unwrap();
    let (mut holder, seen) = holding(place.path());
    let killed = all(&[process("kill", Path::new("."), place.path()).output().unwrap()]);
    let next = all(&[process("end", Path::new("."), place.path()).output().unwrap()]);
    assert_eq!(servers(&[seen.clone(), killed.clone(), next].concat()).len(), 1);
    let socket = seen[0].0.parent().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let left =
        runtime.block_on(wait::until("the end of the dead one's database", GONE, || async {
            let url = format!("postgres://spanproof@localhost/postgres?host={}", socket.display());
            let mut connection =
                <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
            let names: Vec<String> = sqlx::query_scalar("select datname::text from pg_database")
                .fetch_all(&mut connection)
                .await
                .unwrap();
            if names.contains(&killed[0].1) {
                Look::NotYet(names.join(" "))
            } else {
                Look::Done(names)
            }
        }));
    assert!(left.unwrap().contains(&seen[0].1), "the living one's stays");
    holder.kill().unwrap();
    holder.wait().unwrap();
    gone(&seen, place.path());
}

#[test]
fn eight_processes_start_clone_and_die_and_no_database_is_shared_or_wrong() {
    let seconds = std::env::var(SECONDS).map_or(4, |text| text.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let start_time = Instant::now();
    let (mut running, mut ended): (Vec<Child>, Vec<Output>) = (Vec::new(), Vec::new());
    let mut roles = ["end", "kill", "end", "abort"].into_iter().cycle();
    while start_time.elapsed() < Duration::from_secs(seconds) {
        while running.len() < 8 {
            running.push(start(roles.next().unwrap(), Path::new("."), place.path()));
        }
        ended.push(running.remove(0).wait_with_output().unwrap());
    }
    ended.extend(running.into_iter().map(|child| child.wait_with_output().unwrap()));
    let seen = all(&ended);
    assert_eq!(seen.len(), ended.len(), "each has used its database, alone");
    let unique: BTreeSet<_> = seen.iter().collect();
    assert_eq!(unique.len(), seen.len(), "no database was handed out twice");
    println!("{} processes, {} servers", ended.len(), servers(&seen).len());
    gone(&seen, place.path());
}

/// A folder that killed processes do not leave behind.
fn table() -> Migrations {
    let path = std::env::var(MIGRATIONS).map(PathBuf::from);
    Migrations::read(path.unwrap_or_else(|_| written())).unwrap()
}

/// The migrations of all processes, written once.
fn written() -> PathBuf {
    static FOLDER: OnceLock<(tempfile::TempDir, Migrations)> = OnceLock::new();
    let table = || migrations(&[("0001_a.up.sql", "create table a (n int)")]);
    FOLDER.get_or_init(table).0.path().to_owned()
}

/// This program again, in a checkout; it finds others in `place`.
fn process(role: &str, checkout: &Path, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "sharing::a_process_has_a_database_of_its_own", "--nocapture"]);
    command.env(ROLE, role).env("TMPDIR", place).current_dir(checkout);
    if std::env::var(MIGRATIONS).is_err() {
        command.env(MIGRATIONS, written());
    }
    for name in ["CARGO", "NEXTEST"] {
        if std::env::var(ROLE).is_err() {
            command.env_remove(name);
        }
    }
    command
}

/// A process with its pipes: one that holds ends when its input does.
fn start(role: &str, checkout: &Path, place: &Path) -> Child {
    let mut command = process(role, checkout, place);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// A process that holds its database until it is killed.
fn holding(place: &Path) -> (Child, Vec<Seen>) {
    use std::io::BufRead;
    let mut child = start("hold", Path::new("."), place);
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let line = output.lines().map(Result::unwrap).find(|line| line.starts_with("seen ")).unwrap();
    (child, vec![parse(&line).unwrap()])
}

fn parse(line: &str) -> Option<Seen> {
    let (data, name) = line.strip_prefix("seen ")?.split_once(' ')?;
    Some((data.into(), name.into()))
}

fn all(ended: &[Output]) -> Vec<Seen> {
    let seen: Vec<_> = ended
        .iter()
        .flat_map(|output| {
            let text = String::from_utf8_lossy(&output.stdout);
            text.lines().filter_map(parse).collect::<Vec<_>>()
        })
        .collect();
    let all = ended.iter().map(|output| String::from_utf8_lossy(&output.stderr));
    assert!(seen.len() >= ended.len(), "{seen:?}\n{}", all.collect::<String>());
    seen
}

fn servers(seen: &[Seen]) -> BTreeSet<PathBuf> {
    seen.iter().map(|(data, _)| data.clone()).collect()
}

/// No server's folder is left, and nothing where its users met.
fn gone(seen: &[Seen], place: &Path) {
    let mut left: Vec<PathBuf> =
        servers(seen).into_iter().map(|data| data.parent().unwrap().to_owned()).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let looked =
        runtime.block_on(wait::until("the end of everything", GONE, || {
            left.retain(|folder| folder.exists());
            let here = std::fs::read_dir(place).unwrap().flatten().map(|entry| entry.path());
            let left: Vec<_> = left.iter().cloned().chain(here).collect();
            async move {
                if left.is_empty() { Look::Done(()) } else { Look::NotYet(format!("{left:?}")) }
            }
        }));
    looked.unwrap();
}
