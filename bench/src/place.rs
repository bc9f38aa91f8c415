//! Where everything of one run is: in memory, or on disk.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User};
use spanproof_lease::{Guard, Resource};

/// What `/dev/shm` must have free: the harness asks for as much.
const ROOM: u64 = 1 << 30;
/// Hides `/dev/shm` from us and from whatever we start; nothing else on the machine notices.
const HIDDEN: &str = "mount -t tmpfs -o size=64k none /dev/shm && exec \"$0\" \"$@\"";

/// The folder of one run, and the user that its servers run as.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    pub binaries: PathBuf,
    pub user: Option<User>,
    pub disk: bool,
    _guard: Guard,
    _folder: tempfile::TempDir,
}

impl Place {
    pub fn make(disk: bool) -> Result<Self> {
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
        place.open(&place.folder, 0o755)?;
        for (name, mode) in [("tmp", 0o1777), ("cache", 0o755), ("servers", 0o755)] {
            std::fs::create_dir(place.path(name))?;
            place.open(&place.path(name), mode)?;
        }
        place.give(&place.path("servers"))?;
        // For a user who may not look into our home.
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

    /// Gives `path` to the user of the servers.
    pub fn give(&self, path: &Path) -> Result<()> {
        let Some(user) = &self.user else { return Ok(()) };
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
            .with_context(|| format!("{} can't be given to {}", path.display(), user.name))
    }

    fn open(&self, path: &Path, mode: u32) -> Result<()> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
            .with_context(|| format!("the mode of {} in {}", path.display(), self.folder.display()))
    }

    /// A program whose caches and temporary files are here, and which inherits no server.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("TMPDIR", self.path("tmp")).env("XDG_CACHE_HOME", self.path("cache"));
        for name in ["SPANPROOF_POSTGRES", "DATABASE_URL", "CARGO", "NEXTEST"] {
            command.env_remove(name);
        }
        command
    }

    pub fn described(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let place = if self.disk { "on disk" } else { "in memory" };
        format!("{cores} cores, {place} ({}), {}", self.folder.display(), self.binaries.display())
    }
}

/// Whether the harness will put its data in memory.
pub fn in_memory() -> bool {
    nix::sys::statvfs::statvfs("/dev/shm")
        .is_ok_and(|stat| stat.blocks_available() * stat.fragment_size() >= ROOM)
}

/// Starts us again where `/dev/shm` has no room, so that every side falls back to the disk.
pub fn again_on_disk() -> Result<ExitCode> {
    let error = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", HIDDEN])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).context("`unshare`, which --disk needs, could not be started")
}

fn newest_binaries() -> Result<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name().and_then(|n| n.to_str()?.parse::<u32>().ok());
    let newest =
        entries.map(|entry| entry.path()).filter(|p| version(p).is_some()).max_by_key(version);
    let Some(newest) = newest else { bail!("there is no /usr/lib/postgresql/VERSION") };
    Ok(newest.join("bin"))
}
