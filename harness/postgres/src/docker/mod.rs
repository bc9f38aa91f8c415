//! A Postgres server in a Docker container, through the crate testcontainers. A lease is a folder that
//! lets a helper process, the reaper, remove the container when the last process that uses it has ended.

mod client;
mod labels;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

use self::client::Client;
use super::connection::connect_options;
use super::options::Options;
use super::prefix::Prefix;
use super::server_error::{Refusal, ServerError};
use super::settings::FAST;
use super::{Error, Source, environment, log};
use spanproof_lease::wait::{self, Attempt};
use spanproof_lease::{Guard, Lease, LeaseOptions, Resource};

/// Postgres's port inside the container.
const PORT: u16 = 5432;
/// The settings for the log that [`collected_log`](super::collected_log) reads.
const COLLECTED_LOG: [&str; 7] = [
    "logging_collector=on",
    "log_directory=log",
    "log_filename=server.log",
    "log_rotation_age=0",
    "log_rotation_size=0",
    "lc_messages=C",
    log::LINE_PREFIX,
];
/// Time limit to start a container.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// Time limit to pull an image, and to create and start its container.
const PULL_TIMEOUT: Duration = Duration::from_mins(15);
/// Time limit until the server accepts a connection. The server runs `initdb` first.
const LOGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// The image if the options name neither an image nor a version.
const DEFAULT_IMAGE: &str = "postgres:16";
/// Number of lines of a container's log in an error.
const LOG_LINES: usize = 10;

/// A running container. Dropping it removes the container.
pub(super) struct Container {
    running: Option<ContainerAsync<GenericImage>>,
    guard: Option<Guard>,
    lease: Option<Lease>,
    folder: PathBuf,
    pub(super) image: String,
    pub(super) url: String,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container").field("image", &self.image).finish_non_exhaustive()
    }
}

impl Container {
    /// Runs the image and waits until its server accepts a connection.
    pub(super) async fn start(options: &Options, lease: LeaseOptions) -> Result<Self, Error> {
        let (image, platform) = (image(options), options.platform.as_deref());
        let client = Client::connect().await?;
        let (engine, prefix) = (client.engine.clone(), options.prefix.clone());
        // The removal of old containers must not delay the start, so nothing waits for this task.
        tokio::spawn(async move { labels::sweep(&engine, &prefix).await });
        // The reaper knows the container's name before the container exists, so the container is removed
        // even if this process is killed during its start.
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{}-{unique}", options.prefix);
        let folder = environment::temporary().join(format!("spanproof-postgres-{}", &unique[..12]));
        let what = format!("could not create `{}` or start its reaper", folder.display());
        let lease = Lease::create_with(&folder, lease).map_err(Error::system(what.clone()))?;
        let guard = lease.guard(Resource::Container(name.clone())).map_err(Error::system(what))?;
        let memory = client.has_memory.then(|| memory_folder(&options.prefix));
        let password = uuid::Uuid::new_v4().simple().to_string();
        let mut request = request(&image, &password, memory.as_deref())
            .with_labels(labels::labels(&options.prefix, &folder))
            .with_container_name(&name);
        if let Some(platform) = platform {
            request = request.with_platform(platform);
        }
        let mut start = Some(request.start());
        let started = wait::until("the container's start", PULL_TIMEOUT, || {
            let start = start.take();
            async move {
                match start {
                    Some(start) => Attempt::Done(start.await),
                    None => Attempt::NotYet("its start was cancelled".into()),
                }
            }
        });
        let error = match started.await {
            Ok(Ok(running)) => {
                let (running, guard, lease) = (Some(running), Some(guard), Some(lease));
                let container = Self { running, guard, lease, folder, image, url: String::new() };
                return container.wait_until_ready(&password).await;
            }
            Ok(Err(error)) => client::start_error(&error, &image, platform),
            Err(timeout) => client::missing_image(&image, platform, timeout.to_string()),
        };
        labels::remove(&client.engine, &name).await;
        Err(error)
    }

    /// Waits until the server accepts a connection. If it does not, removes the container.
    async fn wait_until_ready(mut self, password: &str) -> Result<Self, Error> {
        let Some(running) = &self.running else { return Ok(self) };
        let login = match address(running).await {
            Ok((host, port)) => {
                self.url = format!(
                    "postgres://postgres:{password}@{host}:{port}/postgres?sslmode=disable"
                );
                log_in(running, &self.url).await
            }
            Err(reason) => Err(reason),
        };
        let Err(reason) = login else { return Ok(self) };
        let log = last_log_lines(running).await;
        let next = format!(
            "try `docker run -e POSTGRES_PASSWORD=secret {}`; the image should behave like the \
             official `postgres`",
            self.image
        );
        let (what, image) = ("no server started in a container", self.image.clone());
        drop(self.remove().await);
        Err(Error::Container { what, image, reason, log, next })
    }

    /// Returns the folder of the container's lease.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Leaves the container running. It is removed when the last process that uses it has ended.
    pub(super) fn leave_running(mut self) {
        std::mem::forget((self.running.take(), self.guard.take()));
    }

    /// Keeps the container running after the last process that uses it has ended.
    pub(super) fn keep(&self) -> Result<(), Error> {
        let lease = self.lease.as_ref().ok_or(Error::Closed)?;
        lease.keep().map_err(Error::system("could not mark the container's folder as kept"))
    }

    /// Removes the container with its volumes.
    pub(super) async fn remove(&mut self) -> Result<(), Error> {
        let Some(container) = self.running.take() else { return Ok(()) };
        let removed = container.rm().await;
        self.guard = None;
        self.lease = None;
        let image = || self.image.clone();
        removed.map_err(|error| Error::Removal { image: image(), source: error.into() })
    }
}

