//! The Docker engine: where it is, whether it answers, and what its refusals mean.

use std::time::Duration;

use testcontainers::TestcontainersError;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as BollardError;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::error::ClientError;

use crate::error::chain;
use crate::{Error, environment, password};
use spanproof_lease::wait::{self, Look};

/// An engine that is there answers in milliseconds.
const ANSWER: Duration = Duration::from_secs(10);
/// With less memory than this the data stay on the engine's disk.
const ROOM: i64 = 4 * 1024 * 1024 * 1024;

/// An engine that has answered.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) engine: Docker,
    /// Whether the data of a server may be kept in memory.
    pub(super) roomy: bool,
}

impl Client {
    /// Connects to the engine that `DOCKER_HOST` names, or to this machine's.
    pub(super) async fn find() -> Result<Self, Error> {
        let engine = docker_client_instance().await.map_err(|error| unanswered(reason(&error)))?;
        let answer = wait::until("its answer", ANSWER, || async {
            Look::Done(engine.info().await.map_err(|error| engine_message(&error)))
        });
        let info = answer.await.map_err(|overdue| unanswered(overdue.to_string()))?;
        let info = info.map_err(unanswered)?;
        Ok(Self { engine, roomy: info.mem_total.unwrap_or_default() >= ROOM })
    }
}

fn unanswered(reason: String) -> Error {
    let place = environment::docker_host()
        .map_or_else(String::new, |host| format!(" at `{}`", password::masked(&host)));
    Error::NoDocker { place, reason }
}

/// Why no container could be made or started.
pub(super) fn start_error(
    error: &TestcontainersError,
    image: &str,
    platform: Option<&str>,
) -> Error {
    let TestcontainersError::Client(error) = error else {
        return container("a container could not be started", image, error.to_string());
    };
    let reason = reason(error);
    match error {
        // It may also have been pulled, and still not be there for this platform.
        ClientError::PullImage { .. }
        | ClientError::CreateContainer(BollardError::DockerResponseServerError {
            status_code: 404,
            ..
        }) => missing_image(image, platform, reason),
        ClientError::StartContainer(_) => {
            container("Docker made a container and can't start it", image, reason)
        }
        _ => container("Docker makes no container", image, reason),
    }
}

/// Docker has not got the image and can't get it.
pub(super) fn missing_image(image: &str, platform: Option<&str>, reason: String) -> Error {
    let platform = platform.map_or_else(String::new, |name| format!(" for `{name}`"));
    Error::NoImage { image: image.to_owned(), platform, reason }
}

fn container(what: &'static str, image: &str, reason: String) -> Error {
    let next = format!("`docker run {image}` repeats that, outside of this program");
    Error::Container { what, image: image.to_owned(), reason, log: String::new(), next }
}

/// Docker's message, without the wrapping of the client.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::PullImage { err, .. }
        | ClientError::CreateContainer(err)
        | ClientError::StartContainer(err)
        | ClientError::Init(err) => engine_message(err),
        other => other.to_string(),
    }
}

/// An error with its causes; the client's own says only that there is one.
fn engine_message(error: &BollardError) -> String {
    if let BollardError::DockerResponseServerError { message, .. } = error {
        return message.clone();
    }
    chain(error)
}
