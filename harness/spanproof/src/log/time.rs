//! Times at the start of a line.

use std::sync::LazyLock;

use chrono::DateTime;
use regex::Regex;

use super::date::Time;
use super::pattern::compile;
use super::stamp::{is_rest_of_time, stamp};
use crate::timestamp::{Fields, epoch};

/// Matches `2025-10-22T12:34:56.789Z`, also with slashes in the date, a space instead of the `T`, a comma
/// instead of the point, a different zone or no zone.
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compile(
        r"^\[?(\d{4}[-/]\d\d[-/]\d\d)[T _](\d\d:\d\d:\d\d)(?:[.,](\d+))?\s?(Z|UTC|[+-]\d\d:?(?:\d\d)?)?\]?(?:\s+|$)",
    )
});

/// Parses a whole text as a time in ISO 8601 or another notation, or as a Unix time; `None` for any other
/// text.
pub(super) fn time_text(text: &str) -> Option<Time> {
    let is_whole = |(time, rest): (Time, String)| rest.is_empty().then_some(time);
    let text = text.trim();
    let time = split_time(text).and_then(is_whole).or_else(|| stamp(text).and_then(is_whole));
    time.or_else(|| Some(Time::whole(epoch(text)?.0, true)))
}

/// Parses a label of TAI64N (`@400000006b0910672896f7e4`), as multilog and svlogd write it. These labels are
/// 10 seconds ahead of Unix time.
fn tai(text: &str) -> Option<(Time, String)> {
    let (label, rest) = text.strip_prefix('@')?.split_at_checked(24)?;
    let number = |part: &str| i64::from_str_radix(part, 16).ok();
    let seconds = number(&label[..16])?.checked_sub((1 << 62) + 10)?;
    let at = DateTime::from_timestamp(seconds, u32::try_from(number(&label[16..])?).ok()?)?;
    Some((Time::whole(at, true), rest.strip_prefix(' ')?.to_owned()))
}

/// Splits a text into a time of the most common form, `2025-10-22T12:34:56.789Z `, and the rest; `None` if
/// the text does not start with one. Returns the same as the pattern [`TIME`] would, but faster.
fn plain_time(text: &str) -> Option<(Time, String)> {
    let (stamp, rest) = text.split_at_checked(text.find("Z ")?)?;
    let bytes = stamp.as_bytes();
    let is_digit = |at: &usize| bytes.get(*at).is_some_and(u8::is_ascii_digit);
    let has_form = (19..=30).contains(&bytes.len())
        && [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18].iter().all(is_digit)
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .iter()
            .all(|(at, sign)| bytes[*at] == *sign);
    let fraction = stamp.get(19..).filter(|_| has_form)?;
    let fraction = match fraction.strip_prefix('.') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits)
        }
        None if fraction.is_empty() => None,
        _ => return None,
    };
    let (date, clock) = (stamp.get(..10)?, stamp.get(11..19)?);
    let at = Fields { date, clock, fraction, zone: Some("Z") }.time()?;
    let rest = rest[2..].trim_start();
    (!is_rest_of_time(rest)).then(|| (Time::whole(at, true), rest.to_owned()))
}

/// Splits a text into the time in ISO 8601 at its start and the rest; `None` if it does not start with one.
pub(super) fn split_time(text: &str) -> Option<(Time, String)> {
    if text.starts_with("@40") && text.is_char_boundary(25.min(text.len())) {
        return tai(text);
    }
    // A quick check, so that the slow regular expression runs only on lines that may have a time.
    if !text.trim_start_matches('[').starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if let Some(found) = plain_time(text) {
        return Some(found);
    }
    let found = TIME.as_ref()?.captures(text)?;
    let rest = text.get(found.get(0)?.end()..)?.to_owned();
    if is_rest_of_time(&rest) {
        return stamp(text);
    }
    let part = |at: usize| found.get(at).map(|part| part.as_str());
    let zone = part(4).filter(|zone| *zone != "UTC").map(|zone| zone.trim_end_matches(':'));
    let date = part(1)?.replace('/', "-");
    let fields = Fields { date: &date, clock: part(2)?, fraction: part(3), zone };
    Some((Time::whole(fields.time()?, part(4).is_some()), rest))
}
