//! What outlives its run: the folders of servers, their journals and marks, and databases on a
//! server of somebody else. A FIFO can't be in a repository, so each test makes that of its folder.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::live::Live;
use crate::{Printed, copy, fixture, fixtures, names, spanproof};

/// A folder for temporary files in which something was left.
#[derive(Debug)]
struct Left {
    scratch: tempfile::TempDir,
    folder: PathBuf,
}

impl Left {
    /// Rebuilds a folder of the fixture, with its own paths in the place of `FOLDER`, `RECORD` and
    /// `CACHE`.
    fn new(name: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join(name);
        copy(&fixtures().join("kept").join(name), &folder);
        let left = Self { scratch, folder };
        let users = left.folder.join("users");
        nix::unistd::mkfifo(&users, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        // A younger folder may be one that is just being made.
        let minute = SystemTime::now() - Duration::from_mins(1);
        let minute = minute.duration_since(SystemTime::UNIX_EPOCH).unwrap().into();
        let (at, flags) = (nix::fcntl::AT_FDCWD, UtimensatFlags::NoFollowSymlink);
        utimensat(at, &users, &minute, &minute as &TimeSpec, flags).unwrap();
        for (name, private) in [("things", true), ("record", true), ("kept", false)] {
            let path = left.folder.join(name);
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            std::fs::write(&path, left.filled(&text)).unwrap();
            let mode = if private { 0o600 } else { 0o644 };
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
        std::fs::create_dir(left.folder.join("data")).unwrap();
        std::fs::write(left.folder.join("data/PG_VERSION"), "15\n").unwrap();
        left
    }

    fn filled(&self, text: &str) -> String {
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        text.replace("FOLDER", &path(&self.folder))
            .replace("RECORD", &path(&self.record()))
            .replace("CACHE", &path(&self.cache()))
    }

    /// The file by which other processes find a shared server.
    fn record(&self) -> PathBuf {
        self.scratch.path().join("spanproof-70f2733551de0472.server")
    }

    fn cache(&self) -> PathBuf {
        self.scratch.path().join("cache")
    }

    /// Runs the command with this folder for temporary files, and servers from binaries.
    fn run(&self, args: &[&str]) -> Printed {
        let mut command = spanproof(self.scratch.path(), args);
        command.env("TMPDIR", self.scratch.path()).env("SPANPROOF_POSTGRES", "binaries");
        command.output().unwrap().into()
    }
}

#[rstest]
#[case::by_a_run("spanproof-postgres-843f4b194ef4", false)]
#[case::and_shared_before("spanproof-postgres-b77df4d20838", true)]
fn a_kept_server_is_listed_and_removed(#[case] name: &str, #[case] shared: bool) {
    let left = Left::new(name);
    if shared {
        std::fs::copy(left.folder.join("record"), left.record()).unwrap();
    }
    let folder = left.folder.to_str().unwrap();
    let told = left.run(&["doctor"]);
    let line = format!("kept      {folder}: ");
    assert!(told.code == 0 && told.out.contains(&line), "expected {line}\nfound {told:?}");
    let would = left.run(&["clean", "--dry-run"]);
    assert!(would.out.contains(&format!("would remove {folder}\n")), "{would:?}");
    assert!(left.folder.join("data/PG_VERSION").exists());
    let removed = left.run(&["clean", folder]);
    assert_eq!((removed.code, removed.out), (0, format!("removed {folder}\n")));
    assert!(!left.folder.exists() && !left.record().exists(), "{:?}", names(left.scratch.path()));
}

#[test]
fn what_a_dead_process_left_is_swept() {
    let left = Left::new("spanproof-74023cffbd7c");
    let making = left.cache().join("making-628929ae2ba0401b9747eaf52353609c");
    std::fs::create_dir_all(&making).unwrap();
    std::fs::write(making.join("half"), "").unwrap();
    let told = left.run(&["doctor"]);
    assert!(told.code == 0 && !told.out.contains("74023cffbd7c"), "{told:?}");
    let start = Instant::now();
    while left.folder.exists() || making.exists() {
        let there = (names(&left.folder), names(&left.cache()));
        assert!(start.elapsed() < Duration::from_secs(20), "left: {there:?}");
        nap();
    }
    assert!(left.cache().exists(), "only what the journal names goes");
}

#[expect(clippy::disallowed_methods, reason = "a nap between two looks, each with a deadline")]
fn nap() {
    std::thread::sleep(Duration::from_millis(5));
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
fn a_kept_database_on_a_given_server_is_known_by_its_name() {
    let live = Live::start();
    let name = fixture("kept/database").trim().to_owned();
    execute(&live.url, format!("create database {name}")).unwrap();
    execute(&live.url, format!("create database my_{name}")).unwrap();
    let clean = |args: &[&str]| -> Printed {
        let mut command = spanproof(&fixtures().join("kept"), &[&["clean"], args].concat());
        command.env("SPANPROOF_POSTGRES", &live.url).output().unwrap().into()
    };
    let would = clean(&["--dry-run"]);
    assert!(would.out.contains(&format!("would remove {name}\n")), "{would:?}");
    assert!(!would.out.contains("my_"), "{would:?}");
    let removed = clean(&[&name]);
    assert_eq!((removed.code, removed.out), (0, format!("removed {name}\n")));
    // Its name is free again, and the other database is still there.
    execute(&live.url, format!("create database {name}")).unwrap();
    execute(&live.url, format!("drop database my_{name}")).unwrap();
}
