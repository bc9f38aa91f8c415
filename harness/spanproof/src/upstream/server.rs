//! Runs a fake upstream: an HTTP server on loopback that answers as a behaviour file defines.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::Value;
use spanproof_lease::wait::happens_within;
use tokio::sync::oneshot;

use super::behaviour::{Behaviour, Reply};
use super::body::{AnswerBody, RequestBody};
use super::journal::{Answer, Exchange, Journal};
use crate::chain::debug_as_chain;
use crate::template;

/// Delay of an answer that must never arrive; longer than any run.
const NEVER: Duration = Duration::from_hours(24);
/// Pause after a connection could not be accepted, as when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Gets the addresses of a client and of the upstream. Returns the name of the client's process if the
/// process does not belong to the case; `None` if it belongs to the case or can't be found. May be slow.
pub(super) type FindForeignClient =
    Arc<dyn Fn(SocketAddr, SocketAddr) -> Option<String> + Send + Sync>;

/// The fake upstream could not be started.
#[derive(thiserror::Error)]
#[error("the fake upstream could not listen on 127.0.0.1")]
pub struct UpstreamError(#[source] std::io::Error);

/// A running fake upstream. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    url: String,
    journal: Journal,
    replies: Arc<Replies>,
    /// Ends the server's thread when dropped.
    _stop: oneshot::Sender<Infallible>,
}

/// Short name of [`UpstreamError`] inside the crate.
pub(crate) type Error = UpstreamError;

debug_as_chain!(UpstreamError);

/// The error that makes hyper close a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the behaviour closes the connection")]
struct CloseConnection;

impl Upstream {
    /// Starts an upstream with a behaviour. It has a thread of its own, so that its answers do not wait
    /// for the work of the harness. `find_foreign_client` is called once for each connection.
    ///
    /// # Errors
    /// If no port is free, or the thread can't be started.
    pub(crate) fn start(
        behaviour: &Behaviour,
        find_foreign_client: FindForeignClient,
    ) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(UpstreamError)?;
        listener.set_nonblocking(true).map_err(UpstreamError)?;
        let url = format!("http://{}", listener.local_addr().map_err(UpstreamError)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(UpstreamError)?;
        let journal = Journal::new();
        let replies = Arc::new(Replies::new(behaviour, journal.clone()));
        let served_replies = Arc::clone(&replies);
        let (stop, stopped) = oneshot::channel();
        let serve = move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::select! {
                    () = serve(&listener, &served_replies, &find_foreign_client) => {}
                    _ = stopped => {}
                }
                std::io::Result::Ok(())
            });
            // An error needs no handling: without a listener, the evidence shows that the service got no
            // connection.
            drop(served);
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("upstream".to_owned()).spawn(serve);
        drop(thread.map_err(UpstreamError)?);
        Ok(Self { url, journal, replies, _stop: stop })
    }

    /// Returns the base URL, without a trailing slash.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Counts the replies with `times` anew, so that the next job gets the same answers as the one before.
    pub(crate) fn restart_replies(&self) {
        self.replies.restart();
    }

    /// Returns the requests and answers so far, in order.
    pub(crate) fn journal(&self) -> Vec<Exchange> {
        self.journal.exchanges()
    }

    /// Returns the number of requests so far.
    pub(crate) fn request_count(&self) -> usize {
        self.journal.exchange_count()
    }

    /// Returns the number of requests so far from processes that do not belong to the case, by process. These
    /// requests were refused with HTTP 403, and are not among the exchanges of the journal.
    pub(crate) fn foreign_requests(&self) -> BTreeMap<String, u64> {
        self.journal.foreign_requests()
    }
}

/// Accepts connections, and serves each in a task of its own.
async fn serve(
    listener: &tokio::net::TcpListener,
    replies: &Arc<Replies>,
    find_foreign_client: &FindForeignClient,
) {
    loop {
        let Ok((stream, client)) = listener.accept().await else {
            let _waited = happens_within(ACCEPT_PAUSE, std::future::pending()).await;
            continue;
        };
        let (replies, find) = (Arc::clone(replies), Arc::clone(find_foreign_client));
        drop(tokio::spawn(async move {
            // The client's process is searched before its request is read, because it may exit afterwards.
            let foreign_client = match stream.local_addr() {
                Ok(server) => tokio::task::spawn_blocking(move || find(client, server)).await,
                Err(_) => Ok(None),
            };
            let foreign_client: Option<Arc<str>> = foreign_client.ok().flatten().map(Arc::from);
            let answer = move |request| {
                let (replies, foreign_client) = (Arc::clone(&replies), foreign_client.clone());
                async move {
                    match foreign_client {
                        Some(process) => Ok(replies.refuse(&process)),
                        None => replies.answer(request).await,
                    }
                }
            };
            let mut server = auto::Builder::new(TokioExecutor::new());
            // A client may close its side of the connection after the request, even before its process is
            // found, and still wait for the answer.
            server.http1().half_close(true);
            // If the client ends the connection early, that is no error, and the journal already has the
            // request.
            let _ended =
                pin!(server.serve_connection(TokioIo::new(stream), service_fn(answer))).await;
        }));
    }
}

