//! A server without our harness: `initdb`, a process, a login, migrations through sqlx.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

/// The settings of the harness's own servers.
const SETTINGS: [&str; 17] = [
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",
    "jit=off",
    "shared_buffers=64MB",
    "max_connections=300",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "unix_socket_permissions=0700",
    "dynamic_shared_memory_type=mmap",
];
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a plain server's data are, and its binaries.
#[derive(Debug, Clone)]
pub struct Directory {
    pub folder: PathBuf,
    pub binaries: PathBuf,
}

/// A plain server that runs; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Plain {
    directory: Directory,
    child: Child,
}

impl Directory {
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://spanproof@localhost/{database}?host={}", self.folder.display())
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.binaries.join(program));
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir("/").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if Uid::effective().is_root() {
            let user = User::from_name("postgres")?.context("there is no user `postgres`")?;
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        Ok(command)
    }

    /// Plain: nothing but the role and no password.
    pub fn initdb(&self) -> Result<()> {
        let mut command = self.command("initdb")?;
        command.args(["-U", "spanproof", "--auth=trust", "--encoding=UTF8", "-D"]).arg(self.data());
        let output = command.stderr(Stdio::piped()).output().context("initdb")?;
        ensure!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    pub fn spawn(&self) -> Result<Plain> {
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.join("log"))?;
        Ok(Plain {
            directory: self.clone(),
            child: command.stderr(log).spawn().context("postgres")?,
        })
    }

    /// A connection as soon as the server lets us in.
    pub async fn login(&self, database: &str) -> Result<PgConnection> {
        enter(&self.url(database)).await
    }

    /// A database with the migrations in it.
    pub async fn migrated(&self, name: &'static str, migrations: &Path) -> Result<()> {
        let mut connection = self.login("postgres").await?;
        let create = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(create).execute(&mut connection).await?;
        connection.close().await?;
        migrate(&self.url(name), migrations).await
    }
}

/// A connection as soon as the server lets us in: a look every two milliseconds.
pub async fn enter(url: &str) -> Result<PgConnection> {
    let start = Instant::now();
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return Ok(connection),
            Err(error) if start.elapsed() > PATIENCE => bail!("no login at {url}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

pub async fn migrate(url: &str, migrations: &Path) -> Result<()> {
    let migrator = sqlx::migrate::Migrator::new(migrations).await?;
    let mut connection = PgConnection::connect(url).await?;
    migrator.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

impl Plain {
    /// Stops it in order, so that the next start has nothing to recover.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGINT)?;
        let status = self.child.wait()?;
        ensure!(
            status.success(),
            "the server in {} ended with {status}",
            self.directory.folder.display()
        );
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _sent = self.signal(Signal::SIGQUIT);
            let _ended = self.child.wait();
        }
    }
}
