//! The HTTP client of the router, the service that forwards questions to model providers. A unit is
//! one question for one model in one region.

use std::error::Error;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::json;
use uuid::Uuid;

use super::answer::classify;
use super::failure::{Failure, Kind};
use super::{Answer, Upstream};
use crate::Pending;
use crate::jobspec::Unit;

/// Paths of the inference endpoint. A path is tried only if the router answered 404 to the paths
/// before it.
const PATHS: [&str; 4] = ["/inference", "/api/v1/inference", "/api/inference", "/v1/inference"];
/// Maximum size of a successful response, in bytes. It limits the memory that a broken upstream can
/// use.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Maximum number of bytes of an error response that are read, rounded up to whole chunks.
const MAX_ERROR_BODY: usize = 2048;

/// A client of the router at one base URL.
#[derive(Debug)]
pub struct RouterClient {
    client: Client,
    base: String,
    timeout: Duration,
}

impl RouterClient {
    /// Creates a client for a base URL without a trailing slash.
    pub fn new(base: String, timeout: Duration) -> Result<Self, reqwest::Error> {
        // Without `no_proxy`, reqwest would read the environment variables for proxies, which are
        // not in the printed configuration.
        let client = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        Ok(Self { client, base, timeout })
    }

    /// Sends the question of a unit and returns the answer.
    async fn send_question(&self, unit: &Unit, trace_id: Uuid) -> Result<Answer, Failure> {
        let body = json!({
            "model": unit.model_id,
            "prompt": unit.question_id,
            "temperature": 0.1,
            "max_tokens": 500,
            "region_preference": unit.region,
            "cost_priority": false,
        });
        let mut not_found = None;
        for path in PATHS {
            let request = self
                .client
                .post(format!("{}{path}", self.base))
                .header("Accept", "application/json")
                .header("X-Trace-Id", trace_id.to_string());
            let response =
                request.json(&body).send().await.map_err(|error| network_failure(&error))?;
            let status = response.status().as_u16();
            let body = read_body(response).await?;
            let answer = classify(status, &body).map_err(|failure| failure.with("path", path));
            match answer {
                Err(failure) if failure.kind == Kind::Http(404) => not_found = Some(failure),
                answer => return answer,
            }
        }
        Err(not_found.unwrap_or_else(|| Failure::new(Kind::Http(404), "router http 404")))
    }
}

impl Upstream for RouterClient {
    fn infer<'a>(&'a self, unit: &'a Unit, trace_id: Uuid) -> Pending<'a, Result<Answer, Failure>> {
        Box::pin(async move {
            // All paths together have one timeout: four slow 404s don't take four times as long.
            let result =
                tokio::time::timeout(self.timeout, self.send_question(unit, trace_id)).await;
            result.unwrap_or_else(|_| {
                let message = format!("no answer from the router within {:?}", self.timeout);
                Err(Failure::new(Kind::Timeout, message))
            })
        })
    }
}

/// Reads the body of a response. The body of an error response is truncated if it is too long.
async fn read_body(mut response: Response) -> Result<Vec<u8>, Failure> {
    let success = response.status().is_success();
    let limit = if success { MAX_BODY } else { MAX_ERROR_BODY };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network_failure(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            if success {
                let message = format!("the answer is longer than {MAX_BODY} bytes");
                return Err(Failure::new(Kind::Json, message));
            }
            break;
        }
    }
    Ok(body)
}

/// Returns the failure of a request that got no complete response. The message of the failure
/// contains all causes.
fn network_failure(error: &reqwest::Error) -> Failure {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    // The text of the error itself is only the URL.
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    let summary = if error.is_connect() {
        "connecting to the router failed"
    } else {
        "the request to the router failed"
    };
    let reason = if causes.is_empty() { error.to_string() } else { causes.join(": ") };
    Failure::new(Kind::Network, format!("{summary}: {reason}"))
}