/// The replies of a behaviour, and how many times each may still be given.
#[derive(Debug)]
struct Replies {
    all: Vec<Reply>,
    /// By the index of the reply; `None` without a limit.
    left: Mutex<Vec<Option<u64>>>,
    journal: Journal,
}

impl Replies {
    fn new(behaviour: &Behaviour, journal: Journal) -> Self {
        let replies = Self { all: behaviour.replies.clone(), left: Mutex::default(), journal };
        replies.restart();
        replies
    }

    /// Sets how many times each reply may be given.
    fn restart(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = self.all.iter().map(|reply| reply.times).collect();
    }

    /// Reads a request, writes it to the journal, and returns the answer.
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, CloseConnection> {
        let (head, body) = request.into_parts();
        let body = RequestBody::read(body).await;
        let (method, path) = (head.method.as_str(), head.uri.path());
        if body.is_incomplete() {
            self.journal.add(&head, &body, Answer::Closed);
            return Err(CloseConnection);
        }
        let Some(reply) = self.next(method, path) else {
            let nearest = Answer::Unmatched(self.nearest(method, path));
            self.journal.answer_now(self.journal.add(&head, &body, nearest));
            let body = AnswerBody::new("no reply for this request".to_owned(), 0);
            return Ok(response(StatusCode::NOT_FOUND, "text/plain", body));
        };
        if reply.close {
            self.journal.add(&head, &body, Answer::Closed);
            return Err(CloseConnection);
        }
        let answer = if reply.hang { Answer::Hanging } else { Answer::Status(reply.status) };
        let position = self.journal.add(&head, &body, answer);
        let delay = if reply.hang { NEVER } else { Duration::from_millis(reply.delay_ms) };
        if !delay.is_zero() {
            let _waited = happens_within(delay, std::future::pending()).await;
        }
        self.journal.answer_now(position);
        Ok(reply_response(reply, body.start()))
    }

    /// Counts the request of a process that does not belong to the case, and returns an answer with HTTP 403.
    fn refuse(&self, process: &str) -> Response<AnswerBody> {
        self.journal.count_foreign_request(process);
        let text = format!(
            "this port belongs to a spanproof test, and the process {process} is not part of it"
        );
        response(StatusCode::FORBIDDEN, "text/plain", AnswerBody::new(text, 0))
    }

    /// Returns the first reply with this method and path that may still be given, and counts it.
    fn next(&self, method: &str, path: &str) -> Option<&Reply> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut replies = self.all.iter().zip(left.iter_mut());
        let (reply, left) = replies.find(|(reply, left)| {
            reply.method == method && reply.path == path && **left != Some(0)
        })?;
        *left = left.map(|left| left - 1);
        Some(reply)
    }

    /// Returns the method and path of the most similar reply.
    fn nearest(&self, method: &str, path: &str) -> String {
        let request_line = format!("{method} {path}");
        let replies = self.all.iter().map(|reply| format!("{} {}", reply.method, reply.path));
        replies.min_by_key(|reply| strsim::levenshtein(reply, &request_line)).unwrap_or_default()
    }
}

