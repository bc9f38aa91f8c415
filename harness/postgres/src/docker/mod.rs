//! A server in a container, through testcontainers.

mod client;
mod labels;

use std::path::PathBuf;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};

use self::client::Client;
use super::options::Options;
use super::prefix::Prefix;
use super::server_error::{Refusal, ServerError};
use super::settings::QUICK;
use super::{Error, Source, environment};
use spanproof_lease::wait::{self, Look};
use spanproof_lease::{Ending, Guard, Lease, Resource};

/// Postgres's own port, inside the container.
const PORT: u16 = 5432;
/// How long a container may take to be started.
const START: Duration = Duration::from_mins(2);
/// How long an image may take to be pulled and its container to be made and started.
const PULL: Duration = Duration::from_mins(15);
/// How long the server may take: it makes its data first.
const READY: Duration = Duration::from_mins(1);
/// The image when none is named.
const IMAGE: &str = "postgres:16";
/// Lines of a container's log in an error.
const LINES: usize = 10;

/// A running container; it is removed when this is dropped.
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
    /// Runs the image and waits until the server in it lets us in.
    pub(super) async fn start(options: &Options, ending: Ending) -> Result<Self, Error> {
        let (image, platform) = (wanted(options), options.platform.as_deref());
        let client = Client::find().await?;
        let (engine, prefix) = (client.engine.clone(), options.prefix.clone());
        // Nobody waits for it, and it ends with this thread.
        tokio::spawn(async move { labels::sweep(&engine, &prefix).await });
        // Named by us and guarded before it is made, so that no failure and no signal leaves it.
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("{}-{unique}", options.prefix);
        let folder = environment::temporary().join(format!("spanproof-postgres-{}", &unique[..12]));
        let what = format!("`{}` could not be made, or its reaper not started", folder.display());
        let lease = Lease::make_with(&folder, ending).map_err(Error::system(what.clone()))?;
        let guard = lease.guard(Resource::Container(name.clone())).map_err(Error::system(what))?;
        let memory = client.roomy.then(|| memory_folder(&options.prefix));
        let password = uuid::Uuid::new_v4().simple().to_string();
        let mut request = request(&image, &password, memory.as_deref())
            .with_labels(labels::labels(&options.prefix, &folder))
            .with_container_name(&name);
        if let Some(platform) = platform {
            request = request.with_platform(platform);
        }
        let mut start = Some(request.start());
        let started = wait::until("the container's start", PULL, || {
            let start = start.take();
            async move {
                match start {
                    Some(start) => Look::Done(start.await),
                    None => Look::NotYet("its start was given up".into()),
                }
            }
        });
        let error = match started.await {
            Ok(Ok(running)) => {
                let (running, guard, lease) = (Some(running), Some(guard), Some(lease));
                let container = Self { running, guard, lease, folder, image, url: String::new() };
                return container.ready(&password).await;
            }
            Ok(Err(error)) => client::start_error(&error, &image, platform),
            Err(overdue) => client::missing_image(&image, platform, overdue.to_string()),
        };
        labels::remove(&client.engine, &name).await;
        Err(error)
    }

    /// Waits for a login; without one the container is removed again.
    async fn ready(mut self, password: &str) -> Result<Self, Error> {
        let Some(running) = &self.running else { return Ok(self) };
        let found = match address(running).await {
            Ok((host, port)) => {
                self.url = format!("postgres://postgres:{password}@{host}:{port}/postgres");
                log_in(running, &self.url).await
            }
            Err(reason) => Err(reason),
        };
        let Err(reason) = found else { return Ok(self) };
        let log = log(running).await;
        let next = format!(
            "`docker run -e POSTGRES_PASSWORD=secret {}` repeats that; the image should behave \
             like the official `postgres`",
            self.image
        );
        let (what, image) = ("no server came up in a container", self.image.clone());
        drop(self.remove().await);
        Err(Error::Container { what, image, reason, log, next })
    }

    /// The folder that the container goes with.
    pub(super) fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Leaves the container running: it goes with its last user.
    pub(super) fn leave(mut self) {
        std::mem::forget((self.running.take(), self.guard.take()));
    }

    /// Leaves the container running for good.
    pub(super) fn keep(&self) -> Result<(), Error> {
        let lease = self.lease.as_ref().ok_or(Error::Closed)?;
        lease.keep().map_err(Error::system("the container's folder can't be marked as kept"))
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

/// The image to run, with its tag.
fn wanted(options: &Options) -> String {
    match (&options.source, options.version) {
        (Source::Docker(Some(image)), None) => image.clone(),
        (Source::Docker(Some(image)), Some(version)) => match split(image) {
            (name, None) => format!("{name}:{version}"),
            _ => image.clone(),
        },
        (_, Some(version)) => format!("postgres:{version}"),
        (_, None) => IMAGE.to_owned(),
    }
}

/// The request to Docker, with the official image's own variables and its arguments to the server.
fn request(image: &str, password: &str, memory: Option<&str>) -> ContainerRequest<GenericImage> {
    let (name, tag) = split(image);
    let settings = QUICK.iter().flat_map(|setting| ["-c", setting]);
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
        .with_startup_timeout(START);
    if let Some(memory) = memory {
        request = request.with_env_var("PGDATA", format!("{memory}/data"));
    }
    request
}

fn modify(config: &mut HostConfig, memory: Option<&str>) {
    if on_this_machine() {
        let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
        let bindings = [(format!("{PORT}/tcp"), Some(vec![binding]))];
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(bindings.into_iter().collect());
    }
    if let Some(memory) = memory {
        config.tmpfs = Some([(memory.to_owned(), String::new())].into());
    }
}

/// The folder for data in memory: a place that no image has a volume at.
fn memory_folder(prefix: &Prefix) -> String {
    format!("/{prefix}-postgres")
}

/// Whether the engine's machine is where we are, so that its loopback is ours. Within a container
/// the engine is outside of it, also when its socket is in here.
fn on_this_machine() -> bool {
    let local = environment::docker_host().is_none_or(|host| host.starts_with("unix:"));
    local && !std::path::Path::new("/.dockerenv").exists()
}

async fn address(container: &ContainerAsync<GenericImage>) -> Result<(String, u16), String> {
    let host = container.get_host().await.map_err(|error| error.to_string())?;
    match container.get_host_port_ipv4(PORT).await {
        Ok(port) => Ok((host.to_string(), port)),
        Err(_) if !container.is_running().await.unwrap_or(false) => Err(ended(container).await),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until the server lets us in, or its container has ended.
async fn log_in(container: &ContainerAsync<GenericImage>, url: &str) -> Result<(), String> {
    let connect: PgConnectOptions =
        url.parse().map_err(|error| Refusal::from(error).to_string())?;
    let connect = &connect;
    wait::until("a login", READY, || async move {
        let error = match PgConnection::connect_with(connect).await {
            Ok(connection) => {
                drop(connection.close().await);
                return Look::Done(Ok(()));
            }
            Err(error) => ServerError::from(error),
        };
        if !error.is_temporary() {
            return Look::Done(Err(error.to_string()));
        }
        match container.is_running().await {
            Ok(false) => Look::Done(Err(ended(container).await)),
            _ => Look::NotYet(error.to_string()),
        }
    })
    .await
    .map_err(|overdue| overdue.to_string())?
}

async fn ended(container: &ContainerAsync<GenericImage>) -> String {
    match container.exit_code().await {
        Ok(Some(code)) => format!("it ended with exit code {code}"),
        _ => "it ended".to_owned(),
    }
}

/// The end of what a container has printed, each line indented on a new line.
async fn log(container: &ContainerAsync<GenericImage>) -> String {
    let mut text = container.stdout_to_vec().await.unwrap_or_default();
    text.extend(container.stderr_to_vec().await.unwrap_or_default());
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    lines[from..].iter().map(|line| format!("\n    {line}")).collect()
}

/// Name and tag of an image; the tag starts after the last colon that is not part of a host.
fn split(image: &str) -> (&str, Option<&str>) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_into_name_and_tag() {
        assert_eq!(split("postgres:16"), ("postgres", Some("16")));
        assert_eq!(split("host:5000/pg"), ("host:5000/pg", None));
        assert_eq!(split("host:5000/pg:15"), ("host:5000/pg", Some("15")));
    }

    #[test]
    fn the_version_is_the_tag_where_none_is_named() {
        let image = |name: Option<&str>, version| {
            let source = Source::Docker(name.map(str::to_owned));
            wanted(&Options { source, version, ..Options::default() })
        };
        assert_eq!(image(None, None), "postgres:16");
        assert_eq!(image(None, Some(17)), "postgres:17");
        assert_eq!(image(Some("host:5000/pg"), Some(17)), "host:5000/pg:17");
        assert_eq!(image(Some("pg:17-alpine"), Some(17)), "pg:17-alpine");
        assert_eq!(image(Some("pg"), None), "pg");
    }
}
