//! What keeps a server running: found in the order of the sources, stopped or left in the end.

use std::path::PathBuf;
use std::time::Duration;

use super::admin::Admin;
use super::background::Background;
use super::binaries::Binaries;
use super::cache::Cache;
use super::cluster::{Recipe, Started};
#[cfg(feature = "docker")]
use super::docker::Container;
use super::error::chain;
use super::local::{self, Local};
use super::options::Options;
use super::origin::Origin;
use super::run::Run;
use super::{Error, Source, given, password};
use spanproof_lease::wait::{self, Look};
use spanproof_lease::{Ending, Lease};

/// How long a server that runs already may take to let us in.
const GIVEN: Duration = Duration::from_secs(3);
/// How long a container's server may take: it makes its data first.
#[cfg(feature = "docker")]
const CONTAINER: Duration = Duration::from_mins(1);

/// A server that took our connections with it has ended by then.
const ENDING: Duration = Duration::from_millis(300);

/// What keeps a server running.
#[derive(Debug)]
pub(super) enum Engine {
    /// Somebody else.
    Given,
    /// We do.
    Local(Box<Local>),
    /// Docker does, for us.
    #[cfg(feature = "docker")]
    Docker(Box<Container>),
    /// Another process started it for all of this run.
    Joined(Lease),
}

/// A server that runs, and our connections to it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) engine: Engine,
    pub(super) admin: Admin,
    pub(super) url: String,
    pub(super) origin: Origin,
    /// What must be there before anything is cloned.
    pub(super) copying: Background,
    /// What must have ended before the server goes.
    pub(super) storing: Background,
}

impl Running {
    pub(super) fn new(engine: Engine, admin: Admin, url: String, origin: Origin) -> Self {
        let (copying, storing) = (Background::none(), Background::none());
        Self { engine, admin, url, origin, copying, storing }
    }

    /// From the first source of `options` that works.
    pub(super) async fn start(
        options: &Options,
        run: &Run,
        ending: &Ending,
    ) -> Result<Self, Error> {
        let sources = match &options.source {
            Source::Auto => vec![Source::Binaries(None), Source::Docker(None)],
            one => vec![one.clone()],
        };
        let only = sources.len() == 1;
        let mut passed_over = Vec::new();
        for source in sources {
            let name = named(&source);
            match Self::from(&Options { source, ..options.clone() }, run, ending).await {
                Ok(mut running) => {
                    running.origin.passed_over = passed_over;
                    return Ok(running);
                }
                // Another source would not make a broken migration whole.
                Err(error) if only || matches!(error, Error::Migration { .. }) => {
                    return Err(error);
                }
                Err(error) => passed_over.push(format!("{name}: {}", chain(&error))),
            }
        }
        Err(Error::NoSource { tried: passed_over.join("; ") })
    }

    async fn from(options: &Options, run: &Run, ending: &Ending) -> Result<Self, Error> {
        let running = match &options.source {
            Source::Url(url) => Self::given(url, run).await?,
            Source::Auto | Source::Binaries(_) => Self::local(options, run, ending).await?,
            #[cfg(feature = "download")]
            Source::Download(_) => {
                let source = Source::Binaries(Some(super::download::fetch(options).await?));
                Self::local(&Options { source, ..options.clone() }, run, ending).await?
            }
            #[cfg(not(feature = "download"))]
            Source::Download(_) => return Err(without("download source", "download")),
            #[cfg(feature = "docker")]
            Source::Docker(_) => {
                let container = Container::start(options, ending.clone()).await?;
                let url = container.url.clone();
                let admin = Admin::connect(&url, run, CONTAINER, || None).await?;
                let place = format!("Docker image {}", container.image);
                let origin = Origin::new(place, admin.version, Vec::new());
                Self::new(Engine::Docker(Box::new(container)), admin, url, origin)
            }
            #[cfg(not(feature = "docker"))]
            Source::Docker(_) => return Err(without("Docker source", "docker")),
        };
        options.accept(&running.origin.place, running.admin.version)?;
        Ok(running)
    }

