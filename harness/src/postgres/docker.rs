//! A server in a container, through testcontainers.

use std::time::Duration;

use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::bollard::query_parameters::RemoveContainerOptionsBuilder;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};

use super::source::{IMAGE, Options};
use super::{Error, Source};
use crate::reaper::{self, Guard, Thing};

/// Postgres's own port, inside the container.
const PORT: u16 = 5432;
/// How long an image may take to be pulled and its container to be started.
const START: Duration = Duration::from_mins(2);
/// A running container; it is removed when this is dropped.
pub(super) struct Container {
    running: Option<ContainerAsync<GenericImage>>,
    guard: Option<Guard>,
    pub(super) image: String,
    pub(super) url: String,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container").field("image", &self.image).finish_non_exhaustive()
    }
}

impl Container {
    /// Runs the image; the server in it may still be starting when this returns.
    pub(super) async fn start(options: &Options) -> Result<Self, Error> {
        let image = match (&options.source, options.version) {
            (Source::Docker(Some(image)), _) => image.clone(),
            (_, Some(version)) => format!("postgres:{version}"),
            (_, None) => IMAGE.to_owned(),
        };
        let failed = |error: &dyn std::fmt::Display| Error::Program {
            program: format!("docker run {image}"),
            reason: format!("{error}; is Docker running, and can it pull `{image}`?"),
        };
        let (repository, tag) = split(&image);
        // Named by us and guarded before it is made, so that no failure and no signal leaves it.
        let name = format!("spanproof-{}", uuid::Uuid::new_v4().simple());
        let guard = reaper::guard(Thing::Container(name.clone()))
            .map_err(Error::system("the reaper could not be started with `/bin/sh`"))?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let request = GenericImage::new(repository, tag)
            .with_exposed_port(PORT.tcp())
            .with_wait_for(WaitFor::Nothing)
            .with_env_var("POSTGRES_PASSWORD", &password)
            .with_container_name(&name)
            .with_label("org.spanproof.pid", std::process::id().to_string())
            .with_host_config_modifier(on_loopback)
            .with_startup_timeout(START);
        let container = match request.start().await {
            Ok(container) => container,
            Err(error) => {
                discard(&name).await;
                return Err(failed(&error));
            }
        };
        let host = container.get_host().await.map_err(|error| failed(&error))?;
        let port = container.get_host_port_ipv4(PORT).await.map_err(|error| failed(&error))?;
        let url = format!("postgres://postgres:{password}@{host}:{port}/postgres");
        Ok(Self { running: Some(container), guard: Some(guard), image, url })
    }

    /// Removes the container with its volumes.
    pub(super) async fn remove(&mut self) -> Result<(), Error> {
        let Some(container) = self.running.take() else { return Ok(()) };
        let removed = container.rm().await;
        self.guard = None;
        removed.map_err(|error| Error::Program {
            program: format!("docker rm {}", self.image),
            reason: error.to_string(),
        })
    }
}

/// Removes a container that was made and could not be started; there may be none.
async fn discard(name: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    if let Ok(client) = docker_client_instance().await {
        let _removed = client.remove_container(name, Some(options)).await;
    }
}

/// Publishes the port on this machine only, where Docker itself is on this machine.
fn on_loopback(config: &mut HostConfig) {
    #[expect(clippy::disallowed_methods, reason = "Docker's own variable says where Docker is")]
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    if host.is_empty() || host.starts_with("unix:") {
        let binding = PortBinding { host_ip: Some("127.0.0.1".into()), host_port: None };
        let bindings = [(format!("{PORT}/tcp"), Some(vec![binding]))];
        config.publish_all_ports = Some(false);
        config.port_bindings = Some(bindings.into_iter().collect());
    }
}

/// Name and tag of an image; the tag starts after the last colon that is not part of a host.
fn split(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_split_into_name_and_tag() {
        assert_eq!(split("postgres:16"), ("postgres", "16"));
        assert_eq!(split("host:5000/pg"), ("host:5000/pg", "latest"));
        assert_eq!(split("host:5000/pg:15"), ("host:5000/pg", "15"));
    }
}
