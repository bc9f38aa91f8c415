//! Runs a fake upstream with wiremock. It answers as a behaviour file defines.

use crate::chain::debug_as_chain;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::behaviour::{Behaviour, Reply};
use super::journal::{Answer, Exchange, Journal};
use crate::template;

/// The lowest priority of wiremock, for requests that no reply matches.
const LOWEST_PRIORITY: u8 = u8::MAX;
/// Delay of an answer that must never arrive; longer than any run.
const NEVER: Duration = Duration::from_hours(24);

/// The fake upstream could not be started.
#[derive(thiserror::Error)]
#[error("the fake upstream could not listen on 127.0.0.1")]
pub struct UpstreamError(#[source] std::io::Error);

/// A running fake upstream. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    server: MockServer,
    journal: Journal,
}

/// Short name of [`UpstreamError`] inside the crate.
pub(crate) type Error = UpstreamError;

debug_as_chain!(UpstreamError);

/// The error that makes wiremock close a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the behaviour closes the connection")]
struct CloseConnection;

impl Upstream {
    /// Starts an upstream with a behaviour.
    ///
    /// # Errors
    /// If no port is free.
    pub(crate) async fn start(behaviour: &Behaviour) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(UpstreamError)?;
        let builder = MockServer::builder().listener(listener).disable_request_recording();
        let server = builder.start().await;
        let journal = Journal::new();
        for reply in &behaviour.replies {
            mock(reply, &journal).mount(&server).await;
        }
        mock_for_other_requests(behaviour, &journal).mount(&server).await;
        Ok(Self { server, journal })
    }

    /// Returns the base URL, without a trailing slash.
    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// Returns the requests and answers so far, in order.
    pub(crate) fn journal(&self) -> Vec<Exchange> {
        self.journal.exchanges()
    }
}

/// Returns the mock that gives this reply and records each request in the journal.
fn mock(reply: &Reply, journal: &Journal) -> Mock {
    let builder = Mock::given(method(reply.method.as_str())).and(path(reply.path.as_str()));
    let journal = journal.clone();
    let mock = if reply.close {
        builder.respond_with_err(move |request: &Request| {
            journal.add(request, Answer::Closed);
            CloseConnection
        })
    } else {
        let reply = reply.clone();
        builder.respond_with(move |request: &Request| {
            let answer = if reply.hang { Answer::Hanging } else { Answer::Status(reply.status) };
            journal.add(request, answer);
            response(&reply, request)
        })
    };
    match reply.times {
        Some(times) => mock.up_to_n_times(times),
        None => mock,
    }
}

/// Returns the HTTP response of a reply to a request.
fn response(reply: &Reply, request: &Request) -> ResponseTemplate {
    let mut response = ResponseTemplate::new(reply.status);
    let delay = if reply.hang { NEVER } else { Duration::from_millis(reply.delay_ms) };
    if !delay.is_zero() {
        response = response.set_delay(delay);
    }
    let json = reply.template().ok().flatten().map(|template| {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        template::fill(&template, "request", &body).to_string()
    });
    let content_type = if json.is_some() { "application/json" } else { "text/plain" };
    let mut body = json.or_else(|| reply.text.clone()).unwrap_or_default();
    body.extend(std::iter::repeat_n(' ', reply.pad_bytes));
    response = response.set_body_raw(body, content_type);
    for (name, value) in &reply.headers {
        response = response.insert_header(name.as_str(), value.as_str());
    }
    response
}

/// Returns the mock that answers all other requests with 404 and records the most similar reply.
fn mock_for_other_requests(behaviour: &Behaviour, journal: &Journal) -> Mock {
    let replies: Vec<String> =
        behaviour.replies.iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    let journal = journal.clone();
    let respond = move |request: &Request| {
        let request_line = format!("{} {}", request.method, request.url.path());
        let nearest = replies
            .iter()
            .min_by_key(|reply| strsim::levenshtein(reply, &request_line))
            .cloned()
            .unwrap_or_default();
        journal.add(request, Answer::Unmatched(nearest));
        ResponseTemplate::new(404).set_body_raw("no reply for this request", "text/plain")
    };
    Mock::given(any()).respond_with(respond).with_priority(LOWEST_PRIORITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    async fn upstream(text: &str) -> Upstream {
        let behaviour: Behaviour = Document::new("b.toml", text).parse().unwrap();
        Upstream::start(&behaviour).await.unwrap()
    }

    async fn post(upstream: &Upstream, path: &str, body: &str) -> reqwest::Result<(u16, String)> {
        let url = format!("{}{path}", upstream.url());
        let response = reqwest::Client::new().post(url).body(body.to_owned()).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    #[tokio::test]
    async fn replies_depend_on_the_request_and_the_journal_has_requests_and_answers() {
        let upstream = upstream(
            "about = 'echo'\n[[reply]]\nmethod = 'POST'\npath = '/a'\ntimes = 1\nstatus = 404\n\
             [[reply]]\nmethod = 'POST'\npath = '/a'\njson = '{\"m\": \"{request:/model}\"}'",
        )
        .await;
        assert_eq!(post(&upstream, "/a", "{}").await.unwrap().0, 404);
        let (status, body) = post(&upstream, "/a", r#"{"model":"x","token":"t"}"#).await.unwrap();
        assert_eq!((status, body.as_str()), (200, r#"{"m":"x"}"#));
        let journal = upstream.journal();
        assert_eq!(journal[1].answer, Answer::Status(200));
        assert_eq!(journal[1].body, r#"{"model":"x","token":"***"}"#);
    }

    #[tokio::test]
    async fn the_journal_has_the_most_similar_reply_for_an_unmatched_request() {
        let upstream = upstream(
            "about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/inference'\n\
             [[reply]]\nmethod = 'GET'\npath = '/health'",
        )
        .await;
        assert_eq!(post(&upstream, "/inferense", "").await.unwrap().0, 404);
        let answer = &upstream.journal()[0].answer;
        assert_eq!(*answer, Answer::Unmatched("POST /inference".into()));
    }

    #[tokio::test]
    async fn a_closed_connection_gets_no_answer() {
        let upstream =
            upstream("about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\nclose = true").await;
        assert!(post(&upstream, "/a", "").await.is_err());
        assert_eq!(upstream.journal()[0].answer, Answer::Closed);
    }
}
