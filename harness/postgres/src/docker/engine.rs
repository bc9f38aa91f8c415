//! The Docker engine: where it is, whether it answers, and what its refusals mean.

use std::time::Duration;

use testcontainers::TestcontainersError;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as Said;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::error::ClientError;

use super::super::Error;
use crate::error::chain;
use spanproof_lease::wait::{self, Look};

/// An engine that is there answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(10);
/// With less memory than this the data stay on the engine's disk.
const ROOM: i64 = 4 * 1024 * 1024 * 1024;

/// An engine that has answered.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) client: Docker,
    /// Whether the data of a server may be kept in memory.
    pub(super) roomy: bool,
}

impl Engine {
    /// Connects to the engine that `DOCKER_HOST` names, or to this machine's.
    pub(super) async fn find() -> Result<Self, Error> {
        let client = docker_client_instance().await.map_err(|error| unanswered(reason(&error)))?;
        let answer = wait::until("its answer", ANSWER, || async {
            Look::Done(client.info().await.map_err(|error| told(&error)))
        });
        let info = answer.await.map_err(|overdue| unanswered(overdue.to_string()))?;
        let info = info.map_err(unanswered)?;
        Ok(Self { client, roomy: info.mem_total.unwrap_or_default() >= ROOM })
    }
}

fn unanswered(reason: String) -> Error {
    let place =
        host().map_or_else(String::new, |host| format!(" at `{}`", crate::password::masked(&host)));
    Error::NoDocker { place, reason }
}

/// What `DOCKER_HOST` says.
pub(super) fn host() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "Docker's own variable says where Docker is")]
    std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty())
}

/// Why no container could be made or started.
pub(super) fn refused(error: &TestcontainersError, image: &str, platform: Option<&str>) -> Error {
    let TestcontainersError::Client(error) = error else {
        return container("a container could not be started", image, error.to_string());
    };
    let reason = reason(error);
    match error {
        // It may also have been pulled, and still not be there for this platform.
        ClientError::PullImage { .. }
        | ClientError::CreateContainer(Said::DockerResponseServerError {
            status_code: 404, ..
        }) => missing(image, platform, reason),
        ClientError::StartContainer(_) => {
            container("Docker made a container and can't start it", image, reason)
        }
        _ => container("Docker makes no container", image, reason),
    }
}

/// Docker has not got the image and can't get it.
pub(super) fn missing(image: &str, platform: Option<&str>, reason: String) -> Error {
    let platform = platform.map_or_else(String::new, |name| format!(" for `{name}`"));
    Error::NoImage { image: image.to_owned(), platform, reason }
}

fn container(what: &'static str, image: &str, reason: String) -> Error {
    let next = format!("`docker run {image}` repeats that, outside of this program");
    Error::Container { what, image: image.to_owned(), reason, log: String::new(), next }
}

/// What Docker said, without the wrapping of the client.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::PullImage { err, .. }
        | ClientError::CreateContainer(err)
        | ClientError::StartContainer(err)
        | ClientError::Init(err) => told(err),
        other => other.to_string(),
    }
}

/// An error with its causes; the client's own says only that there is one.
fn told(error: &Said) -> String {
    if let Said::DockerResponseServerError { message, .. } = error {
        return message.clone();
    }
    chain(error)
}
