//! How an upstream behaves: a file with replies, tried in order.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{Document, Error};

/// A behaviour file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Behaviour {
    /// One line that says what the upstream does.
    pub about: String,
    /// The replies; a request gets the first whose method and path are its own.
    #[serde(rename = "reply")]
    pub replies: Vec<Reply>,
}

/// One reply. With `json` or `text` it answers; with `close` or `hang` it does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Reply {
    /// The request's method.
    pub method: String,
    /// The request's path, exactly, without its query.
    pub path: String,
    /// Only so many requests get this reply; later ones go on to the next.
    pub times: Option<u64>,
    /// The answer comes after so many milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// The answer's HTTP status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The answer's headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body; `"{request:/pointer}"` stands for a value of the request's own JSON body.
    pub json: Option<String>,
    /// A body that is sent as it stands, whether it is JSON or not.
    pub text: Option<String>,
    /// So many spaces are added to the body.
    #[serde(default)]
    pub pad_bytes: usize,
    /// The connection is closed without an answer.
    #[serde(default)]
    pub close: bool,
    /// The request is never answered.
    #[serde(default)]
    pub hang: bool,
}

fn ok() -> u16 {
    200
}

impl Behaviour {
    /// The same, but nothing is ever answered.
    #[must_use]
    pub(crate) fn hanging(mut self) -> Self {
        for reply in &mut self.replies {
            (reply.hang, reply.close) = (true, false);
            (reply.json, reply.text) = (None, None);
        }
        self
    }

    /// Reads a behaviour file.
    ///
    /// # Errors
    /// When it can't be read or is not one; the error names file, line and key.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let document = Document::read(path)?;
        let behaviour: Self = document.parse()?;
        behaviour.check().map_err(|message| document.wrong(0..0, message))?;
        Ok(behaviour)
    }

    fn check(&self) -> Result<(), String> {
        if self.replies.is_empty() {
            return Err("a behaviour needs at least one `[[reply]]`".into());
        }
        for reply in &self.replies {
            let name = format!("the reply to `{} {}`", reply.method, reply.path);
            let ways = [reply.json.is_some(), reply.text.is_some(), reply.close, reply.hang];
            if ways.iter().filter(|way| **way).count() > 1 {
                return Err(format!("{name} has more than one of `json`, `text`, `close`, `hang`"));
            }
            if !reply.path.starts_with('/') || reply.path.contains(['?', '#']) {
                return Err(format!("{name}: the path must start with `/` and have no query"));
            }
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            let word = |text: &str| !text.is_empty() && text.chars().all(token);
            if !word(&reply.method) {
                return Err(format!("{name}: `{}` is not an HTTP method", reply.method));
            }
            for (header, value) in &reply.headers {
                let plain = value.chars().all(|c| c == '\t' || !c.is_control());
                if !word(header) || !plain {
                    return Err(format!("{name}: `{header}` is not an HTTP header"));
                }
            }
            if !(100..=599).contains(&reply.status) {
                return Err(format!("{name}: {} is not an HTTP status", reply.status));
            }
            reply.template().map_err(|error| format!("{name}: its `json` is not JSON: {error}"))?;
        }
        Ok(())
    }
}

impl Reply {
    /// The JSON body before its placeholders are filled.
    pub(super) fn template(&self) -> Result<Option<Value>, serde_json::Error> {
        self.json.as_deref().map(serde_json::from_str).transpose()
    }
}
