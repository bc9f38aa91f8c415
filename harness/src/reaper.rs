//! The reaper: a tiny shell process that outlives us and removes what we would leave behind.
//!
//! Whatever ends this process (a signal, a panic, `abort`, SIGKILL), the pipe to the reaper closes,
//! and everything that is still registered goes: process groups first, then servers, containers
//! and folders. A [`Guard`] registers one thing and strikes it off the list when it is dropped.
//! The reaper needs nothing but `/bin/sh`, so that the library works without our own binary.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Reads `+ kind name` and `- kind name` lines until the pipe closes, then removes what is left.
/// Signals are ignored: it ends when we have ended.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT TSTP
left=$(cat | awk '
  { line = substr($0, 3) }
  /^\+ / { n++; order[n] = line; live[line] = 1 }
  /^- / { delete live[line] }
  END { for (i = 1; i <= n; i++) if (order[i] in live) print order[i] }')
of() { printf '%s\n' "$left" | sed -n "s/^$1 //p"; }
# Whoever descends from a group's leader and has left the group goes with it.
family=$(cat /proc/[0-9]*/stat | sed -n 's/^\([0-9]*\) (.*) . \([0-9]*\) .*/\1 \2/p' | awk -v roots="$(of group)" '
  BEGIN { n = split(roots, root); for (i = 1; i <= n; i++) is[root[i]] = 1 }
  { parent[$1] = $2 }
  END { for (id in parent) { up = parent[id]
    for (i = 0; i < 100 && up in parent; i++) { if (up in is) { print id; break } up = parent[up] } } }')
of group | while read -r id; do kill -KILL "-$id"; done
for id in $family; do kill -KILL "$id"; done
of server | while read -r id; do kill -QUIT "$id"; done
of container | while read -r id; do docker rm -f -v "$id"; done
of server | while read -r id; do
  tries=0
  while kill -0 "$id" && [ "$tries" -lt 60 ]; do
    tries=$((tries + 1)); sleep 0.05
    [ "$tries" -eq 50 ] && kill -KILL "$id"
  done
done
# What was killed a moment ago may still end a write: until nothing is left, for three seconds.
of folder | while IFS= read -r path; do
  tries=0
  while rm -rf -- "$path"; [ -e "$path" ] && [ "$tries" -lt 60 ]; do
    tries=$((tries + 1)); sleep 0.05
  done
done
"#;

/// Something that must not outlive us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A process group, by its leader's id.
    Group(u32),
    /// A Postgres server, by its postmaster's id: it is asked for an immediate shutdown.
    Server(u32),
    /// A container, by its id.
    Container(String),
    /// A folder with all that is in it.
    Folder(PathBuf),
}

impl Thing {
    fn line(&self) -> String {
        match self {
            Self::Group(id) => format!("group {id}"),
            Self::Server(id) => format!("server {id}"),
            Self::Container(id) => format!("container {id}"),
            Self::Folder(path) => format!("folder {}", path.display()),
        }
    }
}

/// Keeps one [`Thing`] registered for as long as it lives.
#[derive(Debug)]
#[must_use = "dropping the guard strikes the thing off the list"]
pub struct Guard(Thing);

impl Drop for Guard {
    fn drop(&mut self) {
        // A reaper that is gone can't be told; the thing is gone as well by now.
        let _told = tell('-', &self.0);
    }
}

/// Registers `thing`: it is removed when this process ends without having dropped the guard.
///
/// # Errors
/// When `/bin/sh` can't be started or has gone.
pub fn guard(thing: Thing) -> std::io::Result<Guard> {
    tell('+', &thing)?;
    Ok(Guard(thing))
}

fn tell(sign: char, thing: &Thing) -> std::io::Result<()> {
    let mut pipe = pipe();
    if pipe.is_none() {
        *pipe = Some(start()?);
    }
    match pipe.as_mut() {
        Some(stdin) => stdin.write_all(format!("{sign} {}\n", thing.line()).as_bytes()),
        None => Ok(()),
    }
}

fn pipe() -> MutexGuard<'static, Option<ChildStdin>> {
    static PIPE: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();
    PIPE.get_or_init(|| Mutex::new(None)).lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::disallowed_methods, reason = "the reaper is the process that watches ours")]
fn start() -> std::io::Result<ChildStdin> {
    let mut child = std::process::Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    child.stdin.take().ok_or_else(|| std::io::Error::other("the reaper has no standard input"))
}
