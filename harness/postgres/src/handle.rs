//! The thread that owns a server and our connections to it.
//!
//! The thread has its own runtime. So a server outlives the runtime of the test that started it, a
//! database can be dropped from a destructor, and callers may use any executor.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::Error;
use super::background::Background;
use super::databases::Databases;
use super::engine::RunningServer;
use super::options::Options;
use super::origin::Origin;
use super::run::Run;
use super::sharing::{self, SharedServer};

/// A request to the thread.
enum Request {
    Run(Task),
    Close(oneshot::Sender<Result<(), Error>>),
}

type Task = Box<dyn FnOnce(Arc<Databases>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A handle to the thread, which closes the server when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    requests: mpsc::UnboundedSender<Request>,
    /// The task that stores the data directory in the cache. A process waits for it before it ends:
    /// most tests take less time than this task, and would otherwise never fill the cache.
    pub(super) storing: Background,
}

/// Whether other processes may use the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Exclusive,
    Shared,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Run(_) => "Run",
            Self::Close(_) => "Close",
        })
    }
}

impl Handle {
    /// Starts the thread, which starts an unshared server.
    pub(super) async fn start(options: Options) -> Result<(Self, Origin), Error> {
        Self::spawn(options, Access::Exclusive).await
    }

    /// Starts the thread, which joins the shared server of this test run, or starts that server.
    pub(super) async fn join(options: Options) -> Result<(Self, Origin), Error> {
        Self::spawn(options, Access::Shared).await
    }

    async fn spawn(options: Options, access: Access) -> Result<(Self, Origin), Error> {
        let (sender, requests) = mpsc::unbounded_channel();
        let (ready, started) = oneshot::channel();
        std::thread::Builder::new()
            .name("spanproof-postgres".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => runtime.block_on(serve(options, access, ready, requests)),
                    Err(source) => {
                        let what = "could not start a runtime for the disposable Postgres".into();
                        let _sent = ready.send(Err(Error::System { what, source }));
                    }
                }
            })
            .map_err(Error::system("could not start a thread for the disposable Postgres"))?;
        let (origin, storing) = started.await.map_err(|_| Error::Closed)??;
        Ok((Self { requests: sender, storing }, origin))
    }

    /// Runs `task` on the thread and returns its result.
    pub(super) async fn run<T: Send + 'static, F>(
        &self,
        task: impl FnOnce(Arc<Databases>) -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, result) = oneshot::channel();
        let task: Task = Box::new(move |databases| {
            let task = task(databases);
            Box::pin(async move {
                let _sent = sender.send(task.await);
            })
        });
        self.requests.send(Request::Run(task)).map_err(|_| Error::Closed)?;
        result.await.map_err(|_| Error::Closed)
    }

    /// Runs `task` on the thread and does not wait for it.
    pub(super) fn run_later<F>(&self, task: impl FnOnce(Arc<Databases>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task: Task = Box::new(move |databases| Box::pin(task(databases)));
        let _sent = self.requests.send(Request::Run(task));
    }

    /// Stops the server. A shared, a kept and an existing server keep running. If a local server stops,
    /// requests that are not done are cancelled; otherwise this waits until they are done.
    pub(super) async fn close(&self) -> Result<(), Error> {
        let (sender, result) = oneshot::channel();
        self.requests.send(Request::Close(sender)).map_err(|_| Error::Closed)?;
        result.await.map_err(|_| Error::Closed)?
    }
}

/// Starts a server or joins the shared one, handles requests until a request closes the server or
/// all handles are dropped, and closes the server.
async fn serve(
    options: Options,
    access: Access,
    ready: oneshot::Sender<Result<(Origin, Background), Error>>,
    mut requests: mpsc::UnboundedReceiver<Request>,
) {
    let databases = match open(options, access).await {
        Ok(databases) => Arc::new(databases),
        Err(error) => {
            let _sent = ready.send(Err(error));
            return;
        }
    };
    let mut tasks = JoinSet::new();
    if databases.server_outlives_run() {
        let databases = Arc::clone(&databases);
        tasks.spawn(async move { databases.sweep().await });
    }
    let mut closed = None;
    // If the caller has given up, it has dropped the sender of `requests`, too, so the loop ends at
    // once.
    let _sent = ready.send(Ok((databases.origin.clone(), databases.storing.clone())));
    while let Some(request) = requests.recv().await {
        match request {
            Request::Run(task) => {
                tasks.spawn(task(Arc::clone(&databases)));
                while tasks.try_join_next().is_some() {}
            }
            Request::Close(sender) => {
                closed = Some(sender);
                break;
            }
        }
    }
    let result = databases.close(tasks).await;
    if let Some(sender) = closed {
        let _sent = sender.send(result);
    }
}

async fn open(options: Options, access: Access) -> Result<Databases, Error> {
    let run = Run::new(options.prefix.clone());
    let server = match access {
        Access::Shared => sharing::join(&options, &run).await?,
        Access::Exclusive => {
            let lease = spanproof_lease::LeaseOptions::default();
            let running = RunningServer::start(&options, &run, &lease).await?;
            SharedServer { running, shared: false }
        }
    };
    Ok(Databases::new(server, run))
}
