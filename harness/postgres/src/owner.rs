//! The process that something belongs to, identified so exactly that its death can be seen later.
//!
//! A process id alone says little: it is used again, after a restart of the machine and in each
//! container anew. With the boot, the process namespace and the start time it names one process. That is one
//! field of one file of `/proc`; `procfs` would parse all of them.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The field of `/proc/PID/stat` with the start time, counted from behind the command's name.
const STARTED: usize = 19;

/// One process of one boot of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    /// The machine's boot.
    pub(super) boot: String,
    /// The process namespace: within another one a process id means another process.
    pub(super) namespace: String,
    /// The process id.
    pub(super) pid: u32,
    /// Its start, in ticks since the boot.
    pub(super) started: String,
}

impl Owner {
    /// This process, where the system says enough about it.
    pub(super) fn me() -> Option<Self> {
        let (pid, here) = (std::process::id(), Here::look()?);
        Some(Self { boot: here.boot, namespace: here.namespace, started: started(pid)?, pid })
    }

    /// Whether it is known to have ended. In doubt it lives: one of another machine, of another
    /// namespace, or one that can't be looked at.
    pub(super) fn is_dead(&self) -> bool {
        let Some(here) = Here::look() else { return false };
        if here.boot != self.boot || here.namespace != self.namespace {
            return false;
        }
        let Ok(pid) = i32::try_from(self.pid) else { return false };
        if pid <= 0 {
            return false;
        }
        // A process that is there may be hidden in `/proc`, so its absence there says nothing.
        match kill(Pid::from_raw(pid), None) {
            Err(Errno::ESRCH) => true,
            _ => started(self.pid).is_some_and(|started| started != self.started),
        }
    }
}

/// Where this process is.
#[derive(Debug)]
struct Here {
    boot: String,
    namespace: String,
}

impl Here {
    fn look() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let namespace = namespace.to_string_lossy().into_owned();
        Some(Self { boot: boot.trim().to_owned(), namespace })
    }
}

/// When a process started; its name, in brackets, may hold spaces and brackets itself.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let behind = stat.rsplit_once(") ")?.1;
    behind.split_whitespace().nth(STARTED).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lives_is_not_taken_for_dead() {
        let me = Owner::me().unwrap();
        assert!(!me.is_dead(), "{me:?}");
        // The first process may be another user's.
        let first = Owner { pid: 1, started: started(1).unwrap(), ..me };
        assert!(!first.is_dead(), "{first:?}");
    }

    #[test]
    fn a_process_that_ended_is_dead_also_when_its_number_is_used_again() {
        let me = Owner::me().unwrap();
        let reused = Owner { started: "1".into(), ..me.clone() };
        assert!(reused.is_dead(), "{reused:?}");
        // Above any limit of the system.
        let gone = Owner { pid: 0x3fff_ffff, ..me };
        assert!(gone.is_dead(), "{gone:?}");
    }

    #[test]
    fn of_another_boot_or_namespace_nothing_is_known() {
        let gone = Owner { pid: 0x3fff_ffff, ..Owner::me().unwrap() };
        let boot = Owner { boot: "another".into(), ..gone.clone() };
        let namespace = Owner { namespace: "pid:[1]".into(), ..gone };
        assert!(!boot.is_dead(), "{boot:?}");
        assert!(!namespace.is_dead(), "{namespace:?}");
    }
}
