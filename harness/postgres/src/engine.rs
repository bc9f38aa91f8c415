//! Starts a server from the first source that works, and stops it or leaves it running.

use std::path::PathBuf;
use std::time::Duration;

use super::admin::Admin;
use super::background::Background;
use super::binaries::Binaries;
use super::cache::Cache;
use super::cluster::{Cluster, ClusterConfig};
#[cfg(feature = "docker")]
use super::docker::Container;
use super::error::chain;
use super::local::{self, LocalServer};
use super::options::Options;
use super::origin::Origin;
use super::run::Run;
use super::{Error, Source, existing, password};
use spanproof_lease::wait::{self, Attempt};
use spanproof_lease::{Lease, LeaseOptions};

/// Time limit for our login to the server in a container, which has accepted a connection before.
#[cfg(feature = "docker")]
const CONTAINER_LOGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest time between the failure of a dead server's connections and the end of its process.
const DEATH_TIMEOUT: Duration = Duration::from_millis(300);

/// What runs the server.
#[derive(Debug)]
pub(super) enum Engine {
    /// An existing server, which this crate neither starts nor stops.
    Existing,
    /// A child process of this process.
    Local(Box<LocalServer>),
    /// A container that this process started.
    #[cfg(feature = "docker")]
    Docker(Box<Container>),
    /// A server that another process of this test run started.
    Joined(Lease),
}

/// A running server and our connections to it.
#[derive(Debug)]
pub(super) struct RunningServer {
    pub(super) engine: Engine,
    pub(super) admin: Admin,
    pub(super) url: String,
    pub(super) origin: Origin,
    /// The task that copies the template databases from the cache. No database can be cloned before
    /// this task ends.
    pub(super) copying: Background,
    /// The task that stores the data directory in the cache. The server must run until this task ends.
    pub(super) storing: Background,
}

impl RunningServer {
    pub(super) fn new(engine: Engine, admin: Admin, url: String, origin: Origin) -> Self {
        let (copying, storing) = (Background::done(), Background::done());
        Self { engine, admin, url, origin, copying, storing }
    }

    /// Starts a server from the first source of `options` that works.
    pub(super) async fn start(
        options: &Options,
        run: &Run,
        lease: &LeaseOptions,
    ) -> Result<Self, Error> {
        let sources = match &options.source {
            Source::Auto => vec![Source::Binaries(None), Source::Docker(None)],
            one => vec![one.clone()],
        };
        let is_only_source = sources.len() == 1;
        let mut passed_over = Vec::new();
        for source in sources {
            let name = name(&source);
            match Self::start_from(&Options { source, ..options.clone() }, run, lease).await {
                Ok(mut running) => {
                    running.origin.passed_over = passed_over;
                    return Ok(running);
                }
                // A migration that fails would fail on every source.
                Err(error)
                    if is_only_source
                        || matches!(error, Error::Migration { .. } | Error::Creator(_)) =>
                {
                    return Err(error);
                }
                Err(error) => passed_over.push(format!("{name}: {}", chain(&error))),
            }
        }
        Err(Error::NoSource { tried: passed_over.join("; ") })
    }

    async fn start_from(options: &Options, run: &Run, lease: &LeaseOptions) -> Result<Self, Error> {
        let running = match &options.source {
            Source::Url(url) => Self::connect(url, run).await?,
            Source::Auto | Source::Binaries(_) => Self::start_local(options, run, lease).await?,
            #[cfg(feature = "download")]
            Source::Download(_) => {
                let source = Source::Binaries(Some(super::download::fetch(options).await?));
                Self::start_local(&Options { source, ..options.clone() }, run, lease).await?
            }
            #[cfg(not(feature = "download"))]
            Source::Download(_) => return Err(missing("download source", "download")),
            #[cfg(feature = "docker")]
            Source::Docker(_) => {
                let container = Container::start(options, lease.clone()).await?;
                let url = container.url.clone();
                let admin = Admin::connect(&url, run, CONTAINER_LOGIN_TIMEOUT, || None).await?;
                let source = format!("Docker image {}", container.image);
                let origin = Origin::new(source, admin.version, Vec::new());
                Self::new(Engine::Docker(Box::new(container)), admin, url, origin)
            }
            #[cfg(not(feature = "docker"))]
            Source::Docker(_) => return Err(missing("Docker source", "docker")),
        };
        options.check_version(&running.origin.source, running.admin.version)?;
        Ok(running)
    }

    /// Connects to the existing server of `url`.
    async fn connect(url: &str, run: &Run) -> Result<Self, Error> {
        existing::wait_for_login(url).await?;
        let admin = Admin::connect(url, run, existing::LOGIN_TIMEOUT, || None).await?;
        existing::check_writable(&admin.pool, url).await?;
        let origin = Origin::new(password::mask(url), admin.version, Vec::new());
        Ok(Self::new(Engine::Existing, admin, url.to_owned(), origin))
    }