/// Returns the HTTP response of a reply to a request with this body.
fn reply_response(reply: &Reply, body: &[u8]) -> Response<AnswerBody> {
    let json = reply.template().ok().flatten().map(|template| {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        template::fill(&template, "request", &body).to_string()
    });
    let content_type = if json.is_some() { "application/json" } else { "text/plain" };
    let text = json.or_else(|| reply.text.clone()).unwrap_or_default();
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = response(status, content_type, AnswerBody::new(text, reply.pad_bytes));
    for (name, value) in &reply.headers {
        // All headers are valid, because a behaviour with an invalid header is rejected when it is read.
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::from_str(value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn response(
    status: StatusCode,
    content_type: &'static str,
    body: AnswerBody,
) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use chrono::{TimeDelta, Utc};
    use sha2::{Digest, Sha256};
    use spanproof_lease::wait::{Attempt, until};
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::document::Document;

    fn upstream(text: &str) -> Upstream {
        let behaviour: Behaviour = Document::new("b.toml", text).parse().unwrap();
        Upstream::start(&behaviour, Arc::new(|_, _| None)).unwrap()
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
        );
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
        );
        assert_eq!(post(&upstream, "/inferense", "").await.unwrap().0, 404);
        let answer = &upstream.journal()[0].answer;
        assert_eq!(*answer, Answer::Unmatched("POST /inference".into()));
    }

    #[tokio::test]
    async fn a_closed_connection_gets_no_answer() {
        let upstream =
            upstream("about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\nclose = true");
        assert!(post(&upstream, "/a", "").await.is_err());
        assert_eq!(upstream.journal()[0].answer, Answer::Closed);
    }

    #[tokio::test]
    async fn the_journal_has_the_time_of_a_response_that_was_sent() {
        let upstream = upstream(
            "about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\ndelay-ms = 200\n\
             [[reply]]\nmethod = 'POST'\npath = '/b'\ndelay-ms = 60000",
        );
        let before = Utc::now();
        post(&upstream, "/a", "").await.unwrap();
        let answered = upstream.journal()[0].answered.unwrap();
        assert!(answered - before >= TimeDelta::milliseconds(200), "{before} {answered}");
        let arrival = until("the second request", Duration::from_secs(10), || async {
            let count = upstream.journal().len();
            if count == 2 { Attempt::Done(()) } else { Attempt::NotYet(count.to_string()) }
        });
        tokio::select! {
            answer = post(&upstream, "/b", "") => panic!("{answer:?}"),
            arrived = arrival => arrived.unwrap(),
        }
        assert_eq!(upstream.journal()[1].answered, None);
    }

    /// Sends the start of a request by hand, and waits for an exchange in the journal.
    async fn exchange_after(upstream: &Upstream, start: &[u8]) -> Exchange {
        let address = upstream.url().trim_start_matches("http://").to_owned();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(start).await.unwrap();
        stream.shutdown().await.unwrap();
        let exchange = until("an exchange", Duration::from_secs(10), || async {
            match upstream.journal().pop() {
                Some(exchange) => Attempt::Done(exchange),
                None => Attempt::NotYet("none".into()),
            }
        });
        exchange.await.unwrap()
    }

    #[tokio::test]
    async fn an_incomplete_request_is_in_the_journal_and_later_requests_are_answered() {
        let upstream = upstream("about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'");
        let start = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"half\":";
        let exchange = exchange_after(&upstream, start).await;
        assert_eq!(exchange.body, "{\"half\":… [the client disconnected after 8 bytes]");
        assert_eq!(exchange.answer, Answer::Closed);
        assert_eq!(post(&upstream, "/a", "").await.unwrap().0, 200);
    }

    #[tokio::test]
    async fn a_request_whose_target_is_not_a_url_is_answered() {
        let upstream = upstream("about = 'x'\n[[reply]]\nmethod = 'GET'\npath = '/a'");
        let start = b"GET //:x:/a HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(exchange_after(&upstream, start).await.path, "//:x:/a");
    }

    #[tokio::test]
    async fn a_long_body_is_cut_off_with_its_size_and_hash() {
        let upstream = upstream(
            "about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\ntext = 'x'\npad-bytes = 100000",
        );
        let body = "a".repeat(20 * 1024 * 1024);
        let (status, answer) = post(&upstream, "/a", &body).await.unwrap();
        assert_eq!((status, answer.len()), (200, 100_001));
        let exchange = upstream.journal().remove(0);
        assert!(exchange.body.len() < 70_000, "{} bytes", exchange.body.len());
        let hash = format!("{:x}", Sha256::digest(&body));
        let end = format!("a… [cut off: 20971520 bytes, sha256 {hash}]");
        assert!(exchange.body.ends_with(&end), "{}", &exchange.body[65_000..]);
    }

    #[tokio::test]
    async fn requests_from_a_process_outside_the_case_are_refused_and_counted() {
        let text = "about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\ntimes = 1";
        let behaviour: Behaviour = Document::new("b.toml", text).parse().unwrap();
        let is_foreign = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let answer = Arc::clone(&is_foreign);
        let find = move |client: SocketAddr, server: SocketAddr| {
            assert!(client != server && server.ip().is_loopback());
            answer.load(std::sync::atomic::Ordering::SeqCst).then(|| "7 (scan)".to_owned())
        };
        let upstream = Upstream::start(&behaviour, Arc::new(find)).unwrap();
        for path in ["/a", "/b"] {
            assert_eq!(post(&upstream, path, "").await.unwrap().0, 403);
        }
        is_foreign.store(false, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(post(&upstream, "/a", "").await.unwrap().0, 200);
        assert_eq!(upstream.journal().len(), 1);
        assert_eq!(upstream.foreign_requests(), BTreeMap::from([("7 (scan)".to_owned(), 2)]));
    }

    /// Regression test: the job after a fault got other answers than the first one, and failed.
    #[tokio::test]
    async fn each_job_gets_the_same_replies() {
        let upstream = upstream(
            "about = 'x'\n[[reply]]\nmethod = 'POST'\npath = '/a'\ntimes = 1\ntext = 'x'\n\
             [[reply]]\nmethod = 'POST'\npath = '/a'\nstatus = 500\ntext = 'x'",
        );
        for _ in 0..2 {
            for expected in [200, 500, 500] {
                assert_eq!(post(&upstream, "/a", "").await.unwrap().0, expected);
            }
            upstream.restart_replies();
        }
    }

    #[tokio::test]
    async fn a_behaviour_can_set_the_content_type() {
        let upstream = upstream(
            "about = 'x'\n[[reply]]\nmethod = 'GET'\npath = '/a'\ntext = 'x'\n\
             headers = { content-type = 'text/html' }",
        );
        let response = reqwest::get(format!("{}/a", upstream.url())).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/html");
    }
}
