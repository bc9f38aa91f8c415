//! Times at the start of a line.

use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, Utc};
use regex::Regex;

use super::stamp::{is_rest_of_time, stamp};
use crate::timestamp::{Fields, epoch, shifted};

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
    /// The point in time; as if in UTC if the line does not name the zone, and as if on [`NO_DATE`] if the line
    /// does not say the whole date.
    pub at: DateTime<Utc>,
    /// Whether the line names the zone.
    pub has_zone: bool,
    /// What the line says about the date.
    pub date: Date,
}

/// What a line says about the date of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Date {
    /// The whole date.
    Whole,
    /// Month and day: `Oct 22`.
    MonthDay(u32, u32),
    /// Three numbers in an order that the line does not show: `10/11/2025`.
    Numbers([u32; 3]),
}

/// The order of the numbers in a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    /// `10/22/2025`.
    MonthDayYear,
    /// `22/10/2025`.
    DayMonthYear,
    /// `25/10/22`.
    YearMonthDay,
}

impl DateOrder {
    pub(crate) const ALL: [Self; 3] = [Self::MonthDayYear, Self::DayMonthYear, Self::YearMonthDay];
}

/// The date of [`Time::at`] if the line does not say the whole date.
pub(super) const NO_DATE: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);

impl Time {
    /// A time with its whole date.
    pub(super) fn whole(at: DateTime<Utc>, has_zone: bool) -> Self {
        Self { at, has_zone, date: Date::Whole }
    }

    /// Returns the point in time in this year; `None` if the year has no such day. Only for [`Date::MonthDay`].
    pub(crate) fn in_year(self, year: i32) -> Option<DateTime<Utc>> {
        match self.date {
            Date::MonthDay(month, day) => self.on(NaiveDate::from_ymd_opt(year, month, day)?),
            _ => Some(self.at),
        }
    }

    /// Returns the point in time if the numbers of the date have this order; `None` if there is no such date.
    /// Only for [`Date::Numbers`].
    pub(crate) fn in_order(self, order: DateOrder) -> Option<DateTime<Utc>> {
        let Date::Numbers([first, second, third]) = self.date else { return Some(self.at) };
        let (year, month, day) = match order {
            DateOrder::MonthDayYear => (third, first, second),
            DateOrder::DayMonthYear => (third, second, first),
            DateOrder::YearMonthDay => (first, second, third),
        };
        // A year of four digits is always the last number.
        if order == DateOrder::YearMonthDay && third > 99 {
            return None;
        }
        self.on(NaiveDate::from_ymd_opt(full_year(year)?, month, day)?)
    }

    /// Returns the point in time on another date than [`NO_DATE`].
    fn on(self, date: NaiveDate) -> Option<DateTime<Utc>> {
        Some(shifted(self.at, date.signed_duration_since(NO_DATE?)))
    }
}

/// Returns the year that two or four digits mean.
pub(super) fn full_year(year: u32) -> Option<i32> {
    let year = i32::try_from(year).ok()?;
    Some(match year {
        0..=68 => year + 2000,
        69..=99 => year + 1900,
        _ => year,
    })
}

/// Parses a whole text as a time.
pub(super) fn time_text(text: &str) -> Option<Time> {
    let is_whole = |(time, rest): (Time, String)| rest.is_empty().then_some(time);
    let text = text.trim();
    let time = split_time(text).and_then(is_whole).or_else(|| stamp(text).and_then(is_whole));
    time.or_else(|| Some(Time::whole(epoch(text)?.0, true)))
}

/// Parses a label of TAI64N (`@400000006b0910672896f7e4`), as multilog and svlogd write it. These count 10 seconds
/// more than Unix.
fn tai(text: &str) -> Option<(Time, String)> {
    let (label, rest) = text.strip_prefix('@')?.split_at_checked(24)?;
    let number = |part: &str| i64::from_str_radix(part, 16).ok();
    let seconds = number(&label[..16])?.checked_sub((1 << 62) + 10)?;
    let at = DateTime::from_timestamp(seconds, u32::try_from(number(&label[16..])?).ok()?)?;
    Some((Time::whole(at, true), rest.strip_prefix(' ')?.to_owned()))
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