    async fn given(url: &str, run: &Run) -> Result<Self, Error> {
        given::wait_for_login(url).await?;
        let admin = Admin::connect(url, run, GIVEN, || None).await?;
        given::check(&admin.pool, url).await?;
        let origin = Origin::new(password::masked(url), admin.version, Vec::new());
        Ok(Self::new(Engine::Given, admin, url.to_owned(), origin))
    }

    async fn local(options: &Options, run: &Run, ending: &Ending) -> Result<Self, Error> {
        let binaries = Binaries::find(options)?;
        let migrations = options.migrations.as_ref();
        let cache =
            options.cache.clone().map(Cache::at).or_else(|| Cache::of_user(&options.prefix));
        let cache = cache.as_ref().filter(|_| !options.fresh);
        let recipe = Recipe { binaries: &binaries, migrations, cache, prefix: &options.prefix };
        let started = recipe.start(run, ending.clone()).await?;
        let place = format!("server binaries in {}", binaries.folder.display());
        let origin = Origin::new(place, started.admin.version, started.notes);
        let url = started.local.url();
        let engine = Engine::Local(Box::new(started.local));
        let Started { admin, copying, storing, .. } = started;
        Ok(Self { copying, storing, ..Self::new(engine, admin, url, origin) })
    }
}

#[cfg(not(all(feature = "docker", feature = "download")))]
fn without(what: &'static str, feature: &'static str) -> Error {
    Error::Feature { what, feature }
}

impl Engine {
    /// Whether everything on the server is ours.
    pub(super) fn own(&self) -> bool {
        !matches!(self, Self::Given)
    }

    /// Whether the server goes at once when we stop.
    pub(super) fn disposable(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// The folder that a server of ours goes with.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::Local(local) => Some(local.home().folder().to_owned()),
            Self::Joined(lease) => Some(lease.folder().to_owned()),
            #[cfg(feature = "docker")]
            Self::Docker(container) => Some(container.folder()),
            Self::Given => None,
        }
    }

    /// What a server of ours says about its end, if it has ended.
    pub(super) async fn died(&mut self, answers: impl AsyncFnOnce() -> bool) -> Option<Error> {
        let what = match self {
            // Its end may be seen a moment after that of a connection.
            Self::Local(local) => wait::closely("the server's end", ENDING, || {
                let ended = local.ended();
                async { ended.map_or(Look::NotYet("it runs".into()), Look::Done) }
            })
            .await
            .ok()?,
            Self::Joined(_) if !answers().await => "does not answer any more".to_owned(),
            _ => return None,
        };
        let folder = self.folder()?;
        let log = local::log(&folder);
        Some(Error::Server { folder, what, log })
    }

    /// The server stays when we go.
    pub(super) fn keep(&self) -> Result<(), Error> {
        match self {
            Self::Local(local) => local.keep(),
            Self::Joined(lease) => {
                lease.keep().map_err(Error::system("the server's folder can't be marked as kept"))
            }
            #[cfg(feature = "docker")]
            Self::Docker(container) => container.keep(),
            Self::Given => Ok(()),
        }
    }

    /// Ends our part: a server that others use, or that is kept, goes on.
    #[cfg_attr(
        not(feature = "docker"),
        expect(clippy::unused_async, reason = "only the removal of a container is awaited")
    )]
    pub(super) async fn stop(self, stays: bool) -> Result<(), Error> {
        match self {
            Self::Local(local) if stays => {
                local.leave();
                Ok(())
            }
            Self::Local(local) => {
                local.stop();
                Ok(())
            }
            #[cfg(feature = "docker")]
            Self::Docker(container) if stays => {
                container.leave();
                Ok(())
            }
            #[cfg(feature = "docker")]
            Self::Docker(mut container) => container.remove().await,
            Self::Given | Self::Joined(_) => Ok(()),
        }
    }
}

fn named(source: &Source) -> &'static str {
    match source {
        Source::Auto => "auto",
        Source::Url(_) => "URL",
        Source::Binaries(_) => "server binaries",
        Source::Docker(_) => "Docker",
        Source::Download(_) => "download",
    }
}
