//! The family of a case (one run of the service): the processes that were started for it, with everything
//! that they started. Finds out whether the process at the other end of a connection is foreign, which means
//! that it does not belong to the family.
//!
//! A process counts as foreign only if that is certain. A process may have left the family: it then has no
//! living ancestor in it, none of its streams, and a different group. So a process that started later than
//! the family is foreign only if its environment is readable and has none of the marks, which are strings
//! that only the processes of the case have in their environments.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection;
use super::daemons::{Daemons, Identity};
use super::strays::{Stat, Stray, ancestry, holders, holds_open, may_be_in_container, processes};
use super::{Child, Error, Launch};

/// Name of the processes of a Postgres server. The server makes requests for the service if a function in the
/// database does.
pub(crate) const POSTGRES: &str = "postgres";

/// Maximum number of searches for the holder of a socket. A search can't judge a process that starts or ends
/// while it runs.
const SEARCHES: usize = 10;

/// The processes that were started for a case. Its clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Family(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    members: Mutex<Members>,
    /// Members that had a connection before. They are checked first.
    clients: Mutex<BTreeSet<u32>>,
    /// Held while all processes are searched, so that many foreign clients don't occupy all processors.
    search: Mutex<()>,
    /// The helpers of all cases, which belong to every case; `None` if there are none. A helper is a process
    /// that the spec starts beside the service.
    shared: Option<Family>,
}

#[derive(Debug, Default)]
struct Members {
    started: Vec<Member>,
    /// Strings, such as ports, that only the processes of the case have in their environment while the case
    /// runs.
    marks: Vec<String>,
    /// Strings that no other process of the machine ever has in its environment, by which daemons are found.
    unique_marks: Vec<String>,
    /// Helpers and their daemons. They are ended, but do not count as left behind by the service.
    helper_processes: BTreeSet<Identity>,
    /// Whether the daemons were ended, and no process was started since.
    daemons_ended: bool,
}

/// A process that was started for the case. It leads a process group.
#[derive(Debug, Clone)]
struct Member {
    id: u32,
    /// The start time in clock ticks since boot.
    start: u64,
    /// The names of the pipes that are its output.
    pipes: Vec<String>,
    /// Whether its environment lacks the marks, although there are some.
    is_unmarked: bool,
}

impl Family {
    /// Creates a family without processes. `shared` has the helpers of all cases.
    pub(crate) fn new(shared: Option<Self>) -> Self {
        let (members, clients, search) =
            <(Mutex<Members>, Mutex<BTreeSet<u32>>, Mutex<()>)>::default();
        Self(Arc::new(Inner { members, clients, search, shared }))
    }

    /// Adds strings that, while the case runs, only its processes have in their environment: those that are
    /// started from now on.
    pub(crate) fn add_marks(&self, marks: Vec<String>) {
        lock(&self.0.members).marks.extend(marks);
    }

    /// Adds strings that no other process of the machine ever has in its environment.
    pub(crate) fn add_unique_marks(&self, marks: Vec<String>) {
        lock(&self.0.members).unique_marks.extend(marks);
    }

    /// Remembers the processes that have a unique mark now as helpers and their daemons.
    pub(crate) fn note_helper_processes(&self) {
        let mut members = lock(&self.0.members);
        let found = members.daemons().map(|daemons| daemons.with_mark());
        members.helper_processes = found.into_iter().flatten().collect();
    }

    /// Ends the daemons of the case with SIGTERM, and those that still run after `grace` with SIGKILL.
    /// Returns those that the service left behind, as `pid (name)`.
    pub(crate) async fn end_daemons(&self, grace: Duration) -> Vec<String> {
        let daemons = lock(&self.0.members).daemons();
        let left = match daemons {
            Some(daemons) => daemons.end(grace).await,
            None => Vec::new(),
        };
        let mut members = lock(&self.0.members);
        members.daemons_ended = true;
        let is_of_service =
            |left: &&(Identity, String)| !members.helper_processes.contains(&left.0);
        left.iter().filter(is_of_service).map(|(_, text)| text.clone()).collect()
    }

    /// Starts a process that belongs to the case.
    ///
    /// # Errors
    /// If it can't be started.
    pub(crate) fn start(&self, launch: &Launch) -> Result<Child, Error> {
        // Held until the process is a member: it may connect at once.
        let mut members = lock(&self.0.members);
        members.daemons_ended = false;
        let child = launch.start()?;
        let has_mark =
            |value: &String| members.marks.iter().any(|mark| value.contains(mark.as_str()));
        let is_unmarked = !members.marks.is_empty() && !launch.environment.values().any(has_mark);
        let start = Stat::read(child.id()).map_or(0, |stat| stat.start);
        let pipes = child.pipes().to_vec();
        members.started.push(Member { id: child.id(), start, pipes, is_unmarked });
        Ok(child)
    }

