//! The promises of a source, and one suite that every source of this machine goes through.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid, User};
use rstest::rstest;
use spanproof_lease::wait::{self, Look};
use spanproof_postgres::{Database, Migrations, Server, Source};
use sqlx::{Connection, PgConnection};

use crate::{ask, data_directory, databases, login, once_more, own, passed, run, start};
#[cfg(feature = "docker")]
use crate::{docker, said};

/// The case that an ordinary user goes through as well.
const BINARIES: &str = "conformance::a_source_keeps_every_promise::case_2_binaries";

/// The sources, as cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Url,
    Binaries,
    OrdinaryUser,
    #[cfg(feature = "docker")]
    Docker,
}

/// What a source may leave behind, noted while its server runs.
#[derive(Debug)]
enum Trace {
    Local {
        data: PathBuf,
        postmaster: Pid,
    },
    Databases {
        before: BTreeSet<String>,
    },
    #[cfg(feature = "docker")]
    Container {
        id: String,
        volume: String,
    },
}

#[rstest]
#[case::url(Kind::Url)]
#[case::binaries(Kind::Binaries)]
#[case::ordinary_user(Kind::OrdinaryUser)]
#[cfg_attr(feature = "docker", case::docker(Kind::Docker))]
#[tokio::test]
async fn a_source_keeps_every_promise(#[case] kind: Kind) {
    if kind == Kind::OrdinaryUser {
        return as_an_ordinary_user().await;
    }
    // The server behind the URL; its databases are looked at when ours is closed.
    let host = if kind == Kind::Url { Some(own().await) } else { None };
    let source = match (kind, &host) {
        (_, Some((_, database))) => Source::Url(database.url().to_owned()),
        #[cfg(feature = "docker")]
        (Kind::Docker, _) => match crate::test_image() {
            Some(image) => Source::Docker(Some(image)),
            None => return crate::containers::an_absent_image_is_named().await,
        },
        _ => Source::Binaries(None),
    };
    let before = match &host {
        Some((_, database)) => databases(database.url()).await,
        None => BTreeSet::new(),
    };
    let server = start(source, None).await.unwrap();
    the_version_is_told(&server).await;
    an_empty_database_is_empty(&server).await;
    durability_is_off(&server, kind).await;
    a_clone_is_alone_with_its_rows(&server).await;
    a_database_is_gone_when_closed(&server).await;
    let trace = Trace::of(kind, &server, before).await;
    // Neither dropped by hand nor waited for, and somebody is still connected.
    let forgotten = server.empty().await.unwrap();
    let connected = login(&forgotten).await;
    drop(forgotten);
    server.close().await.unwrap();
    trace.is_gone(host.as_ref().map(|(_, database)| database.url())).await;
    drop(connected);
    if let Some((server, database)) = host {
        database.close().await.unwrap();
        server.close().await.unwrap();
    }
}

/// As root this runs the case of the binaries once more, as a user who may do nothing; anyone else
/// is that user already.
async fn as_an_ordinary_user() {
    let folder = tempfile::tempdir().unwrap();
    // The checkout may be in a folder that others can't enter.
    let program = folder.path().join("sources");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = once_more(&program, BINARIES);
    command.current_dir(folder.path());
    command.env("TMPDIR", folder.path()).env("HOME", folder.path());
    if Uid::effective().is_root() {
        let user = User::from_name("nobody").unwrap().unwrap();
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        command.uid(uid).gid(gid);
    }
    passed(&command.output().unwrap());
    // The process has ended, and its reaper ends right after it. The cache is to stay.
    let left = wait::until("the end of all but the program", Duration::from_secs(5), || async {
        let left = std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name());
        let left: Vec<_> = left.filter(|name| name != "sources" && name != ".cache").collect();
        if left.is_empty() { Look::Done(()) } else { Look::NotYet(format!("{left:?}")) }
    });
    left.await.unwrap();
}

async fn the_version_is_told(server: &Server) {
    let database = server.empty().await.unwrap();
    let told: i32 = ask(&database, "select current_setting('server_version_num')::int").await;
    let origin = server.origin();
    assert_eq!(i32::try_from(origin.version).unwrap(), told / 10_000);
    let text = origin.to_string();
    assert!(text.starts_with(&format!("PostgreSQL {} from ", origin.version)), "{text}");
    assert_eq!(origin.passed_over, Vec::<String>::new());
    database.close().await.unwrap();
}

