//! A process that uses leases, is told what to do line by line, and can be killed at any moment.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::unistd::{Uid, User as Account};
use spanproof_lease::{Ending, Guard, Lease, Resource};

/// Where the test asks for a user instead of a test.
const ROLE: &str = "SPANPROOF_REAPER_USER";
const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// The user's process, as the test sees it.
pub(crate) struct User {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl User {
    /// A process whose own lease, and whose sweep, are in `temporary`.
    pub(crate) fn start(temporary: &Path) -> Self {
        let mut command = command(&std::env::current_exe().unwrap());
        command.args(["--exact", "a_user_when_one_is_asked_for", "--nocapture"]);
        command.env(ROLE, "yes").env("TMPDIR", temporary);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, orders, answers }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Tells it `order` and waits for its answer.
    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer().unwrap_or_else(|| panic!("no answer to `{order}`"))
    }

    pub(crate) fn tell(&mut self, order: &str) {
        // It may have been killed.
        let _told = writeln!(self.orders, "{order}");
    }

    /// The next answer; none when it has ended.
    pub(crate) fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.answers.read_line(&mut line).unwrap() > 0 {
            if let Some(answer) = line.trim_end().strip_prefix('@') {
                return Some(answer.to_owned());
            }
            line.clear();
        }
        None
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// What the process does when it is a user.
pub(crate) fn serve() {
    #[expect(clippy::disallowed_methods, reason = "how the process learns that it is a user")]
    if std::env::var(ROLE).is_err() {
        return;
    }
    let mut state = State::default();
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        let (word, rest) = order.split_once(' ').unwrap_or((&order, ""));
        let answer = state.obey(word, rest);
        println!("@{answer}");
    }
}

#[derive(Default)]
struct State {
    ending: Ending,
    lease: Option<Lease>,
    guards: Vec<Guard>,
    children: Vec<Child>,
}

impl State {
    fn obey(&mut self, word: &str, rest: &str) -> String {
        let done = String::from("done");
        match word {
            "record" => self.ending.record = Some(rest.into()),
            "parent" => self.ending.parent = Some(rest.parse().unwrap()),
            "make" => {
                let ending = std::mem::take(&mut self.ending);
                self.lease = Some(Lease::make_with(Path::new(rest), ending).unwrap());
            }
            "join" => {
                self.lease = Lease::join(Path::new(rest)).unwrap();
                return if self.lease.is_some() { "joined" } else { "none" }.into();
            }
            "leave" => self.lease = None,
            "keep" => self.lease.as_ref().unwrap().keep().unwrap(),
            "remove" => {
                return spanproof_lease::remove(Path::new(rest))
                    .map_or_else(|e| e.to_string(), |()| done);
            }
            "kept" => return format!("{:?}", spanproof_lease::kept()),
            "own" => {
                self.guards.push(spanproof_lease::guard(Resource::Folder(rest.into())).unwrap());
                std::fs::create_dir(rest).unwrap();
            }
            "folder" => {
                self.guard(Resource::Folder(rest.into()));
                std::fs::create_dir(rest).unwrap();
            }
            "group" => return self.group(rest).to_string(),
            "initdb" => return self.initdb().to_string(),
            "server" => return self.server(Path::new(rest), "mmap").to_string(),
            // Harder than how the harness runs it: with a segment of its own in /dev/shm.
            "posix-server" => return self.server(Path::new(rest), "posix").to_string(),
            other => panic!("what is {other}?"),
        }
        done
    }

    fn guard(&mut self, resource: Resource) {
        self.guards.push(self.lease.as_ref().unwrap().guard(resource).unwrap());
    }

    /// A group of two that begins when it is guarded: the shell waits for a word.
    fn begin(&mut self, mut command: Command) -> u32 {
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        self.guard(Resource::Group(child.id()));
        writeln!(child.stdin.take().unwrap(), "go").unwrap();
        let id = child.id();
        self.children.push(child);
        id
    }

    fn group(&mut self, seconds: &str) -> u32 {
        let mut shell = command(Path::new("/bin/sh"));
        shell.args(["-c", "read go || exit; setsid sleep $1 & sleep $1 & wait", "sh", seconds]);
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        self.begin(shell)
    }

    fn data(&mut self) -> PathBuf {
        let folder = self.lease.as_ref().unwrap().folder().to_owned();
        if let Some(account) = account() {
            chown(&folder, Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
        }
        self.guard(Resource::Server(folder.join("data")));
        folder.join("data")
    }

    fn initdb(&mut self) -> u32 {
        let data = self.data();
        let mut shell = command(Path::new("/bin/sh"));
        let script = format!(
            "read go || exit; exec {BINARIES}/initdb -D \"$1\" -U me --auth=trust --no-sync --locale=C --wal-segsize=1"
        );
        shell.args(["-c", &script, "sh"]).arg(data);
        if let Some(account) = account() {
            shell.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        shell.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        self.begin(shell)
    }

    /// A server on a copy of the data directory `model`.
    fn server(&mut self, model: &Path, shared: &str) -> u32 {
        let data = self.data();
        let status = command(Path::new("cp")).arg("-a").arg(model).arg(&data).status().unwrap();
        assert!(status.success());
        let child = postgres(&data, shared);
        let id = child.id();
        self.children.push(child);
        id
    }
}

/// Starts a server; it works in a folder of its own, with its socket beside the data.
fn postgres(data: &Path, shared: &str) -> Child {
    let mut server = command(&Path::new(BINARIES).join("postgres"));
    server.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
    server.arg("-c").arg(format!("dynamic_shared_memory_type={shared}"));
    server.args(["-c", "shared_buffers=1MB"]);
    server.arg("-c").arg("unix_socket_directories=.").process_group(0).current_dir("/");
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(account) = account() {
        server.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    server.spawn().unwrap()
}

/// A data directory to copy from.
pub(crate) fn model(folder: &Path) -> PathBuf {
    let data = folder.join("model");
    let mut initdb = command(&Path::new(BINARIES).join("initdb"));
    initdb.arg("-D").arg(&data).args(["-U", "me", "--auth=trust", "--no-sync", "--locale=C"]);
    initdb.args(["--wal-segsize=1"]).stdout(Stdio::null()).current_dir("/");
    if let Some(account) = account() {
        chown(folder, Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
        initdb.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    assert!(initdb.status().unwrap().success());
    data
}

/// Whom servers run as, if not us. Others on this machine may run theirs as `postgres`.
pub(crate) fn account() -> Option<Account> {
    Uid::effective().is_root().then(|| Account::from_name("nobody").unwrap().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "the processes that are killed")]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}
