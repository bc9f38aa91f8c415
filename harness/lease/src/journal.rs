//! The journal of a lease: a file that lists the resources to remove when the last process that
//! uses the lease has ended.
//!
//! The journal starts with the boot id and the [`LeaseOptions`]. After a reboot, the process ids in the
//! journal belong to different processes, which must not be killed. Then comes a line `+ kind name` for
//! each resource that is registered, and `- kind name` for each resource that is unregistered. Each
//! line is appended by one write, so several processes can write at the same time, and a killed process
//! leaves no partial line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::resource::{Process, Resource, line_with_path};

/// File name of the journal in the folder of its lease.
pub(super) const FILE: &str = "things";

/// Options of a new lease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeaseOptions {
    /// A file outside the folder that tells other processes where the folder is: the first line of
    /// this file is [`Lease::folder`](super::Lease::folder). The file is removed before anything
    /// else, unless it names a different folder by then.
    pub record: Option<PathBuf>,
    /// The id of a process, such as a test runner. While this process runs, the lease stays, even
    /// without users.
    pub parent: Option<u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<File>);

impl Journal {
    pub(super) fn create(folder: &Path, options: &LeaseOptions) -> io::Result<Self> {
        let mut head = b"boot ".to_vec();
        head.extend(std::fs::read("/proc/sys/kernel/random/boot_id")?.trim_ascii());
        head.push(b'\n');
        if let Some(record) = &options.record {
            head.extend(line_with_path("record ", record)?);
            head.push(b'\n');
        }
        // A parent that has already ended is left out.
        if let Some(id) = options.parent
            && let Ok(Process { start, .. }) = Process::read(id)
        {
            head.extend(format!("parent {id} {start}\n").into_bytes());
        }
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).mode(0o600).open(folder.join(FILE))?;
        (&file).write_all(&head)?;
        Ok(Self(Arc::new(file)))
    }

    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(folder.join(FILE))?;
        Ok(Self(Arc::new(file)))
    }

    pub(super) fn guard(&self, resource: &Resource) -> io::Result<Guard> {
        let line = resource.line()?;
        self.append(b"+ ", &line)?;
        Ok(Guard { journal: self.clone(), line })
    }

    fn append(&self, sign: &[u8], line: &[u8]) -> io::Result<()> {
        (&*self.0).write_all(&[sign, line, b"\n"].concat())
    }
}

/// Keeps one [`Resource`] registered until this guard is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard unregisters the resource"]
pub struct Guard {
    journal: Journal,
    line: Vec<u8>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // An error means that the lease has ended, so nothing is registered.
        let _written = self.journal.append(b"- ", &self.line);
    }
}
