//! The thread that owns a server and its administrative connections.
//!
//! It has a runtime of its own, so a server outlives the runtime of the test that asked for it
//! first, and a database can be dropped from a destructor.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};
use tokio::sync::{mpsc, oneshot};

use super::binaries::Binaries;
#[cfg(feature = "docker")]
use super::docker::Container;
use super::error::said;
use super::local::Local;
use super::source::{Options, Picked};
use super::{Error, Source, given};
use crate::wait::{self, Look};

/// How long a server that runs already may take to let us in.
const GIVEN: Duration = Duration::from_secs(3);
/// How long a server that was just started may take: in a container it makes its data first.
const OWN: Duration = Duration::from_mins(1);
/// Administrative statements at once; each clone keeps one core busy.
const CONNECTIONS: u32 = 3;

/// What the thread is asked to do.
#[derive(Debug)]
enum Request {
    Execute { what: String, sql: String, reply: Option<oneshot::Sender<Result<(), Error>>> },
    Close { reply: oneshot::Sender<Result<(), Error>> },
}

/// What a started server is known by.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub(super) url: String,
    pub(super) picked: Picked,
}

/// A handle on the thread.
#[derive(Debug, Clone)]
pub(super) struct Admin(mpsc::UnboundedSender<Request>);

/// What keeps a server running.
#[derive(Debug)]
enum Engine {
    Given,
    Local {
        _server: Box<Local>,
    },
    #[cfg(feature = "docker")]
    Docker(Box<Container>),
}

impl Admin {
    /// Starts the thread, and in it a server from the first source that works.
    pub(super) async fn start(options: Options) -> Result<(Self, Started), Error> {
        let (sender, requests) = mpsc::unbounded_channel();
        let (ready, started) = oneshot::channel();
        std::thread::Builder::new()
            .name("spanproof-postgres".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => runtime.block_on(serve(options, ready, requests)),
                    Err(source) => {
                        let what = "no runtime for the disposable Postgres".into();
                        let _told = ready.send(Err(Error::System { what, source }));
                    }
                }
            })
            .map_err(Error::system("no thread for the disposable Postgres"))?;
        let started = started.await.map_err(|_| Error::Closed)??;
        Ok((Self(sender), started))
    }

    /// Runs one statement; `what` names it in an error.
    pub(super) async fn execute(&self, what: String, sql: String) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send(Request::Execute { what, sql, reply: Some(reply) })
            .map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// Runs one statement in the background.
    pub(super) fn execute_later(&self, what: String, sql: String) {
        let _sent = self.0.send(Request::Execute { what, sql, reply: None });
    }

    /// Stops the server, after every statement that was asked for has run.
    pub(super) async fn close(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Request::Close { reply }).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

async fn serve(
    options: Options,
    ready: oneshot::Sender<Result<Started, Error>>,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let (engine, pool, started) = match start(&options).await {
        Ok(started) => started,
        Err(error) => {
            let _told = ready.send(Err(error));
            return;
        }
    };
    if ready.send(Ok(started)).is_err() {
        let _stopped = stop(engine, &pool).await;
        return;
    }
    let mut running = tokio::task::JoinSet::new();
    while let Some(request) = requests.recv().await {
        match request {
            Request::Execute { what, sql, reply } => {
                let pool = pool.clone();
                running.spawn(async move {
                    let done = execute(&pool, &what, sql).await;
                    if let Some(reply) = reply {
                        let _told = reply.send(done);
                    }
                });
                while running.try_join_next().is_some() {}
            }
            Request::Close { reply } => {
                while running.join_next().await.is_some() {}
                let _told = reply.send(stop(engine, &pool).await);
                return;
            }
        }
    }
    while running.join_next().await.is_some() {}
    let _stopped = stop(engine, &pool).await;
}

async fn execute(pool: &PgPool, what: &str, sql: String) -> Result<(), Error> {
    let statement = sqlx::AssertSqlSafe(sql);
    pool.execute(sqlx::raw_sql(statement)).await.map(drop).map_err(Error::database(what))
}

async fn stop(engine: Engine, pool: &PgPool) -> Result<(), Error> {
    pool.close().await;
    match engine {
        #[cfg(feature = "docker")]
        Engine::Docker(mut container) => container.remove().await,
        Engine::Given | Engine::Local { .. } => Ok(()),
    }
}

async fn start(options: &Options) -> Result<(Engine, PgPool, Started), Error> {
    let options = options.clone().overridden()?;
    let mut passed_over = Vec::new();
    let sources = match &options.source {
        Source::Auto => vec![Source::Binaries(None), Source::Docker(None)],
        one => vec![one.clone()],
    };
    let only = sources.len() == 1;
    for source in sources {
        match from(&Options { source: source.clone(), version: options.version }).await {
            Ok((engine, url, place)) => {
                let within = if matches!(engine, Engine::Given) { GIVEN } else { OWN };
                let (pool, version) = log_in(&url, within, &options).await?;
                let picked = Picked { place, version, passed_over };
                return Ok((engine, pool, Started { url, picked }));
            }
            Err(error) if only => return Err(error),
            Err(error) => passed_over.push(format!("{}: {error}", named(&source))),
        }
    }
    Err(Error::NoSource { tried: passed_over.join("; ") })
}

fn named(source: &Source) -> &'static str {
    match source {
        Source::Auto => "auto",
        Source::Url(_) => "URL",
        Source::Binaries(_) => "server binaries",
        Source::Docker(_) => "Docker",
    }
}

async fn from(options: &Options) -> Result<(Engine, String, String), Error> {
    match &options.source {
        Source::Url(url) => Ok((Engine::Given, url.clone(), given::shown(url))),
        Source::Auto | Source::Binaries(_) => {
            let binaries = Binaries::find(options)?;
            let server = Local::start(&binaries).await?;
            let (url, place) =
                (server.url(), format!("server binaries in {}", binaries.folder.display()));
            Ok((Engine::Local { _server: Box::new(server) }, url, place))
        }
        #[cfg(feature = "docker")]
        Source::Docker(_) => {
            let container = Container::start(options).await?;
            let (url, place) = (container.url.clone(), format!("Docker image {}", container.image));
            Ok((Engine::Docker(Box::new(container)), url, place))
        }
        #[cfg(not(feature = "docker"))]
        Source::Docker(_) => Err(Error::Program {
            program: "docker".into(),
            reason: "this build has no Docker support; build with `--features docker`".into(),
        }),
    }
}

async fn log_in(url: &str, within: Duration, options: &Options) -> Result<(PgPool, u32), Error> {
    let place = given::shown(url);
    let refused = |reason: String| Error::Login { place: place.clone(), reason };
    let connect: PgConnectOptions = url.parse().map_err(|error| refused(said(&error)))?;
    let connect = connect.application_name("spanproof");
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
    let pool = wait::until("a login", within, || {
        let (pool, connect) = (pool.clone(), connect.clone());
        async move {
            match pool.connect_with(connect).await {
                Ok(pool) => Look::Done(Ok(pool)),
                // The server answered: it will not change its mind, but for "starting up".
                Err(sqlx::Error::Database(error)) if error.code().as_deref() != Some("57P03") => {
                    Look::Done(Err(said(&sqlx::Error::Database(error))))
                }
                Err(error) => Look::NotYet(said(&error)),
            }
        }
    })
    .await
    .map_err(|overdue| refused(overdue.to_string()))?
    .map_err(refused)?;
    let number: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&pool)
        .await
        .map_err(Error::database("read the server's version"))?;
    let version = u32::try_from(number / 10_000).unwrap_or_default();
    options.accept(&place, version)?;
    Ok((pool, version))
}