    /// Returns the foreign process that has the client's end of a connection to `server`, as `pid (name)`;
    /// `None` if the client may belong to the case, or can't be found, for example because of its namespace
    /// or user.
    pub(crate) fn foreign_client(&self, client: SocketAddr, server: SocketAddr) -> Option<String> {
        let socket = [connection::socket(client, server)?];
        let known = lock(&self.0.clients).clone();
        if known.iter().any(|id| holds_open(*id, &socket)) {
            return None;
        }
        let snapshot = FamilySnapshot::read(self);
        if let Some(id) = snapshot.relatives().find(|id| holds_open(*id, &socket)) {
            lock(&self.0.clients).insert(id);
            return None;
        }
        let _one_at_a_time = lock(&self.0.search);
        self.foreign_holder(&socket)
    }

    /// Returns the process that listens on a port of 127.0.0.1 although it certainly does not belong to the
    /// case, as `pid (name)`; `None` if there is none, or it can't be found.
    pub(crate) fn foreign_listener(&self, port: u16) -> Option<String> {
        let socket = [connection::listener(port)?];
        let snapshot = FamilySnapshot::read(self);
        if snapshot.relatives().any(|id| holds_open(id, &socket)) {
            return None;
        }
        self.foreign_holder(&socket)
    }

    /// Returns a foreign process that holds the socket, as `pid (name)`; `None` if no process holds it, or a
    /// holder may belong to the family.
    fn foreign_holder(&self, socket: &[String]) -> Option<String> {
        if holds_open(std::process::id(), socket) {
            return None;
        }
        for _ in 0..SEARCHES {
            let holders = holders(socket);
            if holders.is_empty() {
                return None;
            }
            // Read after the holders, so that it has the parents of each that still runs.
            let snapshot = FamilySnapshot::read(self);
            let origins = holders.iter().map(|holder| (snapshot.origin(holder), holder));
            // Reversed, because `max_by_key` returns the last of equal ones, and the first is wanted.
            match origins.rev().max_by_key(|(origin, _)| *origin) {
                Some((Origin::Foreign, holder)) => return Some(holder.to_string()),
                Some((Origin::PerhapsFamily, _)) => return None,
                Some((Origin::Unknown | Origin::Ended, _)) | None => {}
            }
        }
        None
    }

    /// Returns the processes that were started for the case, with the helpers of all cases, and the marks.
    fn members(&self) -> (Vec<Member>, Vec<String>) {
        let (mut started, mut marks) = match &self.0.shared {
            Some(shared) => shared.members(),
            None => Default::default(),
        };
        let members = lock(&self.0.members);
        started.extend(members.started.iter().cloned());
        marks.extend(members.marks.iter().cloned());
        (started, marks)
    }
}

impl Members {
    /// Returns a search for the daemons of the case; `None` if there can be none, or none can be found.
    fn daemons(&self) -> Option<Daemons> {
        let first = self.started.iter().map(|member| member.start).min()?;
        Daemons::new(self.unique_marks.clone(), first)
    }
}

impl Drop for Inner {
    /// Kills the daemons of a case that was aborted.
    fn drop(&mut self) {
        let members = self.members.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (false, Some(daemons)) = (members.daemons_ended, members.daemons()) {
            daemons.kill();
        }
    }
}

/// The family and all processes of the system at one moment.
struct FamilySnapshot {
    members: Vec<Member>,
    marks: Vec<String>,
    all: BTreeMap<u32, Stat>,
}

impl FamilySnapshot {
    fn read(family: &Family) -> Self {
        let (members, marks) = family.members();
        Self { members, marks, all: processes() }
    }

    /// Returns the ids of the members, of the processes in their groups, and of the descendants of all these.
    fn relatives(&self) -> impl Iterator<Item = u32> {
        self.all.keys().copied().filter(|id| self.is_relative(&self.ancestry(*id)))
    }

    /// Returns the ids of a process, its parent, and so on.
    fn ancestry(&self, id: u32) -> Vec<u32> {
        ancestry(&self.all, id).collect()
    }

    /// Whether a process with this ancestry is a member, in the group of a member, or a descendant.
    fn is_relative(&self, ancestry: &[u32]) -> bool {
        let is_member = |id: u32| self.members.iter().any(|member| member.id == id);
        let group = |id: &u32| self.all.get(id).map(|stat| stat.group);
        ancestry.iter().any(|id| is_member(*id) || group(id).is_some_and(is_member))
    }

