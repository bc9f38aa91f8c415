//! Times at the start of a line.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex::Regex;

use crate::timestamp::{Fields, epoch};

/// Matches `2025-10-22T12:34:56.789Z`, also with slashes in the date, a space instead of the `T`, a comma
/// instead of the point, another zone or no zone.
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"^\[?(\d{4}[-/]\d\d[-/]\d\d)[T _](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s?(Z|UTC|[+-]\d\d:?(?:\d\d)?)?\]?(?:\s+|$)",
    )
    .ok()
});

/// A time of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time {
    /// The point in time; as if in UTC if the line does not name the zone.
    pub at: DateTime<Utc>,
    /// Whether the line names the zone.
    pub has_zone: bool,
}

/// Parses a whole text as a time.
pub(super) fn time_text(text: &str) -> Option<Time> {
    let whole = split_time(text).filter(|(_, rest)| rest.is_empty()).map(|(time, _)| time);
    whole.or_else(|| Some(Time { at: epoch(text)?.0, has_zone: true }))
}

/// Parses a label of TAI64N (`@400000006b0910672896f7e4`), as multilog and svlogd write it. These count 10 seconds
/// more than Unix.
fn tai(text: &str) -> Option<(Time, String)> {
    let (label, rest) = text.strip_prefix('@')?.split_at_checked(24)?;
    let number = |part: &str| i64::from_str_radix(part, 16).ok();
    let seconds = number(&label[..16])?.checked_sub((1 << 62) + 10)?;
    let at = DateTime::from_timestamp(seconds, u32::try_from(number(&label[16..])?).ok()?)?;
    Some((Time { at, has_zone: true }, rest.strip_prefix(' ')?.to_owned()))
}

/// Splits a text into the time at its start and the rest; `None` if it does not start with a time.
pub(super) fn split_time(text: &str) -> Option<(Time, String)> {
    if text.starts_with("@40") && text.is_char_boundary(25.min(text.len())) {
        return tai(text);
    }
    // A quick check, so that the slow regular expression runs only on lines that may have a time.
    if !text.trim_start_matches('[').starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let found = TIME.as_ref()?.captures(text)?;
    let rest = text.get(found.get(0)?.end()..)?.to_owned();
    let part = |at: usize| found.get(at).map(|part| part.as_str());
    let zone = part(4).filter(|zone| *zone != "UTC").map(|zone| zone.trim_end_matches(':'));
    let date = part(1)?.replace('/', "-");
    let fields = Fields { date: &date, clock: part(2)?, fraction: part(3), zone };
    Some((Time { at: fields.time()?, has_zone: part(4).is_some() }, rest))
}
