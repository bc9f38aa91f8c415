//! Identifies a process, so that other processes can find out later whether it has ended.
//!
//! A process id alone is not enough: ids are reused, after a reboot and in each container. The id, the
//! boot, the process namespace and the start time together identify one process.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// Index of the start time in `/proc/PID/stat`, counted after the command's name.
const START_TIME: usize = 19;

/// One process of one boot of one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// The boot id of the machine.
    pub(super) boot: String,
    /// The process namespace, in which the id is valid.
    pub(super) namespace: String,
    /// The process id.
    pub(super) pid: u32,
    /// The start time, in ticks since the boot.
    pub(super) start_time: String,
}

impl Process {
    /// Returns this process; `None` if `/proc` can't be read.
    pub(super) fn current() -> Option<Self> {
        let pid = std::process::id();
        let start_time = start_time(pid)?;
        Some(Self { boot: boot()?, namespace: namespace()?, start_time, pid })
    }

    /// Returns `true` if the process has certainly ended. Returns `false` if the process runs, or
    /// if that can't be determined, as for a process of another machine or namespace.
    pub(super) fn is_dead(&self) -> bool {
        if boot().as_ref() != Some(&self.boot) || namespace().as_ref() != Some(&self.namespace) {
            return false;
        }
        let Ok(pid) = i32::try_from(self.pid) else { return false };
        if pid <= 0 {
            return false;
        }
        // `kill` without a signal fails with ESRCH if there is no such process. A process that is
        // not in `/proc` may exist: `/proc` may hide processes of other users.
        match kill(Pid::from_raw(pid), None) {
            Err(Errno::ESRCH) => true,
            _ => start_time(self.pid).is_some_and(|start_time| start_time != self.start_time),
        }
    }
}

fn boot() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(boot.trim().to_owned())
}

fn namespace() -> Option<String> {
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(namespace.to_string_lossy().into_owned())
}

/// Returns the start time of a process; `None` if `/proc` can't be read. In `/proc/PID/stat` the
/// command's name is in parentheses, and may itself contain spaces and parentheses.
fn start_time(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = stat.rsplit_once(") ")?.1;
    fields.split_whitespace().nth(START_TIME).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_is_not_dead() {
        let this = Process::current().unwrap();
        assert!(!this.is_dead(), "{this:?}");
        // Process 1 may belong to another user.
        let first = Process { pid: 1, start_time: start_time(1).unwrap(), ..this };
        assert!(!first.is_dead(), "{first:?}");
    }

    #[test]
    fn an_ended_process_is_dead_even_if_its_id_is_reused() {
        let this = Process::current().unwrap();
        let reused = Process { start_time: "1".into(), ..this.clone() };
        assert!(reused.is_dead(), "{reused:?}");
        // This id is above any limit of the system.
        let ended = Process { pid: 0x3fff_ffff, ..this };
        assert!(ended.is_dead(), "{ended:?}");
    }

    #[test]
    fn a_process_of_another_boot_or_namespace_is_not_dead() {
        let ended = Process { pid: 0x3fff_ffff, ..Process::current().unwrap() };
        let boot = Process { boot: "another".into(), ..ended.clone() };
        let namespace = Process { namespace: "pid:[1]".into(), ..ended };
        assert!(!boot.is_dead(), "{boot:?}");
        assert!(!namespace.is_dead(), "{namespace:?}");
    }
}