    /// Returns where a process comes from.
    fn origin(&self, process: &Stray) -> Origin {
        let origin = self.origin_of_running(process);
        let is_same = |stat: Stat| stat.start == process.start && !stat.has_ended;
        if Stat::read(process.id).is_some_and(is_same) { origin } else { Origin::Ended }
    }

    /// Returns where a process comes from. The answer is only valid if the process still runs afterwards.
    fn origin_of_running(&self, process: &Stray) -> Origin {
        let ancestry = self.ancestry(process.id);
        if self.is_relative(&ancestry)
            || process.name == POSTGRES
            || may_be_in_container(process.id)
        {
            return Origin::PerhapsFamily;
        }
        // A process whose parent has ended gets one of these as its new parent. The ancestors below it show
        // where the process comes from.
        let mut adopters = self.ancestry(std::process::id());
        adopters.push(1);
        let Some(end) = ancestry.iter().position(|id| adopters.contains(id)) else {
            return Origin::Unknown;
        };
        let below_adopter = &ancestry[..end];
        let pipes: Vec<_> = self.members.iter().flat_map(|member| member.pipes.clone()).collect();
        if below_adopter.iter().any(|id| holds_open(*id, &pipes)) {
            return Origin::PerhapsFamily;
        }
        let first = self.members.iter().map(|member| member.start).min().unwrap_or(u64::MAX);
        let oldest = below_adopter.last().and_then(|id| self.all.get(id));
        if oldest.is_none_or(|stat| stat.start < first) {
            return Origin::Foreign;
        }
        if self.marks.is_empty() || self.members.iter().any(|member| member.is_unmarked) {
            return Origin::PerhapsFamily;
        }
        let origins = below_adopter.iter().map(|id| origin_by_marks(*id, &self.marks));
        origins.max().unwrap_or(Origin::Unknown)
    }
}

/// Where a process comes from. If several processes hold a socket, the greatest of their origins decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// It ended while it was judged.
    Ended,
    /// It certainly does not belong to the family.
    Foreign,
    /// It hides its environment, or starts another program just now.
    Unknown,
    /// It belongs to the family, or may have left it.
    PerhapsFamily,
}

