//! Bodies of requests and answers of the fake upstream. Memory is bounded: of a long request only the
//! start is kept, and the spaces after an answer are generated while they are sent.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use sha2::{Digest, Sha256};

/// The bytes of a request's body that are kept while it is answered. A reply can use the values of a
/// JSON body up to this size.
const MAX_KEPT: usize = 4 * 1024 * 1024;
/// Spaces that are sent at once.
static SPACES: [u8; 16 * 1024] = [b' '; 16 * 1024];

/// The body of a request.
#[derive(Debug)]
pub(super) struct RequestBody {
    start: Vec<u8>,
    bytes: u64,
    hash: Sha256,
    is_incomplete: bool,
}

impl RequestBody {
    /// Reads a body to its end, or until the client disconnects.
    pub(super) async fn read(mut incoming: Incoming) -> Self {
        let (start, hash) = (Vec::new(), Sha256::new());
        let mut body = Self { start, bytes: 0, hash, is_incomplete: false };
        while let Some(frame) = incoming.frame().await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => body.add(&data),
                // The frame contains trailers, which are ignored.
                Ok(Err(_)) => {}
                Err(_) => {
                    body.is_incomplete = true;
                    break;
                }
            }
        }
        body
    }

    fn add(&mut self, data: &[u8]) {
        let room = MAX_KEPT - self.start.len();
        self.start.extend_from_slice(&data[..data.len().min(room)]);
        self.bytes += data.len() as u64;
        self.hash.update(data);
    }

    /// Returns the body, or its start if it is longer than [`MAX_KEPT`].
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// Whether the client closed the connection before the end of the body.
    pub(super) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    /// Returns at most `limit` bytes of the body as text, masked by `mask`. If a part is missing, the text
    /// ends with the number of bytes that were received and, unless the client disconnected, with the hash
    /// of the body.
    pub(super) fn text(&self, limit: usize, mask: impl Fn(&str) -> String) -> String {
        let kept = &self.start[..self.start.len().min(limit)];
        let mut text = mask(&String::from_utf8_lossy(kept));
        let bytes = self.bytes;
        if self.is_incomplete {
            let _infallible = write!(text, "… [the client disconnected after {bytes} bytes]");
        } else if (kept.len() as u64) < bytes {
            let hash = self.hash.clone().finalize();
            let _infallible = write!(text, "… [cut off: {bytes} bytes, sha256 {hash:x}]");
        }
        text
    }
}

/// The body of an answer: text, and spaces after it.
#[derive(Debug)]
pub(super) struct AnswerBody {
    text: Bytes,
    spaces: usize,
}

impl AnswerBody {
    /// Creates the body.
    pub(super) fn new(text: String, spaces: usize) -> Self {
        Self { text: text.into(), spaces }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = if self.text.is_empty() {
            let data = Bytes::from_static(&SPACES[..self.spaces.min(SPACES.len())]);
            self.spaces -= data.len();
            data
        } else {
            std::mem::take(&mut self.text)
        };
        Poll::Ready((!data.is_empty()).then(|| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_empty() && self.spaces == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.text.len() + self.spaces) as u64)
    }
}
