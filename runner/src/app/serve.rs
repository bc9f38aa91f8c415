//! From nothing to serving, and back.
//!
//! The order of the startup output is a promise: configuration, database, tracer, router, worker,
//! and last the address. Nothing of it is printed once `GET /health` answers.

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

use super::assembly::{Assembly, Given, Parts};
use super::error::StartError;
use crate::api::{self, Tasks};
use crate::config::{Config, RouterChoice, mask_url};
use crate::database_error::told;
use crate::execute::Executor;
use crate::log;
use crate::stop::{Phase, Stop};
use crate::store::Store;
use crate::worker::Worker;

/// How many connections the work has.
const POOL: u32 = 6;
/// How long to wait for the database at the start.
const CONNECT: Duration = Duration::from_secs(5);
/// How long units in flight may go on after a stop is asked for.
const GRACE: Duration = Duration::from_secs(2);
/// How long it may take to write down that they were given up.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Runs a runner until it is told to stop; a failed start is printed.
pub fn run(assembly: &Assembly) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.map_err(StartError::from).and_then(|runtime| {
        let ended = runtime.block_on(serve(assembly));
        // What still runs has had its time.
        runtime.shutdown_background();
        ended
    });
    match ended {
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
    let parts = (assembly.parts)(&Given { config: &config, database: &database, store: &store })?;
    tell_router(&config);
    let (say_stop, stop) = Stop::channel();
    let Parts { tracers, upstream, claims, units } = parts;
    let executor =
        Arc::new(Executor { store: store.clone(), upstream, tracers, units, stop: stop.clone() });
    let announcements = store.announcements().await?;
    let worker = Worker { executor: executor.clone(), claims, announcements };
    tracing::info!(channel = crate::store::CHANNEL, "worker started");
    let listener = listen(&config.listen).await?;

    let tasks = Tasks::default();
    let api = api::routes(store, executor, tasks.clone(), stop.clone());
    let server = axum::serve(listener, api);
    let server = server.with_graceful_shutdown(async move { stop.reached(Phase::Draining).await });
    let server = tokio::spawn(server.into_future());
    let worker = tokio::spawn(worker.run());
    asked_to_stop(signals).await;
    end(&say_stop, async {
        drop(tokio::join!(server, worker));
        tasks.all().await;
    })
    .await;
    Ok(())
}

/// Stops in two steps; `everything` returns when all that runs has ended.
async fn end(say_stop: &watch::Sender<Phase>, everything: impl Future<Output = ()>) {
    let mut everything = std::pin::pin!(everything);
    tracing::info!("stopping");
    say_stop.send_replace(Phase::Draining);
    if timeout(GRACE, &mut everything).await.is_err() {
        tracing::warn!("units in flight are given up");
        say_stop.send_replace(Phase::Cancelled);
        if timeout(LAST_WRITES, &mut everything).await.is_err() {
            tracing::error!("not everything could be written down before the end");
        }
    }
    tracing::info!("stopped");
}

/// Reads the flags and prints them, whatever the log level; then complains.
fn configure(assembly: &Assembly) -> Result<Config, StartError> {
    let mut config = Config::read(assembly.environment);
    (assembly.adjust)(&mut config);
    for setting in &config.settings {
        print(&setting.to_string());
    }
    if let Some(problem) = config.problems.first() {
        return Err(problem.clone().into());
    }
    log::start(config.log_level);
    Ok(config)
}

async fn connect(config: &Config) -> Result<(Store, PgConnectOptions), StartError> {
    let url = &config.database_url;
    let options = PgConnectOptions::from_str(url.expose())
        .map_err(|error| StartError::DatabaseUrl { url: url.clone(), reason: told(&error) })?
        .application_name("runner");
    // Tried by one connection first: a pool would hide the reason behind its own timeout.
    let connection = timeout(CONNECT, options.connect())
        .await
        .map_err(|_| StartError::Silent { url: url.clone(), seconds: CONNECT.as_secs() })?
        .map_err(|error| StartError::Unreachable { url: url.clone(), reason: told(&error) })?;
    connection.close().await?;
    let pool = PgPoolOptions::new().max_connections(POOL).acquire_timeout(CONNECT);
    let pool = pool.connect_lazy_with(options.clone());
    fill(&pool).await?;
    let store = Store::new(pool);
    match store.missing_table().await? {
        Some(table) => Err(StartError::NoTable(table)),
        None => Ok((store, options)),
    }
}

/// Opens all connections of a pool now: a server that lets nobody in later fails no job then.
async fn fill(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut opening: JoinSet<_> = (0..POOL).map(|_| pool.acquire()).collect();
    let mut open = Vec::new();
    while let Some(opened) = opening.join_next().await {
        // Held until all are there, so that none is given twice.
        open.extend(opened.ok().transpose()?);
    }
    Ok(())
}

fn tell_router(config: &Config) {
    match &config.router {
        RouterChoice::At(base) => {
            let (base, timeout) = (mask_url(base), config.router_timeout);
            tracing::info!(%base, ?timeout, "hybrid router enabled");
            if base.starts_with("https:") {
                tracing::warn!("this build has no TLS: every call of an https router will fail");
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
    let failed = |source| StartError::Listen { address: address.to_owned(), source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    print(&format!("listening on {}", listener.local_addr().map_err(failed)?));
    Ok(listener)
}

async fn asked_to_stop((mut terminate, mut interrupt): (Signal, Signal)) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Prints a line of the startup output; nobody can be told that standard output is closed.
fn print(line: &str) {
    drop(io::stdout().lock().write_all(format!("{line}\n").as_bytes()));
}