/// Returns where a process comes from by the marks in its environment.
fn origin_by_marks(id: u32, marks: &[String]) -> Origin {
    let bytes = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    // A program may overwrite its environment with a title.
    let is_environment = text.split('\0').any(|variable| variable.contains('='));
    match marks.iter().any(|mark| text.contains(mark.as_str())) {
        true => Origin::PerhapsFamily,
        false if is_environment => Origin::Foreign,
        false => Origin::Unknown,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use rstest::rstest;
    use spanproof_lease::wait::{Attempt, until};

    use super::*;

    /// Connects, and ends when the connection is closed.
    const CONNECT: &str = "exec 3<>/dev/tcp/127.0.0.1/$PORT; read -r <&3";
    /// Starts a daemon that connects, and exits: only the environment shows where the daemon comes from.
    const DAEMON: &str = "setsid bash -c \"$DAEMON\" < /dev/null > /dev/null 2>&1 & exit";

    /// Returns a launch of a shell script, which gets `PORT` and `DAEMON`.
    fn launch(script: &str, port: u16) -> Launch {
        let variables = [("PORT", port.to_string()), ("DAEMON", CONNECT.to_owned())];
        Launch {
            program: "bash".into(),
            args: vec!["-c".into(), script.into()],
            folder: "/".into(),
            environment: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// A process outside the family, which is killed at the end of the test.
    struct Outsider(std::process::Child);

    impl Outsider {
        #[expect(
            clippy::disallowed_methods,
            reason = "a foreign process is not started by a `Launch`"
        )]
        fn start(script: &str, port: u16) -> Self {
            let mut command = Command::new("bash");
            command.args(["-c", script]).env("PORT", port.to_string());
            Self(command.spawn().unwrap())
        }
    }

    impl Drop for Outsider {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    /// Accepts a connection, and returns the foreign process at its other end; `None` if it is not foreign.
    fn accept_foreign(family: &Family, listener: &TcpListener) -> Option<String> {
        let (stream, client) = listener.accept().unwrap();
        family.foreign_client(client, stream.local_addr().unwrap())
    }

    fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[rstest]
    #[case::the_process(CONNECT)]
    #[case::a_child("bash -c \"$DAEMON\"; true")]
    #[case::another_session("setsid -w bash -c \"$DAEMON\"; true")]
    #[case::an_orphan("bash -c \"$DAEMON\" & exit")]
    #[case::an_orphan_in_another_session("setsid bash -c \"$DAEMON\" &")]
    #[case::a_daemon(DAEMON)]
    #[case::a_daemon_without_an_environment("env -i PORT=$PORT setsid bash -c \"$DAEMON\" &")]
    #[tokio::test]
    async fn what_the_case_started_is_not_foreign(#[case] script: &str) {
        let (listener, port) = listener();
        let family = Family::new(None);
        family.add_marks(vec![port.to_string()]);
        let child = family.start(&launch(script, port)).unwrap();
        assert_eq!(accept_foreign(&family, &listener), None);
        drop(child);
    }

    /// Returns a family with a process that has the mark of the family in its environment.
    fn marked_family(port: u16) -> (Family, Child) {
        let family = Family::new(None);
        family.add_marks(vec!["spanproof_case_7".to_owned()]);
        let mut launch = launch("sleep 600", port);
        launch.environment.insert("DATABASE".into(), "spanproof_case_7".into());
        let child = family.start(&launch).unwrap();
        (family, child)
    }

    #[tokio::test]
    async fn a_process_that_the_case_did_not_start_is_foreign() {
        let (listener, port) = listener();
        let (family, child) = marked_family(port);
        let outsider = Outsider::start(CONNECT, port);
        let name = format!("{} (bash)", outsider.0.id());
        assert_eq!(accept_foreign(&family, &listener), Some(name));
        drop(child);
    }

    #[tokio::test]
    async fn a_foreign_process_is_found_while_it_starts_processes() {
        let (listener, port) = listener();
        let (family, child) = marked_family(port);
        let script = "exec 3<>/dev/tcp/127.0.0.1/$PORT; while true; do env true; done";
        let outsider = Outsider::start(script, port);
        let (stream, client) = listener.accept().unwrap();
        let server = stream.local_addr().unwrap();
        let found: Vec<_> = (0..30).map(|_| family.foreign_client(client, server)).collect();
        assert!(found.iter().all(Option::is_some), "{found:?}");
        drop((child, outsider));
    }

    #[tokio::test]
    async fn a_process_that_is_older_than_the_case_is_foreign() {
        let (listener, port) = listener();
        let outsider = Outsider::start(CONNECT, port);
        let family = Family::new(None);
        assert_eq!(accept_foreign(&family, &listener), Some(format!("{} (bash)", outsider.0.id())));
    }

    #[tokio::test]
    async fn a_later_process_is_not_foreign_if_members_of_the_family_lack_the_marks() {
        let (listener, port) = listener();
        let family = Family::new(None);
        // The started process has no mark, as a database server has none.
        family.add_marks(vec!["spanproof_case_7".to_owned()]);
        let child = family.start(&launch("sleep 600", port)).unwrap();
        let outsider = Outsider::start(CONNECT, port);
        assert_eq!(accept_foreign(&family, &listener), None);
        drop((child, outsider));
    }

    #[tokio::test]
    async fn a_helper_of_all_cases_and_this_process_are_not_foreign() {
        let (listener, port) = listener();
        let shared = Family::new(None);
        let family = Family::new(Some(shared.clone()));
        let child = shared.start(&launch(CONNECT, port)).unwrap();
        assert_eq!(accept_foreign(&family, &listener), None);
        let own = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert_eq!(accept_foreign(&family, &listener), None);
        drop((child, own));
    }

    #[tokio::test]
    async fn a_listener_is_foreign_to_a_family_that_did_not_start_it() {
        let (_listener, own_port) = listener();
        let (family, other) = (Family::new(None), Family::new(None));
        assert_eq!(family.foreign_listener(own_port), None);
        // The kernel chooses the port: no other process can take it first.
        let script = "exec python3 -u -m http.server --bind 127.0.0.1 0";
        let child = family.start(&launch(script, 0)).unwrap();
        let listens = || async {
            let output = child.output();
            let text = output.lines.iter().find_map(|line| line.text.split_once(" port "));
            match text.and_then(|(_, port)| port.split(' ').next()?.parse().ok()) {
                Some(port) => Attempt::Done(port),
                None => Attempt::NotYet(format!("{:?}", output.lines)),
            }
        };
        let port = until("a listener", Duration::from_mins(1), listens).await.unwrap();
        let process = other.foreign_listener(port).unwrap();
        assert!(process.starts_with(&format!("{} (", child.id())), "{process}");
        assert_eq!(family.foreign_listener(port), None);
    }

    #[test]
    fn without_marks_a_process_is_foreign_only_if_its_environment_is_readable() {
        let marks = ["spanproof_case_7".to_owned()];
        assert_eq!(origin_by_marks(std::process::id(), &marks), Origin::Foreign);
        assert_eq!(origin_by_marks(u32::MAX, &marks), Origin::Unknown);
        assert!(!may_be_in_container(std::process::id()) && may_be_in_container(u32::MAX));
        assert!(Path::new("/proc/self/ns/pid").exists());
    }
}