    /// Starts a server from binaries on this machine.
    async fn start_local(
        options: &Options,
        run: &Run,
        lease: &LeaseOptions,
    ) -> Result<Self, Error> {
        let binaries = Binaries::find(options)?;
        let migrations = options.migrations.as_ref();
        let cache =
            options.cache.clone().map(Cache::new).or_else(|| Cache::for_user(&options.prefix));
        let cache = cache.as_ref().filter(|_| !options.fresh);
        let config = ClusterConfig {
            binaries: &binaries,
            migrations,
            cache,
            prefix: &options.prefix,
            tcp: options.tcp,
        };
        let Cluster { server, admin, copying, storing, notes } =
            config.start(run, lease.clone()).await?;
        let source = format!("server binaries in {}", binaries.folder.display());
        let origin = Origin::new(source, admin.version, notes);
        let url = server.user_url();
        let engine = Engine::Local(Box::new(server));
        Ok(Self { copying, storing, ..Self::new(engine, admin, url, origin) })
    }
}

#[cfg(not(all(feature = "docker", feature = "download")))]
fn missing(what: &'static str, feature: &'static str) -> Error {
    Error::Feature { what, feature }
}

impl Engine {
    /// Returns whether this crate started the server. Then the databases left on it are removed with the
    /// server.
    pub(super) fn is_ours(&self) -> bool {
        !matches!(self, Self::Existing)
    }

    /// Returns whether the server can stop without closing our connections first.
    pub(super) fn can_stop_while_connected(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Returns the folder of a server that this crate started; `None` for an existing server.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Local(server) => Some(server.folder().path().to_owned()),
            Self::Joined(lease) => Some(lease.folder().to_owned()),
            #[cfg(feature = "docker")]
            Self::Docker(container) => Some(container.folder()),
            Self::Existing => None,
        }
    }

    /// Returns an error with the server's log if a local or joined server has died; `None` if the server
    /// runs, and for a container or an existing server. `answers` returns whether the server answers a
    /// query.
    pub(super) async fn death(&mut self, answers: impl AsyncFnOnce() -> bool) -> Option<Error> {
        let what = match self {
            // The server process may end a moment after its connections.
            Self::Local(server) => wait::until_soon("the server's end", DEATH_TIMEOUT, || {
                let exit = server.exit();
                async { exit.map_or(Attempt::NotYet("it runs".into()), Attempt::Done) }
            })
            .await
            .ok()?,
            Self::Joined(_) if !answers().await => "no longer answers".to_owned(),
            _ => return None,
        };
        let folder = self.folder()?;
        let log = local::last_log_lines(&folder);
        Some(Error::Server { folder, what, log })
    }

    /// Returns the URL for connecting over a socket, without a password; `None` unless this process
    /// started the server from binaries.
    pub(super) fn socket_url(&self) -> Option<String> {
        match self {
            Self::Local(server) => Some(server.url()),
            _ => None,
        }
    }

    /// Keeps the server running after the last process that uses it has ended.
    pub(super) fn keep(&self) -> Result<(), Error> {
        match self {
            Self::Local(server) => server.keep(),
            Self::Joined(lease) => {
                lease.keep().map_err(Error::system("could not mark the server's folder as kept"))
            }
            #[cfg(feature = "docker")]
            Self::Docker(container) => container.keep(),
            Self::Existing => Ok(()),
        }
    }

    /// Stops a server that this process started.
    #[cfg_attr(
        not(feature = "docker"),
        expect(clippy::unused_async, reason = "only the removal of a container is awaited")
    )]
    pub(super) async fn stop(self) -> Result<(), Error> {
        match self {
            Self::Local(server) => {
                server.stop();
                Ok(())
            }
            #[cfg(feature = "docker")]
            Self::Docker(mut container) => container.remove().await,
            Self::Existing | Self::Joined(_) => Ok(()),
        }
    }

    /// Leaves the server running, because other processes use it or because it is kept.
    pub(super) fn leave_running(self) {
        match self {
            Self::Local(server) => server.leave_running(),
            #[cfg(feature = "docker")]
            Self::Docker(container) => container.leave_running(),
            Self::Existing | Self::Joined(_) => {}
        }
    }
}

fn name(source: &Source) -> &'static str {
    match source {
        Source::Auto => "auto",
        Source::Url(_) => "URL",
        Source::Binaries(_) => "server binaries",
        Source::Docker(_) => "Docker",
        Source::Download(_) => "download",
    }
}
