//! Connects to the Docker engine, and converts its errors to those of this crate.

use std::time::Duration;

use testcontainers::TestcontainersError;
use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as BollardError;
use testcontainers::core::client::docker_client_instance;
use testcontainers::core::error::ClientError;

use crate::error::chain;
use crate::{Error, environment, password};
use spanproof_lease::wait::{self, Attempt};

/// Time for the engine to answer, which normally takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Minimum memory in bytes of the engine's machine, so that a server can keep its data in memory.
const MIN_MEMORY: i64 = 4 * 1024 * 1024 * 1024;

/// A connection to an engine that has answered.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) engine: Docker,
    /// Whether the engine's machine has enough memory for the data of a server.
    pub(super) has_memory: bool,
}

impl Client {
    /// Connects to the engine that `DOCKER_HOST` names, or to this machine's.
    pub(super) async fn connect() -> Result<Self, Error> {
        let engine = docker_client_instance().await.map_err(|error| no_answer(reason(&error)))?;
        let answer = wait::until("its answer", ANSWER_TIMEOUT, || async {
            Attempt::Done(engine.info().await.map_err(|error| engine_message(&error)))
        });
        let info = answer.await.map_err(|timeout| no_answer(timeout.to_string()))?;
        let info = info.map_err(no_answer)?;
        let has_memory = info.mem_total.unwrap_or_default() >= MIN_MEMORY;
        Ok(Self { engine, has_memory })
    }
}

/// Returns the error for an engine that does not answer.
fn no_answer(reason: String) -> Error {
    let host = environment::docker_host()
        .map_or_else(String::new, |host| format!(" at `{}`", password::mask(&host)));
    Error::NoDocker { host, reason }
}

/// Returns the error for a container that could not be created or started.
pub(super) fn start_error(
    error: &TestcontainersError,
    image: &str,
    platform: Option<&str>,
) -> Error {
    let TestcontainersError::Client(error) = error else {
        return container_error("could not start a container", image, error.to_string());
    };
    let reason = reason(error);
    match error {
        // A pulled image may still lack this platform.
        ClientError::PullImage { .. }
        | ClientError::CreateContainer(BollardError::DockerResponseServerError {
            status_code: 404,
            ..
        }) => missing_image(image, platform, reason),
        ClientError::StartContainer(_) => {
            container_error("Docker can't start a container", image, reason)
        }
        _ => container_error("Docker can't create a container", image, reason),
    }
}

/// Returns the error for an image that Docker does not have and can't pull.
pub(super) fn missing_image(image: &str, platform: Option<&str>, reason: String) -> Error {
    let platform = platform.map_or_else(String::new, |name| format!(" for `{name}`"));
    Error::NoImage { image: image.to_owned(), platform, reason }
}

/// Returns the error for a container, without the container's log.
fn container_error(what: &'static str, image: &str, reason: String) -> Error {
    let next = format!("try `docker run {image}`");
    Error::Container { what, image: image.to_owned(), reason, log: String::new(), next }
}

/// Returns Docker's message, without the text that the client adds.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::PullImage { err, .. }
        | ClientError::CreateContainer(err)
        | ClientError::StartContainer(err)
        | ClientError::Init(err) => engine_message(err),
        other => other.to_string(),
    }
}

/// Returns the engine's message, or the client's error with its causes.
fn engine_message(error: &BollardError) -> String {
    if let BollardError::DockerResponseServerError { message, .. } = error {
        return message.clone();
    }
    chain(error)
}