async fn an_empty_database_is_empty(server: &Server) {
    let database = server.empty().await.unwrap();
    let schemas = "('pg_catalog', 'information_schema')";
    let tables = format!("select count(*) from pg_tables where schemaname not in {schemas}");
    assert_eq!(ask::<i64>(&database, &tables).await, 0);
    let encoding = "select current_setting('server_encoding')";
    assert_eq!(ask::<String>(&database, encoding).await, "UTF8");
    database.close().await.unwrap();
}

async fn durability_is_off(server: &Server, kind: Kind) {
    if kind == Kind::Url {
        return;
    }
    let database = server.empty().await.unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let sql = format!("select current_setting('{setting}')");
        assert_eq!(ask::<String>(&database, &sql).await, "off", "{setting}");
    }
    database.close().await.unwrap();
}

async fn a_clone_is_alone_with_its_rows(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("0001_a.up.sql"), "create table a (n int)").unwrap();
    let migrations = Migrations::read(folder.path()).unwrap();
    let one = server.migrated(&migrations).await.unwrap();
    let other = server.migrated(&migrations).await.unwrap();
    run(&one, "insert into a values (1)").await;
    assert_eq!(ask::<i64>(&one, "select count(*) from a").await, 1);
    assert_eq!(ask::<i64>(&other, "select count(*) from a").await, 0);
    one.close().await.unwrap();
    other.close().await.unwrap();
}

async fn a_database_is_gone_when_closed(server: &Server) {
    let database = server.empty().await.unwrap();
    let url = database.url().to_owned();
    let connected = login(&database).await;
    // It goes all the same, and who was connected is told.
    let leaked = database.close().await.unwrap_err();
    assert!(matches!(leaked, spanproof_postgres::Error::Leaked { .. }), "{leaked}");
    drop(connected);
    let error = PgConnection::connect(&url).await.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("3D000"), "the database does not exist: {error}");
}

impl Trace {
    async fn of(kind: Kind, server: &Server, before: BTreeSet<String>) -> Self {
        let database = server.empty().await.unwrap();
        let trace = match kind {
            Kind::Binaries | Kind::OrdinaryUser => Self::local(&database).await,
            Kind::Url => Self::Databases { before },
            #[cfg(feature = "docker")]
            Kind::Docker => Self::container(&database).await,
        };
        database.close().await.unwrap();
        trace
    }

    async fn local(database: &Database) -> Self {
        let data = PathBuf::from(data_directory(database).await);
        let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let id = file.lines().next().unwrap().parse().unwrap();
        Self::Local { data, postmaster: Pid::from_raw(id) }
    }

    #[cfg(feature = "docker")]
    async fn container(database: &Database) -> Self {
        let id: String = ask(database, "select trim(pg_read_file('/etc/hostname'), E'\\n')").await;
        let label = "{{index .Config.Labels \"org.spanproof.pid\"}}";
        let ours = docker(&["inspect", "--format", label, &id]);
        assert_eq!(said(&ours), std::process::id().to_string(), "{ours:?}");
        let volume = docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}}{{end}}", &id]);
        Self::Container { volume: said(&volume), id }
    }

    /// `host` is a URL on the server that the URL source was given.
    async fn is_gone(&self, host: Option<&str>) {
        match self {
            Self::Local { data, postmaster } => {
                assert!(!data.parent().unwrap().exists(), "{} is left", data.display());
                assert_eq!(kill(*postmaster, None), Err(Errno::ESRCH), "the server is left");
            }
            Self::Databases { before } => assert_eq!(&databases(host.unwrap()).await, before),
            #[cfg(feature = "docker")]
            Self::Container { id, volume } => {
                let inspected = docker(&["inspect", id]);
                assert!(!inspected.status.success(), "container {id} is left");
                let gone =
                    volume.is_empty() || !docker(&["volume", "inspect", volume]).status.success();
                assert!(gone, "volume {volume} is left");
            }
        }
    }
}
