//! What a line of a log reports, and whether it reports this itself or only quotes it.

use super::quotation::{Standing, is_in_other_field};
use crate::log::Entry;
use crate::observation::TracerEvent;
use crate::spec::Probes;

/// The kind of a line. Each kind has its own limit of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A startup line that reports whether tracing is on.
    Banner { enabled: bool },
    /// A span was started.
    Attempt,
    /// A span was written.
    Acknowledged,
    /// A span could not be written.
    Refused,
    /// A span could not be ended.
    Unfinished,
    /// A library, a driver or the system reports an error that is known without a probe.
    Known,
}

impl Kind {
    /// Returns the kind of a line; `None` if the line matches no probe. If it matches several probes,
    /// the first kind in the order of [`Kind`] counts.
    pub(super) fn find(probes: &Probes, text: &str) -> Option<Self> {
        // A log may have millions of such lines, and their content is not needed.
        if probes.has_begun(text) && probes.banner(text).is_none() {
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

/// Returns where `text`, the part of a line that a probe matches, is in the line's message.
pub(super) fn standing(probes: &Probes, entry: &Entry, text: &str) -> Standing {
    let is_inside = entry.texts.last().is_none_or(|inside| inside == text);
    let is_match = |text: &str| Kind::find(probes, text).is_some();
    if !is_inside && is_in_other_field(text, &entry.texts, is_match) {
        return Standing::Quoted;
    }
    // Outside the message, a collector or a logger wrote what is before the text.
    let start = probes.match_start(text).filter(|_| is_inside).unwrap_or(0);
    let standing = text.get(..start).map_or(Standing::Own, Standing::after);
    let is_after_dash = || {
        let around = entry.texts.iter().filter_map(|around| around.strip_suffix(text));
        around.map(str::trim).any(|before| before == "-")
    };
    if standing == Standing::Own && is_after_dash() { Standing::AfterDash } else { standing }
}
