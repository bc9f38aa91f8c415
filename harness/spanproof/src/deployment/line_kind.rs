//! What a line of a log reports, and whether it reports this itself or only quotes a line that does.

use super::quotation::{Context, is_in_other_field};
use crate::log::Entry;
use crate::observation::TracerEvent;
use crate::spec::Probes;

/// What a line reports. The reader of a log keeps a limited number of bytes of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A startup line that reports whether tracing is on.
    Banner { enabled: bool },
    /// The service began a span.
    Attempt,
    /// A span was written.
    Acknowledged,
    /// A span could not be written.
    Refused,
    /// A span could not be ended.
    Unfinished,
    /// A library, a driver or the system reports an error that spanproof recognises without a probe (a
    /// pattern for lines, from the spec).
    KnownError,
    /// The line names a job that waits according to its row.
    Named,
}

impl Kind {
    /// Returns the kind of a line; `None` if the line matches no probe. If it matches several probes, returns
    /// the kind that is first in the order of [`Kind`].
    pub(super) fn find(probes: &Probes, text: &str) -> Option<Self> {
        // A quick check for lines about begun spans: a log may have millions of them, and they need not be
        // parsed.
        if probes.is_begin_line(text) && probes.banner(text).is_none() {
            return Some(Self::Attempt);
        }
        Some(match TracerEvent::parse(probes, text).next()? {
            TracerEvent::Banner(banner) => Self::Banner { enabled: banner.enabled },
            TracerEvent::Attempt(_) => Self::Attempt,
            TracerEvent::Acknowledged(_) => Self::Acknowledged,
            TracerEvent::Refused(_) => Self::Refused,
            TracerEvent::Unfinished(_) => Self::Unfinished,
        })
    }
}

/// Returns what is before the match of a probe in the message of a line. `text` is the text of `entry` that
/// the probe matches: the message, or the message with the prefixes of loggers and collectors.
pub(super) fn context(probes: &Probes, entry: &Entry, text: &str) -> Context {
    let is_message = entry.texts.last().is_none_or(|message| message == text);
    let is_match = |text: &str| Kind::find(probes, text).is_some();
    if !is_message && is_in_other_field(text, &entry.texts, is_match) {
        return Context::Quoted;
    }
    // What a collector or a logger wrote before the match, outside the message, is not checked.
    let start = probes.match_start(text).filter(|_| is_message).unwrap_or(0);
    let context = text.get(..start).map_or(Context::Own, Context::from_text_before);
    let is_after_dash = || {
        let around = entry.texts.iter().filter_map(|around| around.strip_suffix(text));
        around.map(str::trim).any(|before| before == "-")
    };
    if context == Context::Own && is_after_dash() { Context::AfterDash } else { context }
}
