//! A user: a process that opens a lease, a folder whose resources are removed when its last user has
//! ended. A test sends commands to the process line by line, and can kill the process at any moment.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use nix::unistd::{Uid, User as Account};
use spanproof_lease::{Guard, Lease, LeaseOptions, Resource};

/// Environment variable that makes this test program a user process.
const ROLE_VARIABLE: &str = "SPANPROOF_REAPER_USER";

/// The folder of the newest Postgres binaries: in `PATH`, or where Debian puts them.
static BINARIES: LazyLock<PathBuf> = LazyLock::new(|| {
    let versioned = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = path_folders().into_iter().chain(versioned.map(|entry| entry.path().join("bin")));
    let complete = folders.filter(|folder| folder.join("initdb").is_file());
    let found = complete.filter_map(|folder| Some((major_version(&folder)?, folder)));
    found.max().unwrap_or_else(|| panic!("the tests need `postgres` and `initdb`")).1
});

fn path_folders() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "`PATH` has the folders of programs")]
    std::env::var_os("PATH").map_or_else(Vec::new, |path| std::env::split_paths(&path).collect())
}

/// Parses what `postgres --version` prints: `postgres (PostgreSQL) 17.5`.
fn major_version(folder: &Path) -> Option<u32> {
    let output = command(&folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_once("(PostgreSQL) ")?.1;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// A user process, and the pipes through which a test sends commands and reads answers.
pub(crate) struct User {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl User {
    /// Starts a user whose folder for temporary files is `temporary`. In that folder the user looks
    /// for leases of dead processes, and creates the lease of [`spanproof_lease::guard`].
    pub(crate) fn start(temporary: &Path) -> Self {
        let mut command = command(&std::env::current_exe().unwrap());
        command.args(["--exact", "user_process", "--nocapture"]);
        command.env(ROLE_VARIABLE, "yes").env("TMPDIR", temporary);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, commands, answers }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends `command` and returns the answer.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(command);
        self.answer().unwrap_or_else(|| panic!("no answer to `{command}`"))
    }

    /// Sends `command` and does not wait for the answer.
    pub(crate) fn send(&mut self, command: &str) {
        // The process may have been killed.
        let _sent = writeln!(self.commands, "{command}");
    }

    /// Returns the next answer; `None` if the process has ended.
    fn answer(&mut self) -> Option<String> {
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

/// Runs the commands from standard input, if this process was started as a user.
pub(crate) fn serve() {
    #[expect(clippy::disallowed_methods, reason = "the role of this process")]
    if std::env::var(ROLE_VARIABLE).is_err() {
        return;
    }
    let mut state = State::default();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let (name, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = state.execute(name, argument);
        println!("@{answer}");
    }
}

#[derive(Default)]
struct State {
    options: LeaseOptions,
    lease: Option<Lease>,
    guards: Vec<Guard>,
    children: Vec<Child>,
}

impl State {
    /// Executes a command and returns the answer.
    fn execute(&mut self, name: &str, argument: &str) -> String {
        let done = String::from("done");
        match name {
            "record" => self.options.record = Some(argument.into()),
            "parent" => self.options.parent = Some(argument.parse().unwrap()),
            "create" => {
                let options = std::mem::take(&mut self.options);
                self.lease = Some(Lease::create_with(Path::new(argument), options).unwrap());
            }
            "join" => {
                self.lease = Lease::join(Path::new(argument)).unwrap();
                return if self.lease.is_some() { "joined" } else { "none" }.into();
            }
            "leave" => self.lease = None,
            "keep" => self.lease.as_ref().unwrap().keep().unwrap(),
            "remove" => {
                return spanproof_lease::remove_folder(Path::new(argument))
                    .map_or_else(|error| error.to_string(), |()| done);
            }
            // Lists only folders below `argument`: other programs may keep folders, too.
            "kept" => {
                let mut folders = spanproof_lease::kept_folders();
                folders.retain(|folder| folder.starts_with(argument));
                return format!("{folders:?}");
            }
            // Guards a folder with the lease of the whole process, not with `self.lease`.
            "guard" => {
                let resource = Resource::Folder(argument.into());
                self.guards.push(spanproof_lease::guard(resource).unwrap());
                std::fs::create_dir(argument).unwrap();
            }
            // Starts a process that is not guarded yet.
            "unguarded" => {
                let mut sleep = command(Path::new("sleep"));
                let input = spanproof_lease::input().unwrap();
                sleep.arg(argument).stdin(input).process_group(0);
                sleep.stdout(Stdio::null()).stderr(Stdio::null());
                self.children.push(sleep.spawn().unwrap());
                return self.children.last().unwrap().id().to_string();
            }
            "folder" => {
                self.guard(Resource::Folder(argument.into()));
                std::fs::create_dir(argument).unwrap();
            }
            "group" => return self.group(argument).to_string(),
            "initdb" => return self.initdb().to_string(),
            "server" => return self.server(Path::new(argument), "mmap").to_string(),
            // Unlike the servers of spanproof, this server has a file in /dev/shm to clean up.
            "posix-server" => return self.server(Path::new(argument), "posix").to_string(),
            other => panic!("unknown command `{other}`"),
        }
        done
    }

    fn guard(&mut self, resource: Resource) {
        self.guards.push(self.lease.as_ref().unwrap().guard(resource).unwrap());
    }

    /// Starts `command`, a shell, as the leader of a process group, and guards the group: the group
    /// is killed when the lease ends. The shell waits for a line, so that it starts nothing before
    /// it is guarded.
    fn spawn_guarded(&mut self, mut command: Command) -> u32 {
        let mut child = command.stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        self.guard(Resource::Group(child.id()));
        writeln!(child.stdin.take().unwrap(), "go").unwrap();
        let id = child.id();
        self.children.push(child);
        id
    }

    /// Starts a process group of a shell and a `sleep`, and another `sleep` as a daemon outside the
    /// group. Both sleep for `seconds`.
    fn group(&mut self, seconds: &str) -> u32 {
        let mut shell = command(Path::new("/bin/sh"));
        shell.args(["-c", "read go || exit; setsid sleep $1 & sleep $1 & wait", "sh", seconds]);
        shell.stdout(Stdio::null()).stderr(Stdio::null());
        self.spawn_guarded(shell)
    }

    /// Registers the server whose data directory is `data` in the lease's folder, and returns that
    /// directory. Makes the user that runs the server the owner of the lease's folder.
    fn guard_data(&mut self) -> PathBuf {
        let folder = self.lease.as_ref().unwrap().folder().to_owned();
        if let Some(account) = account() {
            chown(&folder, Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
        }
        self.guard(Resource::Server(folder.join("data")));
        folder.join("data")
    }

    fn initdb(&mut self) -> u32 {
        let data = self.guard_data();
        let mut shell = command(Path::new("/bin/sh"));
        let script = "read go || exit; exec \"$1\" -D \"$2\" -U me --auth=trust --no-sync \
                      --locale=C --wal-segsize=1";
        shell.args(["-c", script, "sh"]).arg(BINARIES.join("initdb")).arg(data);
        if let Some(account) = account() {
            shell.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        shell.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        self.spawn_guarded(shell)
    }

    /// Starts a server on a copy of the data directory `template`.
    fn server(&mut self, template: &Path, shared_memory: &str) -> u32 {
        let data = self.guard_data();
        let mut copy = command(Path::new("cp"));
        // `cp` prints errors if this process is killed.
        let copy = copy.arg("-a").arg(template).arg(&data).stderr(Stdio::null());
        let status = copy.status().unwrap();
        assert!(status.success());
        let child = postgres(&data, shared_memory);
        let id = child.id();
        self.children.push(child);
        id
    }
}

/// Starts a server with its socket in the data directory.
fn postgres(data: &Path, shared_memory: &str) -> Child {
    let mut server = command(&BINARIES.join("postgres"));
    server.arg("-D").arg(data).args(["-c", "listen_addresses=", "-c", "fsync=off"]);
    server.arg("-c").arg(format!("dynamic_shared_memory_type={shared_memory}"));
    server.args(["-c", "shared_buffers=1MB"]);
    server.arg("-c").arg("unix_socket_directories=.").process_group(0).current_dir("/");
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(account) = account() {
        server.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    server.spawn().unwrap()
}

/// Creates a data directory in `folder`. Each test server gets a copy of this directory.
pub(crate) fn template_data(folder: &Path) -> PathBuf {
    let data = folder.join("template");
    let mut initdb = command(&BINARIES.join("initdb"));
    initdb.arg("-D").arg(&data).args(["-U", "me", "--auth=trust", "--no-sync", "--locale=C"]);
    initdb.args(["--wal-segsize=1"]).stdout(Stdio::null()).current_dir("/");
    if let Some(account) = account() {
        chown(folder, Some(account.uid.as_raw()), Some(account.gid.as_raw())).unwrap();
        initdb.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    assert!(initdb.status().unwrap().success());
    data
}

/// Returns the operating-system user that runs the test servers: `daemon` if this process runs as
/// root. `None` if this process is not root; then its own user runs the servers. The user is not
/// `postgres` or `nobody`, so that the tests don't count the shared memory of other programs'
/// servers.
pub(crate) fn account() -> Option<Account> {
    Uid::effective().is_root().then(|| Account::from_name("daemon").unwrap().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "the processes under test")]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}
