//! One test that runs once for each source of a server: binaries, a URL and Docker. It checks that
//! the server has the right version, settings and databases, and that nothing is left after the
//! server is closed.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid, User};
use rstest::rstest;
use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::{Database, Migrations, Server, Source};
use sqlx::{Connection, Executor, PgConnection};

use crate::{
    assert_passed, data_directory, database_names, execute, log_in, query, server_and_database,
    single_test, start,
};
#[cfg(feature = "docker")]
use crate::{docker, stdout};

/// The name of the test case `binaries`. The test case `ordinary_user` runs it in another process.
const BINARIES_CASE: &str =
    "conformance::a_server_of_each_source_works_and_is_removed::case_2_binaries";

/// The source of the server under test, and the user who starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestSource {
    Url,
    Binaries,
    /// Server binaries, started by a user who is not root.
    BinariesAsOrdinaryUser,
    #[cfg(feature = "docker")]
    Docker,
}

/// What a server must not leave behind, recorded while the server runs.
#[derive(Debug)]
enum Leftovers {
    /// A server of binaries on this machine: its data directory and its process.
    Local { data: PathBuf, postmaster: Pid },
    /// The databases that an existing server had before the test.
    Databases { before: BTreeSet<String> },
    #[cfg(feature = "docker")]
    Container { id: String, volume: String },
}

#[rstest]
#[case::url(TestSource::Url)]
#[case::binaries(TestSource::Binaries)]
#[case::ordinary_user(TestSource::BinariesAsOrdinaryUser)]
#[cfg_attr(feature = "docker", case::docker(TestSource::Docker))]
#[tokio::test]
async fn a_server_of_each_source_works_and_is_removed(#[case] case: TestSource) {
    if case == TestSource::BinariesAsOrdinaryUser {
        return run_as_ordinary_user().await;
    }
    // Only the case `Url` has this existing server, to which the server under test connects. Its
    // databases are compared before and after the test.
    let host = if case == TestSource::Url { Some(server_and_database().await) } else { None };
    let source = match (case, &host) {
        (_, Some((_, database))) => Source::Url(database.url().to_owned()),
        #[cfg(feature = "docker")]
        (TestSource::Docker, _) => match crate::test_image() {
            Some(image) => Source::Docker(Some(image)),
            // Without an image no server starts, so only an error about Docker can be tested.
            None => return crate::containers::check_unusable_image_error().await,
        },
        _ => Source::Binaries(None),
    };
    let before = match &host {
        Some((_, database)) => database_names(database.url()).await,
        None => BTreeSet::new(),
    };
    let server = start(source).await.unwrap();
    check_version(&server).await;
    check_empty_database(&server).await;
    check_settings(&server, case).await;
    check_clones(&server).await;
    check_log(&server, case).await;
    check_close_with_a_leaked_session(&server).await;
    let leftovers = Leftovers::record(case, &server, before).await;
    // This database is dropped without `close` and while it has a session.
    let dropped = server.empty_database().await.unwrap();
    let session = log_in(&dropped).await;
    drop(dropped);
    server.close().await.unwrap();
    leftovers.assert_removed(host.as_ref().map(|(_, database)| database.url())).await;
    drop(session);
    if let Some((server, database)) = host {
        database.close().await.unwrap();
        server.close().await.unwrap();
    }
}

/// Runs [`BINARIES_CASE`] in a child process. If this process runs as root, the child runs as
/// `nobody`.
async fn run_as_ordinary_user() {
    let folder = tempfile::tempdir().unwrap();
    // `nobody` may not be able to enter the folder of the checkout.
    let program = folder.path().join("suite");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = single_test(&program, BINARIES_CASE);
    command.current_dir(folder.path());
    command.env("TMPDIR", folder.path()).env("HOME", folder.path());
    if Uid::effective().is_root() {
        let user = User::from_name("nobody").unwrap().unwrap();
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        command.uid(uid).gid(gid);
    }
    assert_passed(&command.output().unwrap());
    // The reaper, a shell process, removes the files of the ended child a moment later. The cache
    // stays.
    let removed = wait::until(
        "the removal of all files except program and cache",
        Duration::from_secs(5),
        || async {
            let left = std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name());
            let left: Vec<_> = left.filter(|name| name != "suite" && name != ".cache").collect();
            if left.is_empty() { Attempt::Done(()) } else { Attempt::NotYet(format!("{left:?}")) }
        },
    );
    removed.await.unwrap();
}

async fn check_version(server: &Server) {
    let database = server.empty_database().await.unwrap();
    let version: i32 = query(&database, "select current_setting('server_version_num')::int").await;
    let origin = server.origin();
    assert_eq!(i32::try_from(origin.version).unwrap(), version / 10_000);
    let text = origin.to_string();
    assert!(text.starts_with(&format!("PostgreSQL {} from ", origin.version)), "{text}");
    assert_eq!(origin.passed_over, Vec::<String>::new());
    database.close().await.unwrap();
}

