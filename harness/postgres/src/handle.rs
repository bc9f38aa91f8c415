//! The thread that owns a server and our connections to it.
//!
//! It has a runtime of its own, so a server outlives the runtime of the test that asked for it
//! first, a database can be dropped from a destructor, and the callers may be on any executor.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Error;
use super::background::Background;
use super::databases::Databases;
use super::engine::Running;
use super::options::Options;
use super::origin::Origin;
use super::run::Run;
use super::sharing::{self, SharedServer};

/// A request to the thread.
enum Request {
    Work(Work),
    Close(oneshot::Sender<Result<(), Error>>),
}

type Work = Box<dyn FnOnce(Arc<Databases>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A handle on the thread. The server goes when the last handle has gone.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    requests: mpsc::UnboundedSender<Request>,
    /// The data directory on its way into the cache. A process waits for it before it ends: most
    /// tests that use a server for the first time are quicker.
    pub(super) storing: Background,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Work(_) => "Work",
            Self::Close(_) => "Close",
        })
    }
}

impl Handle {
    /// Starts the thread, and in it a server of its own, or the one that all of this run share.
    pub(super) async fn start(options: Options, shared: bool) -> Result<(Self, Origin), Error> {
        let (sender, requests) = mpsc::unbounded_channel();
        let (ready, started) = oneshot::channel();
        std::thread::Builder::new()
            .name("spanproof-postgres".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => runtime.block_on(serve(options, shared, ready, requests)),
                    Err(source) => {
                        let what = "no runtime for the disposable Postgres".into();
                        let _sent = ready.send(Err(Error::System { what, source }));
                    }
                }
            })
            .map_err(Error::system("no thread for the disposable Postgres"))?;
        let (origin, storing) = started.await.map_err(|_| Error::Closed)??;
        Ok((Self { requests: sender, storing }, origin))
    }

    /// Does `work` on the thread and returns its result.
    pub(super) async fn run<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(Arc<Databases>) -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |databases| {
            let work = work(databases);
            Box::pin(async move {
                let _sent = reply.send(work.await);
            })
        });
        self.requests.send(Request::Work(work)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)
    }

    /// Does `work` on the thread, in the background.
    pub(super) fn run_later<F>(&self, work: impl FnOnce(Arc<Databases>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let _sent =
            self.requests.send(Request::Work(Box::new(move |databases| Box::pin(work(databases)))));
    }

    /// Stops the server, after everything that was asked for is done.
    pub(super) async fn close(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Close(reply)).map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

async fn serve(
    options: Options,
    shared: bool,
    ready: oneshot::Sender<Result<(Origin, Background), Error>>,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let databases = match open(options, shared).await {
        Ok(databases) => Arc::new(databases),
        Err(error) => {
            let _sent = ready.send(Err(error));
            return;
        }
    };
    let mut running = JoinSet::new();
    if databases.lasts() {
        let databases = Arc::clone(&databases);
        running.spawn(async move { databases.sweep().await });
    }
    let mut closed = None;
    // A caller who has given up meanwhile has dropped its end of `requests` as well.
    let _sent = ready.send(Ok((databases.origin.clone(), databases.storing.clone())));
    while let Some(request) = requests.recv().await {
        match request {
            Request::Work(work) => {
                running.spawn(work(Arc::clone(&databases)));
                while running.try_join_next().is_some() {}
            }
            Request::Close(reply) => {
                closed = Some(reply);
                break;
            }
        }
    }
    let ended = databases.end(running).await;
    if let Some(reply) = closed {
        let _sent = reply.send(ended);
    }
}

async fn open(options: Options, shared: bool) -> Result<Databases, Error> {
    let run = Run::new(options.prefix.clone());
    let server = if shared {
        sharing::join(&options, &run).await?
    } else {
        let running = Running::start(&options, &run, &spanproof_lease::Ending::default()).await?;
        SharedServer { running, shared: false }
    };
    Ok(Databases::new(server, run))
}
