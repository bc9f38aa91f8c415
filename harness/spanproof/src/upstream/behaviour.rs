//! The behaviour file of a fake upstream. It lists the replies to HTTP requests of the service under
//! test, in the order in which they are tried.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Document, Error, number_limit};

/// A behaviour file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Behaviour {
    /// One line that describes the upstream.
    #[serde(default)]
    pub about: String,
    /// The replies. A request gets the first reply that has its method and path.
    #[serde(rename = "reply")]
    pub replies: Vec<Reply>,
}

/// One reply: an answer, or no answer with `close` or `hang`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Reply {
    /// The method of the request.
    pub method: String,
    /// The exact path of the request, without its query.
    pub path: String,
    /// The maximum number of requests of one job that get this reply; later requests get the next reply with
    /// their method and path. `None` for no limit.
    pub times: Option<u64>,
    /// The delay of the answer, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// The HTTP status of the answer.
    #[serde(default = "default_status")]
    pub status: u16,
    /// The headers of the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body. In it, `"{request:/pointer}"` stands for a value of the request's JSON body.
    pub json: Option<String>,
    /// A body that is sent unchanged.
    pub text: Option<String>,
    /// The number of spaces to append to the body.
    #[serde(default)]
    pub pad_bytes: usize,
    /// Whether the connection is closed without an answer.
    #[serde(default)]
    pub close: bool,
    /// Whether the request is never answered.
    #[serde(default)]
    pub hang: bool,
}

fn default_status() -> u16 {
    200
}

impl Behaviour {
    /// Returns the same behaviour, except that each reply hangs.
    #[must_use]
    pub(crate) fn without_answers(mut self) -> Self {
        for reply in &mut self.replies {
            (reply.hang, reply.close) = (true, false);
            (reply.json, reply.text) = (None, None);
        }
        self
    }

    /// Reads a behaviour file.
    ///
    /// # Errors
    /// If the file can't be read, or is not a valid behaviour file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path)?;
        let behaviour: Self = document.parse()?;
        behaviour.check().map_err(|message| document.error_at(0..0, message))?;
        Ok(behaviour)
    }

    fn check(&self) -> Result<(), String> {
        if self.replies.is_empty() {
            return Err("a behaviour needs at least one `[[reply]]`".into());
        }
        for reply in &self.replies {
            let name = reply.name();
            let kinds = [reply.json.is_some(), reply.text.is_some(), reply.close, reply.hang];
            if kinds.iter().filter(|is_set| **is_set).count() > 1 {
                return Err(format!("{name} has more than one of `json`, `text`, `close`, `hang`"));
            }
            if !reply.path.starts_with('/') || reply.path.contains(['?', '#']) {
                return Err(format!(
                    "{name}: the path must start with `/` and have no query or fragment"
                ));
            }
            reply.template().map_err(|error| format!("{name}: its `json` is not JSON: {error}"))?;
        }
        self.check_answers()
    }

    /// Checks that HTTP can carry each answer, and that no answer takes too much time or memory.
    ///
    /// # Errors
    /// If an answer is invalid. The error names the reply and what is wrong.
    pub(crate) fn check_answers(&self) -> Result<(), String> {
        for reply in &self.replies {
            let name = reply.name();
            let is_token_char =
                |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            let is_token = |text: &str| !text.is_empty() && text.chars().all(is_token_char);
            if !is_token(&reply.method) {
                return Err(format!("{name}: `{}` is not an HTTP method", reply.method));
            }
            for (header, value) in &reply.headers {
                let is_printable = value.chars().all(|c| c == '\t' || !c.is_control());
                if !is_token(header) {
                    return Err(format!("{name}: `{header}` is not the name of an HTTP header"));
                }
                if !is_printable {
                    return Err(format!("{name}: the value of `{header}` has a control character"));
                }
            }
            if !(100..=599).contains(&reply.status) {
                return Err(format!("{name}: {} is not an HTTP status", reply.status));
            }
            let numbers = [
                ("delay-ms", reply.delay_ms),
                ("pad-bytes", reply.pad_bytes.try_into().unwrap_or(u64::MAX)),
            ];
            for (key, number) in numbers {
                let limit = number_limit(key);
                if limit.is_some_and(|limit| i128::from(number) > limit) {
                    return Err(format!("{name}: `{key}` is {number}, which is too large"));
                }
            }
        }
        Ok(())
    }
}

impl Reply {
    /// Returns the reply's name for errors.
    fn name(&self) -> String {
        format!("the reply to `{} {}`", self.method, self.path)
    }

    /// Parses the JSON body, and leaves its placeholders as they are; `None` if the reply has no
    /// `json`.
    pub(super) fn template(&self) -> Result<Option<Value>, serde_json::Error> {
        self.json.as_deref().map(serde_json::from_str).transpose()
    }
}