/// Checks that an error is in the server's log as soon as its client knows it.
async fn check_log(server: &Server, case: TestSource) {
    let database = server.empty_database().await.unwrap();
    let mut session = log_in(&database).await;
    for table in ["one", "two"] {
        let sql = format!("select * from {table}");
        session.execute(sqlx::AssertSqlSafe(sql.clone())).await.unwrap_err();
        let Some(entries) = server.log(&database).await.unwrap() else {
            assert_eq!(case, TestSource::Url, "the log can't be read");
            continue;
        };
        let last = entries.last().unwrap();
        assert_eq!((&*last.sqlstate, last.statement.as_deref()), ("42P01", Some(&*sql)));
    }
    session.close().await.unwrap();
    database.close().await.unwrap();
}

async fn check_empty_database(server: &Server) {
    let database = server.empty_database().await.unwrap();
    let schemas = "('pg_catalog', 'information_schema')";
    let tables = format!("select count(*) from pg_tables where schemaname not in {schemas}");
    assert_eq!(query::<i64>(&database, &tables).await, 0);
    let encoding = "select current_setting('server_encoding')";
    assert_eq!(query::<String>(&database, encoding).await, "UTF8");
    database.close().await.unwrap();
}

async fn check_settings(server: &Server, source: TestSource) {
    if source == TestSource::Url {
        return;
    }
    let database = server.empty_database().await.unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let sql = format!("select current_setting('{setting}')");
        assert_eq!(query::<String>(&database, &sql).await, "off", "{setting}");
    }
    database.close().await.unwrap();
}

async fn check_clones(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0001_a.up.sql"), "create table a (n int)").unwrap();
    let migrations = Migrations::read(folder.path()).unwrap();
    let one = server.migrated_database(&migrations).await.unwrap();
    let other = server.migrated_database(&migrations).await.unwrap();
    execute(&one, "insert into a values (1)").await;
    assert_eq!(query::<i64>(&one, "select count(*) from a").await, 1);
    assert_eq!(query::<i64>(&other, "select count(*) from a").await, 0);
    one.close().await.unwrap();
    other.close().await.unwrap();
}

async fn check_close_with_a_leaked_session(server: &Server) {
    let database = server.empty_database().await.unwrap();
    let url = database.url().to_owned();
    let session = log_in(&database).await;
    let leaked = database.close().await.unwrap_err();
    assert!(matches!(leaked, spanproof_postgres::Error::Leaked { .. }), "{leaked}");
    drop(session);
    let error = PgConnection::connect(&url).await.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    // The database does not exist.
    assert_eq!(code.as_deref(), Some("3D000"), "{error}");
}

impl Leftovers {
    async fn record(source: TestSource, server: &Server, before: BTreeSet<String>) -> Self {
        let database = server.empty_database().await.unwrap();
        let leftovers = match source {
            TestSource::Binaries | TestSource::BinariesAsOrdinaryUser => {
                Self::local(&database).await
            }
            TestSource::Url => Self::Databases { before },
            #[cfg(feature = "docker")]
            TestSource::Docker => Self::container(&database).await,
        };
        database.close().await.unwrap();
        leftovers
    }

    async fn local(database: &Database) -> Self {
        let data = PathBuf::from(data_directory(database).await);
        let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let id = file.lines().next().unwrap().parse().unwrap();
        Self::Local { data, postmaster: Pid::from_raw(id) }
    }

    #[cfg(feature = "docker")]
    async fn container(database: &Database) -> Self {
        let id: String =
            query(database, "select trim(pg_read_file('/etc/hostname'), E'\\n')").await;
        let label = "{{index .Config.Labels \"org.spanproof.pid\"}}";
        let owner = docker(&["inspect", "--format", label, &id]);
        assert_eq!(stdout(&owner), std::process::id().to_string(), "{owner:?}");
        let volume = docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", &id]);
        Self::Container { volume: stdout(&volume), id }
    }

    /// Panics if anything is left. `host` is the URL of the existing server; only the case `Url`
    /// has such a server.
    async fn assert_removed(&self, host: Option<&str>) {
        match self {
            Self::Local { data, postmaster } => {
                assert!(!data.parent().unwrap().exists(), "{} is left", data.display());
                assert_eq!(kill(*postmaster, None), Err(Errno::ESRCH), "the server still runs");
            }
            Self::Databases { before } => assert_eq!(&database_names(host.unwrap()).await, before),
            #[cfg(feature = "docker")]
            Self::Container { id, volume } => {
                let inspected = docker(&["inspect", id]);
                assert!(!inspected.status.success(), "container {id} is left");
                let removed =
                    volume.is_empty() || !docker(&["volume", "inspect", volume]).status.success();
                assert!(removed, "volume {volume} is left");
            }
        }
    }
}
