//! Asking the router over HTTP.

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

/// Where a router may take questions: the next is tried only when one answers 404.
const PATHS: [&str; 4] = ["/inference", "/api/v1/inference", "/api/inference", "/v1/inference"];
/// No answer is longer; it keeps a runaway upstream from filling the memory.
const LONGEST: usize = 16 * 1024 * 1024;
/// As much as is kept of an answer that is no success.
const LONGEST_REFUSAL: usize = 2048;

/// The router at one base URL.
#[derive(Debug)]
pub struct HybridRouter {
    client: Client,
    base: String,
    timeout: Duration,
}

impl HybridRouter {
    /// A client of this base URL (no slash at its end).
    pub fn new(base: String, timeout: Duration) -> Result<Self, reqwest::Error> {
        // No proxy: its flag would be one more that is read in a place nobody looks at.
        let client = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        Ok(Self { client, base, timeout })
    }

    async fn ask(&self, unit: &Unit, trace_id: Uuid) -> Result<Answer, Failure> {
        let body = json!({
            "model": unit.model_id,
            "prompt": unit.question_id,
            "temperature": 0.1,
            "max_tokens": 500,
            "region_preference": unit.region,
            "cost_priority": false,
        });
        let mut refused = None;
        for path in PATHS {
            let request = self
                .client
                .post(format!("{}{path}", self.base))
                .header("Accept", "application/json")
                .header("X-Trace-Id", trace_id.to_string());
            let response = request.json(&body).send().await.map_err(|error| network(&error))?;
            let status = response.status().as_u16();
            let body = read(response).await?;
            let answer = classify(status, &body).map_err(|failure| failure.with("path", path));
            match answer {
                Err(failure) if failure.kind == Kind::Http(404) => refused = Some(failure),
                answer => return answer,
            }
        }
        Err(refused.unwrap_or_else(|| Failure::new(Kind::Http(404), "router http 404")))
    }
}

impl Upstream for HybridRouter {
    fn infer<'a>(&'a self, unit: &'a Unit, trace_id: Uuid) -> Pending<'a, Result<Answer, Failure>> {
        Box::pin(async move {
            // One limit for all paths together: four slow refusals are not four times as patient.
            let asked = tokio::time::timeout(self.timeout, self.ask(unit, trace_id)).await;
            asked.unwrap_or_else(|_| {
                let message = format!("no answer from the router within {:?}", self.timeout);
                Err(Failure::new(Kind::Timeout, message))
            })
        })
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let success = response.status().is_success();
    let longest = if success { LONGEST } else { LONGEST_REFUSAL };
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > longest {
            if success {
                let message = format!("the answer is longer than {LONGEST} bytes");
                return Err(Failure::new(Kind::Json, message));
            }
            break;
        }
    }
    Ok(body)
}

/// A failed exchange with the innermost cause in its text.
fn network(error: &reqwest::Error) -> Failure {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    // The first text names the URL; the causes say what happened.
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    let what = if error.is_connect() {
        "the router can't be reached"
    } else {
        "the exchange with the router broke off"
    };
    let message = if causes.is_empty() {
        format!("{what}: {error}")
    } else {
        format!("{what}: {}", causes.join(": "))
    };
    Failure::new(Kind::Network, message)
}
