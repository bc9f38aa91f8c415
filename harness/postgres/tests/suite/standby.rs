//! Tests the error about a standby: a server that accepts connections but no writes.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use spanproof_lease::wait::{self, Attempt};
use spanproof_postgres::Source;
use sqlx::{Connection, PgConnection};

use crate::{all_output, chain, command, query, server_and_database, start};

/// A standby server without a primary. Dropping this value stops the server.
#[derive(Debug)]
struct Standby {
    running: Child,
    folder: tempfile::TempDir,
}

impl Standby {
    fn start(bin: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = Uid::effective().is_root().then(|| User::from_name("nobody").unwrap().unwrap());
        if let Some(user) = &user {
            let (uid, gid) = (Some(user.uid.as_raw()), Some(user.gid.as_raw()));
            std::os::unix::fs::chown(folder.path(), uid, gid).unwrap();
        }
        let initdb = program(bin, "initdb", user.as_ref())
            .args(["--auth=trust", "--no-sync", "-U", "spanproof", "-D"])
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", all_output(&initdb));
        std::fs::write(folder.path().join("data/standby.signal"), "").unwrap();
        let running = program(bin, "postgres", user.as_ref())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(folder.path().join("data"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { running, folder }
    }

    fn url(&self) -> String {
        let folder = self.folder.path().display();
        format!("postgres://spanproof@localhost/postgres?host={folder}")
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let id = Pid::from_raw(i32::try_from(self.running.id()).unwrap());
        let _sent = kill(id, Signal::SIGQUIT);
        let _ended = self.running.wait();
    }
}

fn program(bin: &Path, name: &str, user: Option<&User>) -> Command {
    let mut command = command(&bin.join(name));
    command.env("LC_ALL", "C").current_dir("/");
    if let Some(user) = user {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

#[tokio::test]
async fn a_standby_is_rejected_with_advice() {
    let (server, database) = server_and_database().await;
    let sql = "select setting from pg_config where name = 'BINDIR'";
    let bin = PathBuf::from(query::<String>(&database, sql).await);
    database.close().await.unwrap();
    server.close().await.unwrap();
    let standby = Standby::start(&bin);
    let url = standby.url();
    wait::until("a login on the standby", Duration::from_secs(30), || async {
        match PgConnection::connect(&url).await {
            Ok(_) => Attempt::Done(()),
            Err(error) => Attempt::NotYet(error.to_string()),
        }
    })
    .await
    .unwrap();
    let error = start(Source::Url(url)).await.map_err(chain).unwrap_err();
    let expected = ": it is a standby, which is read-only; name its primary";
    assert!(error.starts_with("no database can be created on postgres://spanproof@"), "{error}");
    assert!(error.ends_with(expected), "{error}");
}
