//! A resource to be removed, and its line in a journal: the file that lists the resources of a
//! lease.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Something that must not outlive the processes that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A process group, by its leader's process id, with all descendants of its members.
    Group(u32),
    /// A container, by its name or id.
    Container(String),
    /// A folder with its contents, or a file.
    Folder(PathBuf),
    /// A Postgres server, by its data directory, which need not exist yet. Removing it kills the
    /// `initdb` and server processes that use the directory, and removes their shared memory. The
    /// directory itself stays; to remove it as well, guard it as a [`Folder`](Self::Folder).
    Server(PathBuf),
}

impl Resource {
    /// Returns the resource's line in a journal, without the leading `+` or `-` and the line break.
    pub(super) fn line(&self) -> io::Result<Vec<u8>> {
        let line = match self {
            Self::Group(id) => {
                let Process { start, session } = Process::read(*id)?;
                format!("group {id} {start} {session}").into_bytes()
            }
            Self::Container(id) => format!("container {id}").into_bytes(),
            Self::Folder(path) => line_with_path("folder ", path)?,
            Self::Server(path) => line_with_path("server ", path)?,
        };
        reject_line_breaks(line)
    }
}

/// Returns `text` followed by `path`, made absolute: the reaper, which reads the journal, works in
/// `/`.
pub(super) fn line_with_path(text: &str, path: &Path) -> io::Result<Vec<u8>> {
    let path = std::path::absolute(path)?;
    reject_line_breaks([text.as_bytes(), path.as_os_str().as_bytes()].concat())
}

fn reject_line_breaks(line: Vec<u8>) -> io::Result<Vec<u8>> {
    if line.contains(&b'\n') {
        let text = String::from_utf8_lossy(&line).into_owned();
        let error = format!("{text:?} can't be registered for removal: it contains a line break");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    Ok(line)
}

/// Start time and session of a process. A later process with the same id has a different start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Start time, in clock ticks since the boot.
    pub(super) start: u64,
    pub(super) session: u32,
}

impl Process {
    pub(super) fn read(id: u32) -> io::Result<Self> {
        let stat = std::fs::read(format!("/proc/{id}/stat"))?;
        let stat = String::from_utf8_lossy(&stat);
        // The name in parentheses may contain anything. The state after it is field 3.
        let fields: Vec<_> =
            stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').collect();
        let field = |number: usize| fields.get(number - 3).copied().unwrap_or_default();
        match (field(22).parse(), field(6).parse()) {
            (Ok(start), Ok(session)) => Ok(Self { start, session }),
            _ => Err(io::Error::other(format!("`/proc/{id}/stat` can't be parsed: {stat}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_group_has_the_start_time_of_its_leader() {
        let id = std::process::id();
        let line = String::from_utf8(Resource::Group(id).line().unwrap()).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let start = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap();
        assert_eq!(words[..3], ["group", &id.to_string(), start]);
        assert_eq!(words.len(), 4, "{line}");
    }

    #[test]
    fn rejects_a_path_with_a_line_break() {
        let error = Resource::Folder("/tmp/a\nfolder /".into()).line().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_relative_path_becomes_absolute() {
        let line = Resource::Server("a b's".into()).line().unwrap();
        let expected = format!("server {}/a b's", std::env::current_dir().unwrap().display());
        assert_eq!(String::from_utf8(line).unwrap(), expected);
    }
}
