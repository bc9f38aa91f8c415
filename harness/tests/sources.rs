//! Every source of a disposable Postgres keeps the same promises, and says clearly when it can't.
//!
//! The binaries and the URL need server binaries on this machine. Docker needs an image that can be
//! run at once: name it in `SPANPROOF_TEST_IMAGE`, for instance `postgres:16`, or what
//! `fixtures/postgres-image/build` built. Where the variable is not set nothing is pulled or built, and
//! the Docker case checks instead that an image that can't be had is a clear error, whether or
//! not there is Docker.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid, User};
use rstest::rstest;
use spanproof::postgres::{Database, Error, Migrations, Options, Server, Source};
use spanproof::wait::{self, Look};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// The sources, as cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Binaries,
    Url,
    Docker,
}

/// What a source may leave behind, noted while its server runs.
#[derive(Debug)]
enum Trace {
    Local { data: PathBuf, postmaster: Pid },
    Databases { before: BTreeSet<String> },
    Container { id: String, volume: String },
}

#[rstest]
#[case::binaries(Kind::Binaries)]
#[case::url(Kind::Url)]
#[case::docker(Kind::Docker)]
#[tokio::test]
async fn a_source_keeps_every_promise(#[case] kind: Kind) {
    // The server behind the URL; its databases are looked at when ours is closed.
    let host = if kind == Kind::Url { Some(own().await) } else { None };
    let source = match (kind, &host) {
        (_, Some((_, database))) => Source::Url(database.url().to_owned()),
        (Kind::Docker, _) => match test_image() {
            Some(image) => Source::Docker(Some(image)),
            None => return an_absent_image_is_named().await,
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
#[tokio::test]
async fn binaries_keep_every_promise_for_an_ordinary_user() {
    let case = "a_source_keeps_every_promise::case_1_binaries";
    let folder = tempfile::tempdir().unwrap();
    // The checkout may be in a folder that others can't enter.
    let program = folder.path().join("sources");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = command(&program);
    command.args(["--exact", case]).current_dir(folder.path());
    command.env("TMPDIR", folder.path()).env("HOME", folder.path());
    if Uid::effective().is_root() {
        let user = User::from_name("nobody").unwrap().expect("there is a user `nobody`");
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        command.uid(uid).gid(gid);
    }
    let output = command.output().unwrap();
    let text = both(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "a renamed case would never run: {text}");
    only_the_program_is_left(folder.path()).await;
}

/// The reaper ends after the process that it is for.
async fn only_the_program_is_left(folder: &Path) {
    wait::until("the end of all but the program", Duration::from_secs(5), || async {
        let left: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().collect();
        if left.len() == 1 { Look::Done(()) } else { Look::NotYet(format!("{left:?}")) }
    })
    .await
    .unwrap();
}

async fn the_version_is_told(server: &Server) {
    let database = server.empty().await.unwrap();
    let told: i32 = ask(&database, "select current_setting('server_version_num')::int").await;
    let picked = server.picked();
    assert_eq!(i32::try_from(picked.version).unwrap(), told / 10_000);
    let text = picked.to_string();
    assert!(text.starts_with(&format!("PostgreSQL {} from ", picked.version)), "{text}");
    assert_eq!(picked.passed_over, Vec::<String>::new());
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
    database.close().await.unwrap();
    drop(connected);
    let error = PgConnection::connect(&url).await.unwrap_err();
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    assert_eq!(code.as_deref(), Some("3D000"), "the database does not exist: {error}");
}

impl Trace {
    async fn of(kind: Kind, server: &Server, before: BTreeSet<String>) -> Self {
        let database = server.empty().await.unwrap();
        let trace = match kind {
            Kind::Binaries => Self::local(&database).await,
            Kind::Url => Self::Databases { before },
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

#[tokio::test]
async fn a_folder_without_binaries_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = start(Source::Binaries(Some(folder.path().into())), None).await.unwrap_err();
    let expected =
        format!("`postgres` failed: there are no server binaries in `{}`", folder.path().display());
    assert_eq!(error.to_string(), expected);
}

#[rstest]
#[case::binaries(Kind::Binaries)]
#[case::url(Kind::Url)]
#[case::docker(Kind::Docker)]
#[tokio::test]
async fn another_major_version_than_the_wanted_is_refused(#[case] kind: Kind) {
    let (server, database) = own().await;
    let source = match (kind, test_image()) {
        (Kind::Binaries, _) => Source::Binaries(None),
        (Kind::Url, _) => Source::Url(database.url().to_owned()),
        (Kind::Docker, Some(image)) => Source::Docker(Some(image)),
        (Kind::Docker, None) => return an_absent_image_is_named().await,
    };
    let error = start(source, Some(99)).await.unwrap_err().to_string();
    let expected = "; wanted is 99: install it, or change `version` in the spec";
    assert!(error.contains(" is PostgreSQL ") && error.ends_with(expected), "{error}");
    if kind == Kind::Docker {
        no_container_is_left().await;
    }
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn when_no_source_will_do_each_is_named_with_its_reason() {
    let error = start(Source::Auto, Some(99)).await.unwrap_err().to_string();
    assert!(error.starts_with("no Postgres to be had; tried server binaries: "), "{error}");
    assert!(error.contains("; Docker: `docker run postgres:99` failed: "), "{error}");
    assert!(error.contains("to get one: install server binaries"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let (server, database) = own().await;
    run(&database, "create role guarded login password 'right'").await;
    demand_a_password(&database, "guarded").await;
    let right = database.url().replace("spanproof@", "guarded:right@");
    PgConnection::connect(&right).await.unwrap().close().await.unwrap();
    let wrong = right.replace(":right@", ":wr0ng@");
    let error = start(Source::Url(wrong), None).await.unwrap_err().to_string();
    assert!(error.starts_with("could not log in to postgres://guarded:***@localhost/"), "{error}");
    let expected = ": password authentication failed for user \"guarded\" (SQLSTATE 28P01)";
    assert!(error.ends_with(expected), "{error}");
    assert!(!error.contains("wr0ng"), "{error}");
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn a_role_that_may_not_create_databases_is_told_so() {
    let (server, database) = own().await;
    run(&database, "create role plain login").await;
    let url = database.url().replace("spanproof@", "plain@");
    let given = start(Source::Url(url), None).await.unwrap();
    let error = given.empty().await.unwrap_err().to_string();
    assert!(error.starts_with("could not create database `spanproof_"), "{error}");
    let expected = ": permission denied to create database (SQLSTATE 42501)";
    assert!(error.ends_with(expected), "{error}");
    given.close().await.unwrap();
    database.close().await.unwrap();
    server.close().await.unwrap();
}

#[tokio::test]
async fn an_image_that_can_not_be_had_is_a_clear_error() {
    an_absent_image_is_named().await;
}

async fn an_absent_image_is_named() {
    // A name below `.invalid` is never resolved.
    let image = "spanproof.invalid/postgres:15";
    let error = start(Source::Docker(Some(image.into())), None).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("`docker run {image}` failed: ")), "{error}");
    let expected = format!("; is Docker running, and can it pull `{image}`?");
    assert!(error.ends_with(&expected), "{error}");
}

/// A server of our own from binaries, and a database on it.
async fn own() -> (Server, Database) {
    let server = start(Source::Binaries(None), None).await.unwrap();
    let database = server.empty().await.unwrap();
    (server, database)
}

async fn start(source: Source, version: Option<u32>) -> Result<Server, Error> {
    let options = Options { source, version };
    let overridden = options.clone().overridden()?;
    assert_eq!(options, overridden, "unset SPANPROOF_POSTGRES: it would replace every source");
    Server::start(options).await
}

fn test_image() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one variable of this suite")]
    std::env::var("SPANPROOF_TEST_IMAGE").ok().filter(|image| !image.is_empty())
}

async fn login(database: &Database) -> PgConnection {
    PgConnection::connect(database.url()).await.unwrap()
}

async fn run(database: &Database, sql: &str) {
    let mut connection = login(database).await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn ask<T>(database: &Database, sql: &str) -> T
where
    T: sqlx::Type<sqlx::Postgres> + for<'r> sqlx::Decode<'r, sqlx::Postgres> + Send + Unpin,
{
    let mut connection = login(database).await;
    let answer = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    answer
}

async fn databases(url: &str) -> BTreeSet<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let names = sqlx::query_scalar("select datname::text from pg_database")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    names.into_iter().collect()
}

async fn data_directory(database: &Database) -> String {
    ask(database, "select current_setting('data_directory')").await
}

/// Lets the server ask `role` for its password, and waits until it does.
async fn demand_a_password(database: &Database, role: &str) {
    let file = format!("{}/pg_hba.conf", data_directory(database).await);
    let rules = format!("('local all {role} scram-sha-256'), ('local all all trust')");
    run(database, &format!("copy (values {rules}) to '{file}'")).await;
    run(database, "select pg_reload_conf()").await;
    let without = database.url().replace("spanproof@", &format!("{role}@"));
    wait::until("a refused login", Duration::from_secs(10), || async {
        match PgConnection::connect(&without).await {
            Ok(_) => Look::NotYet("a login without a password".into()),
            Err(_) => Look::Done(()),
        }
    })
    .await
    .unwrap();
}

/// An image that Docker takes and can't run: the container is made, and its start fails.
#[tokio::test]
async fn a_container_that_can_not_be_started_is_removed() {
    if test_image().is_none() {
        return an_absent_image_is_named().await;
    }
    let image = format!("spanproof-unstartable:{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("empty.tar");
    std::fs::write(&archive, [0; 1024]).unwrap();
    let entry = r#"ENTRYPOINT ["/nothing"]"#;
    let made = docker(&["import", "--change", entry, archive.to_str().unwrap(), &image]);
    assert!(made.status.success(), "{made:?}");
    let error = start(Source::Docker(Some(image.clone())), None).await.unwrap_err().to_string();
    let filter = format!("ancestor={image}");
    let left = said(&docker(&["ps", "--all", "--quiet", "--filter", &filter]));
    docker(&["rmi", "--force", &image]);
    assert!(error.starts_with(&format!("`docker run {image}` failed: ")), "{error}");
    assert_eq!(left, "", "the container is left: {error}");
}

/// A refused container goes while this process goes on; another case may have one for a moment.
async fn no_container_is_left() {
    let label = format!("label=org.spanproof.pid={}", std::process::id());
    wait::until("the end of every container of ours", Duration::from_secs(30), || async {
        let left = said(&docker(&["ps", "--all", "--quiet", "--filter", &label]));
        if left.is_empty() { Look::Done(()) } else { Look::NotYet(left) }
    })
    .await
    .unwrap();
}

fn docker(arguments: &[&str]) -> Output {
    command(Path::new("docker")).args(arguments).output().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a look from outside at what is left")]
fn command(program: &Path) -> Command {
    Command::new(program)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn both(output: &Output) -> String {
    format!("{}{}", said(output), String::from_utf8_lossy(&output.stderr))
}
