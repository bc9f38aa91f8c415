//! The journal of a lease: what there is to remove, appended line by line.
//!
//! First the boot that it belongs to and the lease's [`Ending`], then `+ kind name` for what came
//! and `- kind name` for what went. Each line is one write at the end of the file, so that several
//! processes may write to it, and a killed one leaves no half line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::resource::{Leader, Resource, with_path};

/// The name of the journal in the folder of its lease.
pub(super) const NAME: &str = "things";

/// When and how a lease ends, beyond "when its last user has gone".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// A file outside of the folder by which others find it: its first line is
    /// [`Lease::folder`](super::Lease::folder). It is removed first, if it still names this folder.
    pub record: Option<PathBuf>,
    /// A process, such as a test runner, for as long as which the lease goes on without users.
    pub parent: Option<u32>,
}

#[derive(Debug, Clone)]
pub(super) struct Journal(Arc<File>);

impl Journal {
    pub(super) fn create(folder: &Path, ending: &Ending) -> io::Result<Self> {
        let mut head = b"boot ".to_vec();
        head.extend(std::fs::read("/proc/sys/kernel/random/boot_id")?.trim_ascii());
        head.push(b'\n');
        if let Some(record) = &ending.record {
            head.extend(with_path("record ", record)?);
            head.push(b'\n');
        }
        // A parent that has gone already can't hold anything.
        if let Some((id, leader)) = ending.parent.and_then(|id| Some((id, Leader::of(id).ok()?))) {
            head.extend(format!("parent {id} {}\n", leader.start).into_bytes());
        }
        let mut options = OpenOptions::new();
        let file = options.append(true).create_new(true).mode(0o600).open(folder.join(NAME))?;
        (&file).write_all(&head)?;
        Ok(Self(Arc::new(file)))
    }

    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(folder.join(NAME))?;
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

/// Keeps one [`Resource`] registered for as long as it lives.
#[derive(Debug)]
#[must_use = "dropping the guard strikes the resource off the list"]
pub struct Guard {
    journal: Journal,
    line: Vec<u8>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A journal that can't be written to any more belongs to a lease that has ended.
        let _told = self.journal.append(b"- ", &self.line);
    }
}