/// Returns the image to run, with its tag.
fn image(options: &Options) -> String {
    match (&options.source, options.version) {
        (Source::Docker(Some(image)), None) => image.clone(),
        (Source::Docker(Some(image)), Some(version)) => match split_tag(image) {
            (name, None) => format!("{name}:{version}"),
            _ => image.clone(),
        },
        (_, Some(version)) => format!("postgres:{version}"),
        (_, None) => DEFAULT_IMAGE.to_owned(),
    }
}

/// Returns the request to Docker, with the variables and the arguments that the official image expects.
fn request(image: &str, password: &str, memory: Option<&str>) -> ContainerRequest<GenericImage> {
    let (name, tag) = split_tag(image);
    let settings = FAST.iter().chain(&COLLECTED_LOG);
    let settings = settings.flat_map(|setting| ["-c", setting]);
    let mut request = GenericImage::new(name, tag.unwrap_or("latest"))
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::Nothing)
        .with_env_var("POSTGRES_PASSWORD", password)
        .with_env_var("POSTGRES_INITDB_ARGS", "--no-sync")
        .with_cmd(std::iter::once("postgres").chain(settings))
        .with_host_config_modifier({
            let memory = memory.map(str::to_owned);
            move |config| modify(config, memory.as_deref())
        })
        .with_startup_timeout(START_TIMEOUT);
    if let Some(memory) = memory {
        request = request.with_env_var("PGDATA", format!("{memory}/data"));
    }
    request
}

/// Publishes the server's port on the loopback interface only, if the engine is on this machine. Mounts a
/// file system in memory if `memory` names its folder.
fn modify(config: &mut HostConfig, memory: Option<&str>) {
    if engine_is_local() {
        let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
        let bindings = [(format!("{PORT}/tcp"), Some(vec![binding]))];
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(bindings.into_iter().collect());
    }
    if let Some(memory) = memory {
        config.tmpfs = Some([(memory.to_owned(), String::new())].into());
    }
}

/// Returns the folder for data in memory. No image has a volume there.
fn memory_folder(prefix: &Prefix) -> String {
    format!("/{prefix}-postgres")
}

/// Returns whether this process and the engine have the same loopback interface. A process in a
/// container has a different one, even if the engine's socket is mounted there.
fn engine_is_local() -> bool {
    let local = environment::docker_host().is_none_or(|host| host.starts_with("unix:"));
    local && !std::path::Path::new("/.dockerenv").exists()
}

/// Returns the host and port of the server. The error is a message for the user.
async fn address(container: &ContainerAsync<GenericImage>) -> Result<(String, u16), String> {
    let host = container.get_host().await.map_err(|error| error.to_string())?;
    match container.get_host_port_ipv4(PORT).await {
        Ok(port) => Ok((host.to_string(), port)),
        Err(_) if !container.is_running().await.unwrap_or(false) => Err(exit(container).await),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until the server accepts a connection or its container has ended.
async fn log_in(container: &ContainerAsync<GenericImage>, url: &str) -> Result<(), String> {
    let connect = connect_options(url).map_err(|error| Refusal::from(error).to_string())?;
    let connect = &connect;
    wait::until("a login", LOGIN_TIMEOUT, || async move {
        let error = match PgConnection::connect_with(connect).await {
            Ok(connection) => {
                drop(connection.close().await);
                return Attempt::Done(Ok(()));
            }
            Err(error) => ServerError::from(error),
        };
        if !error.is_temporary() {
            return Attempt::Done(Err(error.to_string()));
        }
        match container.is_running().await {
            Ok(false) => Attempt::Done(Err(exit(container).await)),
            _ => Attempt::NotYet(error.to_string()),
        }
    })
    .await
    .map_err(|timeout| timeout.to_string())?
}

/// Describes how a container ended.
async fn exit(container: &ContainerAsync<GenericImage>) -> String {
    match container.exit_code().await {
        Ok(Some(code)) => format!("it ended with exit code {code}"),
        _ => "it ended".to_owned(),
    }
}

/// Returns the last lines that a container has printed, each on an indented line.
async fn last_log_lines(container: &ContainerAsync<GenericImage>) -> String {
    let mut text = container.stdout_to_vec().await.unwrap_or_default();
    text.extend(container.stderr_to_vec().await.unwrap_or_default());
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LOG_LINES);
    lines[first..].iter().map(|line| format!("\n    {line}")).collect()
}

/// Splits an image into name and tag. The tag follows the last colon that is not part of a host.
fn split_tag(image: &str) -> (&str, Option<&str>) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_an_image_into_name_and_tag() {
        assert_eq!(split_tag("postgres:16"), ("postgres", Some("16")));
        assert_eq!(split_tag("host:5000/pg"), ("host:5000/pg", None));
        assert_eq!(split_tag("host:5000/pg:15"), ("host:5000/pg", Some("15")));
    }

    #[test]
    fn the_version_becomes_the_tag_of_an_image_that_has_no_tag() {
        let image = |name: Option<&str>, version| {
            let source = Source::Docker(name.map(str::to_owned));
            image(&Options { source, version, ..Options::default() })
        };
        assert_eq!(image(None, None), "postgres:16");
        assert_eq!(image(None, Some(17)), "postgres:17");
        assert_eq!(image(Some("host:5000/pg"), Some(17)), "host:5000/pg:17");
        assert_eq!(image(Some("pg:17-alpine"), Some(17)), "pg:17-alpine");
        assert_eq!(image(Some("pg"), None), "pg");
    }
}
