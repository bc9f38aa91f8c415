//! The folder with all files of one run of the benchmark, in memory or on disk.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User};
use spanproof_lease::{Guard, Resource};

/// If `/dev/shm` has fewer free bytes than this, the harness puts its data on disk.
const MIN_FREE: u64 = 1 << 30;
/// Shell script that mounts a tiny `/dev/shm` and then runs its arguments as a command. The script
/// must run in its own mount namespace, because otherwise every process would see this `/dev/shm`.
const HIDE_SHM: &str = "mount -t tmpfs -o size=64k none /dev/shm && exec \"$0\" \"$@\"";

/// The folder with all files of one run of the benchmark, and the user that runs its plain servers:
/// Postgres servers that the benchmark starts without the harness.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    /// The folder with the binaries of the newest Postgres that is installed.
    pub binaries: PathBuf,
    /// The user that runs the plain servers: `postgres` if this process runs as root. `None` if
    /// this process is not root; then the plain servers run as the same user as this process. Also
    /// `None` if there is no user `postgres`; then no plain server can be started as root.
    pub user: Option<User>,
    /// Whether the folder is on disk.
    pub disk: bool,
    /// Removes the folder if this process is killed.
    _guard: Guard,
    _folder: tempfile::TempDir,
}

impl Place {
    pub fn new(disk: bool) -> Result<Self> {
        let parent = if disk { std::env::temp_dir() } else { "/dev/shm".into() };
        let folder = tempfile::Builder::new().prefix("spanproof-bench-").tempdir_in(parent)?;
        let guard = spanproof_lease::guard(Resource::Folder(folder.path().to_owned()))?;
        let user = if Uid::effective().is_root() { User::from_name("postgres")? } else { None };
        let place = Self {
            folder: folder.path().to_owned(),
            binaries: newest_binaries()?,
            user,
            disk,
            _guard: guard,
            _folder: folder,
        };
        place.set_mode(&place.folder, 0o755)?;
        for (name, mode) in [("tmp", 0o1777), ("cache", 0o755), ("servers", 0o755)] {
            std::fs::create_dir(place.path(name))?;
            place.set_mode(&place.path(name), mode)?;
        }
        place.chown_to_server_user(&place.path("servers"))?;
        // This program and the migrations are copied, because the user `postgres` might have no
        // access to the checkout.
        std::fs::copy(std::env::current_exe()?, place.path("bench"))?;
        std::fs::create_dir(place.path("migrations"))?;
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))? {
            let entry = entry?;
            std::fs::copy(entry.path(), place.path("migrations").join(entry.file_name()))?;
        }
        Ok(place)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Changes the owner of `path` to [`user`](Self::user), so that a plain server can write there.
    pub fn chown_to_server_user(&self, path: &Path) -> Result<()> {
        let Some(user) = &self.user else { return Ok(()) };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).with_context(|| {
            format!("can't change the owner of {} to {}", path.display(), user.name)
        })
    }

    fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .with_context(|| format!("can't change the mode of {}", path.display()))
    }

    /// Returns a command that keeps its caches and temporary files in this folder. Its environment
    /// has no variables that name an existing server or a test runner.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("TMPDIR", self.path("tmp")).env("XDG_CACHE_HOME", self.path("cache"));
        for name in ["SPANPROOF_POSTGRES", "DATABASE_URL", "CARGO", "NEXTEST"] {
            command.env_remove(name);
        }
        command
    }

    pub fn describe(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let place = if self.disk { "on disk" } else { "in memory" };
        format!("{cores} cores, {place} ({}), {}", self.folder.display(), self.binaries.display())
    }
}

/// Returns whether the harness puts its data in `/dev/shm`, because enough of it is free.
pub fn harness_uses_shm() -> bool {
    nix::sys::statvfs::statvfs("/dev/shm")
        .is_ok_and(|stat| stat.blocks_available() * stat.fragment_size() >= MIN_FREE)
}

/// Restarts this program in a new mount namespace with a tiny `/dev/shm`, so that the harness puts
/// its data on disk. The new program replaces this process, so the function returns only errors.
pub fn restart_on_disk() -> Result<ExitCode> {
    let error = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", HIDE_SHM])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).context("--disk needs `unshare`, which can't be started")
}

fn newest_binaries() -> Result<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok());
    let newest =
        entries.map(|entry| entry.path()).filter(|p| version(p).is_some()).max_by_key(version);
    let Some(newest) = newest else { bail!("there is no /usr/lib/postgresql/VERSION") };
    Ok(newest.join("bin"))
}
