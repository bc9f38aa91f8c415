//! A plain server: a Postgres server without the harness, created by `initdb` and migrated by sqlx.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

/// The settings of a plain server, the same as those of the servers that the harness starts.
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
/// Longest wait for the first connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// The folder and the binaries of a plain server.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Contains the data directory, the socket and the server's log.
    pub folder: PathBuf,
    /// The folder with the Postgres binaries.
    pub binaries: PathBuf,
}

/// A running plain server. Dropping it stops the server.
#[derive(Debug)]
pub struct PlainServer {
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

    /// Creates the data directory. Clients of its server need no password.
    pub fn initdb(&self) -> Result<()> {
        let mut command = self.command("initdb")?;
        command.args(["-U", "spanproof", "--auth=trust", "--encoding=UTF8", "-D"]).arg(self.data());
        let output = command.stderr(Stdio::piped()).output().context("can't start initdb")?;
        ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Starts the server and returns at once, before the server accepts connections.
    pub fn spawn(&self) -> Result<PlainServer> {
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let log = std::fs::File::create(self.folder.join("log"))?;
        Ok(PlainServer {
            directory: self.clone(),
            child: command.stderr(log).spawn().context("can't start postgres")?,
        })
    }

    /// Connects to `database` as soon as the server accepts connections.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        connect_when_ready(&self.url(database)).await
    }

    /// Creates the database `name` and applies the migrations.
    pub async fn create_migrated(&self, name: &'static str, migrations: &Path) -> Result<()> {
        let mut connection = self.connect("postgres").await?;
        let create = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::raw_sql(create).execute(&mut connection).await?;
        connection.close().await?;
        migrate(&self.url(name), migrations).await
    }
}

/// Connects as soon as the server accepts connections; tries every 2 ms.
pub async fn connect_when_ready(url: &str) -> Result<PgConnection> {
    let start = Instant::now();
    loop {
        match PgConnection::connect(url).await {
            Ok(connection) => return Ok(connection),
            Err(error) if start.elapsed() > CONNECT_TIMEOUT => {
                bail!("can't connect to {url}: {error}")
            }
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

impl PlainServer {
    /// Stops the server cleanly, so that the next start needs no recovery.
    pub fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGINT)?;
        let status = self.child.wait()?;
        ensure!(
            status.success(),
            "the server in {} exited with {status}",
            self.directory.folder.display()
        );
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?;
        Ok(())
    }
}

impl Drop for PlainServer {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _result = self.signal(Signal::SIGQUIT);
            let _status = self.child.wait();
        }
    }
}
