//! A behaviour, mounted on a wiremock server.

use crate::chain::debug_as_chain;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::behaviour::{Behaviour, Reply};
use super::journal::{Answer, Exchange, Journal};
use crate::template;

/// wiremock's lowest priority: what nothing else took.
const LAST: u8 = u8::MAX;
/// Longer than any run: an answer that never comes.
const NEVER: Duration = Duration::from_hours(24);

/// The fake upstream could not be started.
#[derive(thiserror::Error)]
#[error("the fake upstream could not listen on 127.0.0.1")]
pub struct UpstreamError(#[source] std::io::Error);

/// A running fake upstream; it stops when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    server: MockServer,
    journal: Journal,
}

/// The error of this module, by its short name.
pub(crate) type Error = UpstreamError;

debug_as_chain!(UpstreamError);

/// The error that makes wiremock close a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("connection closed on purpose")]
struct ClosedOnPurpose;

impl Upstream {
    /// Starts an upstream that behaves as told.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) async fn start(behaviour: &Behaviour) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(UpstreamError)?;
        let builder = MockServer::builder().listener(listener).disable_request_recording();
        let server = builder.start().await;
        let journal = Journal::new();
        for reply in &behaviour.replies {
            mock(reply, &journal).mount(&server).await;
        }
        unmatched(behaviour, &journal).mount(&server).await;
        Ok(Self { server, journal })
    }

    /// Its base URL, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    /// What it was asked so far, in order.
    pub(crate) fn journal(&self) -> Vec<Exchange> {
        self.journal.read()
    }
}

fn mock(reply: &Reply, journal: &Journal) -> Mock {
    let builder = Mock::given(method(reply.method.as_str())).and(path(reply.path.as_str()));
    let journal = journal.clone();
    let mock = if reply.close {
        builder.respond_with_err(move |request: &Request| {
            journal.write(request, Answer::Closed);
            ClosedOnPurpose
        })
    } else {
        let reply = reply.clone();
        builder.respond_with(move |request: &Request| {
            let answer = if reply.hang { Answer::Hanging } else { Answer::Status(reply.status) };
            journal.write(request, answer);
            response(&reply, request)
        })
    };
    match reply.times {
        Some(times) => mock.up_to_n_times(times),
        None => mock,
    }
}

fn response(reply: &Reply, request: &Request) -> ResponseTemplate {
    let mut response = ResponseTemplate::new(reply.status);
    let delay = if reply.hang { NEVER } else { Duration::from_millis(reply.delay_ms) };
    if !delay.is_zero() {
        response = response.set_delay(delay);
    }
    let json = reply.template().ok().flatten().map(|template| {
        let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        template::fill(&template, "request", &asked).to_string()
    });
    let kind = if json.is_some() { "application/json" } else { "text/plain" };
    let mut body = json.or_else(|| reply.text.clone()).unwrap_or_default();
    body.extend(std::iter::repeat_n(' ', reply.pad_bytes));
    response = response.set_body_raw(body, kind);
    for (name, value) in &reply.headers {
        response = response.insert_header(name.as_str(), value.as_str());
    }
    response
}

/// Takes what no reply was meant for, and notes the reply that comes nearest.
fn unmatched(behaviour: &Behaviour, journal: &Journal) -> Mock {
    let known: Vec<String> =
        behaviour.replies.iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    let journal = journal.clone();
    let respond = move |request: &Request| {
        let asked = format!("{} {}", request.method, request.url.path());
        let nearest = known
            .iter()
            .min_by_key(|reply| strsim::levenshtein(reply, &asked))
            .cloned()
            .unwrap_or_default();
        journal.write(request, Answer::Unmatched(nearest));
        ResponseTemplate::new(404).set_body_raw("no reply for this request", "text/plain")
    };
    Mock::given(any()).respond_with(respond).with_priority(LAST)
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
        let answer = reqwest::Client::new().post(url).body(body.to_owned()).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    #[tokio::test]
    async fn replies_follow_the_request_and_the_journal_tells_both() {
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
    async fn a_request_that_nothing_matched_names_the_nearest_reply() {
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
    async fn a_closed_connection_gives_no_answer_at_all() {
        let upstream =
            upstream("about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\nclose = true").await;
        assert!(post(&upstream, "/a", "").await.is_err());
        assert_eq!(upstream.journal()[0].answer, Answer::Closed);
    }
}
