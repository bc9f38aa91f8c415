//! Startup and shutdown.
//!
//! The startup output has a fixed order: configuration, database, tracer, router, worker, address.
//! All of it is printed before `GET /health` answers.

use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::assembly::{Assembly, Context, Parts};
use super::error::StartError;
use crate::api::{self, Tasks};
use crate::config::{Config, RouterChoice, mask_url};
use crate::database_error::one_line;
use crate::execute::Executor;
use crate::log;
use crate::stop::{Phase, Stop};
use crate::store::Store;
use crate::worker::Worker;

/// Number of database connections for jobs and executions. The tracer has connections of its own.
const POOL_SIZE: u32 = 6;
/// Deadline for connecting to the database at startup.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for running units (the parts of jobs) to finish after SIGTERM or SIGINT; then they are cancelled.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for cancelled units to store their failure.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs the runner until SIGTERM or SIGINT. Prints the error if it can't start.
pub fn run(assembly: &Assembly) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(StartError::from).and_then(|runtime| {
        let result = runtime.block_on(serve(assembly));
        // This does not wait for tasks that exceeded their deadlines.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = format!("error: {error}").replace(['\n', '\r'], " ");
            drop(io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
            ExitCode::FAILURE
        }
    }
}

async fn serve(assembly: &Assembly) -> Result<(), StartError> {
    let config = configure(assembly)?;
    let signals = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (store, database) = connect(&config).await?;
    tracing::info!("database connected");
    let context = Context { config: &config, database: &database, store: &store };
    let parts = (assembly.parts)(&context)?;
    log_router(&config);
    let (stop_sender, stop) = Stop::channel();
    let Parts { tracers, upstream, queue, units } = parts;
    let executor =
        Arc::new(Executor { store: store.clone(), upstream, tracers, units, stop: stop.clone() });
    let notifications = store.listen().await?;
    let worker = Worker { executor: executor.clone(), queue, notifications };
    tracing::info!(channel = crate::store::CHANNEL, "worker started");
    let listener = listen(&config.listen).await?;

    let tasks = Tasks::default();
    let api = api::routes(store, executor, tasks.clone(), stop.clone());
    let server = axum::serve(listener, api);
    let server = server.with_graceful_shutdown(async move { stop.wait_for(Phase::Draining).await });
    let server = tokio::spawn(server.into_future());
    let worker = tokio::spawn(worker.run());
    wait_for_signal(signals).await;
    shut_down(&stop_sender, async {
        drop(tokio::join!(server, worker));
        tasks.wait_for_all().await;
    })
    .await;
    Ok(())
}

/// Shuts down in two steps. `running` completes when server, worker and tasks have finished.
async fn shut_down(stop_sender: &watch::Sender<Phase>, running: impl Future<Output = ()>) {
    let mut running = std::pin::pin!(running);
    tracing::info!("stopping");
    stop_sender.send_replace(Phase::Draining);
    if timeout(DRAIN_TIMEOUT, &mut running).await.is_err() {
        tracing::warn!("cancelling running units");
        stop_sender.send_replace(Phase::Cancelled);
        if timeout(CANCEL_TIMEOUT, &mut running).await.is_err() {
            tracing::error!("some results were not stored before the exit");
        }
    }
    tracing::info!("stopped");
}

/// Reads the flags and prints each of them, whatever the log level. Returns the first error if a
/// flag is invalid.
fn configure(assembly: &Assembly) -> Result<Config, StartError> {
    let mut config = Config::read(assembly.environment);
    (assembly.adjust)(&mut config);
    for setting in &config.settings {
        print(&setting.to_string());
    }
    if let Some(error) = config.errors.first() {
        return Err(error.clone().into());
    }
    log::start(config.log_level);
    Ok(config)
}

/// Connects to the database and checks that it has the required tables. Further connections use the
/// returned options.
async fn connect(config: &Config) -> Result<(Store, PgConnectOptions), StartError> {
    let url = &config.database_url;
    let options = PgConnectOptions::from_str(url.expose())
        .map_err(|error| StartError::DatabaseUrl { url: url.clone(), reason: one_line(&error) })?
        .application_name("runner");
    // A single connection comes first: a pool would report a timeout instead of the reason for the
    // failure.
    let connection = timeout(CONNECT_TIMEOUT, options.connect())
        .await
        .map_err(|_| StartError::Timeout { url: url.clone(), seconds: CONNECT_TIMEOUT.as_secs() })?
        .map_err(|error| StartError::Unreachable { url: url.clone(), reason: one_line(&error) })?;
    connection.close().await?;
    let pool = PgPoolOptions::new().max_connections(POOL_SIZE).acquire_timeout(CONNECT_TIMEOUT);
    let pool = pool.connect_lazy_with(options.clone());
    open_connections(&pool).await?;
    let store = Store::new(pool);
    match store.missing_table().await? {
        Some(table) => Err(StartError::MissingTable(table)),
        None => Ok((store, options)),
    }
}

/// Opens all connections of the pool now, so that jobs still run if the server later accepts no more
/// connections.
async fn open_connections(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut acquiring: JoinSet<_> = (0..POOL_SIZE).map(|_| pool.acquire()).collect();
    let mut connections = Vec::new();
    while let Some(acquired) = acquiring.join_next().await {
        // Connections are held until all are open, so that the pool returns none of them twice.
        connections.extend(acquired.ok().transpose()?);
    }
    Ok(())
}

fn log_router(config: &Config) {
    match &config.router {
        RouterChoice::BaseUrl(base) => {
            let (base, timeout) = (mask_url(base), config.router_timeout);
            tracing::info!(%base, ?timeout, "hybrid router enabled");
            if base.starts_with("https:") {
                tracing::warn!("this build has no TLS: every call to an https router will fail");
            }
        }
        RouterChoice::Disabled => {
            tracing::warn!("hybrid router disabled by HYBRID_ROUTER_DISABLE: every unit will fail");
        }
        RouterChoice::NotConfigured => {
            tracing::warn!("hybrid router not configured: every unit will fail");
        }
    }
}

async fn listen(address: &str) -> Result<TcpListener, StartError> {
    let listen_error = |source| StartError::Listen { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    print(&format!("listening on {}", listener.local_addr().map_err(listen_error)?));
    Ok(listener)
}

async fn wait_for_signal((mut terminate, mut interrupt): (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Prints a line of the startup output. A closed standard output is ignored.
fn print(line: &str) {
    drop(io::stdout().lock().write_all(format!("{line}\n").as_bytes()));
}
