//! Tests that this version lists and removes what earlier versions left: folders of servers, and
//! databases on a server given by URL. The folder of a server contains the file `things`, the journal of
//! what must be removed with the folder. It also contains the FIFO `users`, which each process that uses
//! the server holds open. Git can't store a FIFO, so each test creates one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::live::Live;
use super::{fixture, fixtures};
use crate::folder::{copy, names};
use crate::run::{Output, Spanproof};
use crate::wait::wait_until;

/// A value for `TMPDIR`: a folder that contains the folder of a server of an earlier version.
#[derive(Debug)]
struct Leftover {
    /// The folder for `TMPDIR`.
    scratch: tempfile::TempDir,
    /// The folder of the server.
    folder: PathBuf,
}

impl Leftover {
    /// Copies a folder from `fixtures/format-1/kept`. Replaces the placeholders `FOLDER`, `RECORD` and
    /// `CACHE` in its files with actual paths.
    fn new(name: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join(name);
        copy(&fixtures().join("kept").join(name), &folder);
        let leftover = Self { scratch, folder };
        let users = leftover.folder.join("users");
        nix::unistd::mkfifo(&users, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        // The clean-up ignores folders that are only seconds old, because a process could still be creating
        // them.
        let minute_ago = SystemTime::now() - Duration::from_mins(1);
        let minute_ago = minute_ago.duration_since(SystemTime::UNIX_EPOCH).unwrap().into();
        let (at, flags) = (nix::fcntl::AT_FDCWD, UtimensatFlags::NoFollowSymlink);
        utimensat(at, &users, &minute_ago, &minute_ago as &TimeSpec, flags).unwrap();
        for (name, private) in [("things", true), ("record", true), ("kept", false)] {
            let path = leftover.folder.join(name);
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            std::fs::write(&path, leftover.with_paths(&text)).unwrap();
            let mode = if private { 0o600 } else { 0o644 };
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
        std::fs::create_dir(leftover.folder.join("data")).unwrap();
        std::fs::write(leftover.folder.join("data/PG_VERSION"), "any\n").unwrap();
        leftover
    }

    fn with_paths(&self, text: &str) -> String {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        text.replace("FOLDER", &path(&self.folder))
            .replace("RECORD", &path(&self.record()))
            .replace("CACHE", &path(&self.cache()))
    }

    /// Returns the file by which other processes find a shared server.
    fn record(&self) -> PathBuf {
        self.scratch.path().join("spanproof-70f2733551de0472.server")
    }

    /// Returns the folder of the cache, which a journal can name.
    fn cache(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    /// Runs the command with this `TMPDIR`, and with Postgres servers from local binaries.
    fn run(&self, args: &[&str]) -> Output {
        let command = Spanproof::new(self.scratch.path(), args).env("TMPDIR", self.scratch.path());
        command.env("SPANPROOF_POSTGRES", "binaries").output()
    }
}

#[rstest]
#[case::server_of_a_run("spanproof-postgres-843f4b194ef4", false)]
#[case::shared_server("spanproof-postgres-b77df4d20838", true)]
fn a_kept_server_is_listed_by_doctor_and_removed_by_clean(
    #[case] name: &str,
    #[case] shared: bool,
) {
    let leftover = Leftover::new(name);
    if shared {
        std::fs::copy(leftover.folder.join("record"), leftover.record()).unwrap();
    }
    let folder = leftover.folder.to_str().unwrap();
    let doctor = leftover.run(&["doctor"]);
    let line = format!("kept      {folder}: ");
    assert!(doctor.code == 0 && doctor.stdout.contains(&line), "expected {line}\nfound {doctor:?}");
    let plan = leftover.run(&["clean", "--dry-run"]);
    assert!(plan.stdout.contains(&format!("would remove {folder}\n")), "{plan:?}");
    assert!(leftover.folder.join("data/PG_VERSION").exists());
    let removed = leftover.run(&["clean", folder]);
    assert_eq!((removed.code, removed.stdout), (0, format!("removed {folder}\n")));
    assert!(
        !leftover.folder.exists() && !leftover.record().exists(),
        "{:?}",
        names(leftover.scratch.path())
    );
}

#[test]
fn folders_of_a_dead_process_are_removed() {
    let leftover = Leftover::new("spanproof-74023cffbd7c");
    // The process died before it finished this cache entry. The journal names the folder of the
    // entry.
    let unfinished = leftover.cache().join("making-628929ae2ba0401b9747eaf52353609c");
    std::fs::create_dir_all(&unfinished).unwrap();
    std::fs::write(unfinished.join("half"), "").unwrap();
    let doctor = leftover.run(&["doctor"]);
    assert!(doctor.code == 0 && !doctor.stdout.contains("74023cffbd7c"), "{doctor:?}");
    wait_until("the removal of both folders", Duration::from_secs(20), || {
        let present = leftover.folder.exists() || unfinished.exists();
        if present { Err((names(&leftover.folder), names(&leftover.cache()))) } else { Ok(()) }
    });
    assert!(leftover.cache().exists(), "a folder that the journal does not name was removed");
}

/// Runs SQL on a server.
fn execute(url: &str, sql: String) -> Result<(), sqlx::Error> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        connection.close().await
    })
}

#[test]
fn clean_removes_only_the_kept_database_whose_name_is_given() {
    let live = Live::start();
    let name = fixture("kept/database").trim().to_owned();
    execute(&live.url, format!("create database {name}")).unwrap();
    execute(&live.url, format!("create database my_{name}")).unwrap();
    let clean = |args: &[&str]| {
        let command = Spanproof::new(fixtures().join("kept"), &[&["clean"], args].concat());
        command.env("SPANPROOF_POSTGRES", &live.url).output()
    };
    let plan = clean(&["--dry-run"]);
    assert!(plan.stdout.contains(&format!("would remove {name}\n")), "{plan:?}");
    assert!(!plan.stdout.contains("my_"), "{plan:?}");
    let removed = clean(&[&name]);
    assert_eq!((removed.code, removed.stdout), (0, format!("removed {name}\n")));
    // The first statement fails if the database exists; the second fails if its database is gone.
    execute(&live.url, format!("create database {name}")).unwrap();
    execute(&live.url, format!("drop database my_{name}")).unwrap();
}
