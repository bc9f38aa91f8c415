//! Conversions of exchanges and behaviours to and from [`spanproof_format`].

use spanproof_format as format;

use super::{Answer, Behaviour, Exchange, Reply};

impl From<Exchange> for format::Exchange {
    fn from(exchange: Exchange) -> Self {
        let Exchange { at_ms, answered, method, path, headers, body, answer } = exchange;
        let answer = match answer {
            Answer::Status(status) => format::Answer::Status(status),
            Answer::Closed => format::Answer::Closed,
            Answer::Hanging => format::Answer::Hanging,
            Answer::Unmatched(nearest) => format::Answer::Unmatched(nearest),
        };
        let mut stored = Self::new(at_ms, method, path, answer);
        (stored.answered, stored.headers, stored.body) = (answered, headers, body);
        stored
    }
}

impl From<format::Exchange> for Exchange {
    fn from(stored: format::Exchange) -> Self {
        let format::Exchange { at_ms, answered, method, path, headers, body, answer, .. } = stored;
        let answer = match answer {
            format::Answer::Status(status) => Answer::Status(status),
            format::Answer::Closed => Answer::Closed,
            format::Answer::Hanging => Answer::Hanging,
            format::Answer::Unmatched(nearest) => Answer::Unmatched(nearest),
        };
        Self { at_ms, answered, method, path, headers, body, answer }
    }
}

impl From<Behaviour> for format::Behaviour {
    fn from(behaviour: Behaviour) -> Self {
        let Behaviour { about, replies } = behaviour;
        Self::new(about, replies.into_iter().map(Into::into).collect())
    }
}

impl From<format::Behaviour> for Behaviour {
    fn from(stored: format::Behaviour) -> Self {
        let replies = stored.replies.into_iter().map(Into::into).collect();
        Self { about: stored.about, replies }
    }
}

impl From<Reply> for format::Reply {
    fn from(reply: Reply) -> Self {
        let Reply { method, path, times, delay_ms, status, headers, json, text, .. } = reply;
        let mut stored = Self::new(method, path);
        (stored.times, stored.delay_ms, stored.status) = (times, delay_ms, status);
        (stored.headers, stored.json, stored.text) = (headers, json, text);
        (stored.pad_bytes, stored.close, stored.hang) = (reply.pad_bytes, reply.close, reply.hang);
        stored
    }
}

impl From<format::Reply> for Reply {
    fn from(stored: format::Reply) -> Self {
        Self {
            method: stored.method,
            path: stored.path,
            times: stored.times,
            delay_ms: stored.delay_ms,
            status: stored.status,
            headers: stored.headers,
            json: stored.json,
            text: stored.text,
            pad_bytes: stored.pad_bytes,
            close: stored.close,
            hang: stored.hang,
        }
    }
}
