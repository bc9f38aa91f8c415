//! Parses times as Postgres prints them for `timestamp`, `timestamptz` and `date` columns, and Unix times.
//! Unlike a time in a log line, the text must not continue after the time.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};

/// Number of digits in a fraction of a second with nanoseconds. Further digits are ignored.
const NANO_DIGITS: usize = 9;

/// Parses a value in ISO 8601, as `to_jsonb`, `COPY` and `pg_dump` print it. A value without a
/// zone is in UTC, and a date is midnight in UTC.
///
/// Returns `None` for any other text, such as a time with text after it, `infinity`, `-infinity` or
/// a date BC.
pub(crate) fn timestamp(text: &str) -> Option<DateTime<Utc>> {
    let Some((date, rest)) = text.split_once(['T', ' ']) else {
        return Some(date(text)?.and_time(NaiveTime::MIN).and_utc());
    };
    let (rest, zone) = match rest.find(['Z', '+', '-']) {
        // Database clients write a space before the zone.
        Some(at) => (rest[..at].trim_end(), Some(&rest[at..])),
        None => (rest, None),
    };
    let (clock, fraction) = match rest.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (rest, None),
    };
    Fields { date, clock, fraction, zone }.time()
}

/// Returns `at` shifted by `by`, which may be negative. If the result is out of range, returns the last or
/// the first time that chrono can represent.
pub(crate) fn shifted(at: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let end =
        if by < Duration::zero() { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    at.checked_add_signed(by).unwrap_or(end)
}

/// The unit of a Unix time. The magnitude of the number shows its unit: in only one unit is the time between
/// the years 1973 and 5138.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimeUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl TimeUnit {
    pub(crate) const ALL: [Self; 4] =
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    /// Returns the number of these units in a second.
    pub(crate) fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    /// Returns the most common unit; `None` if `units` is empty.
    pub(crate) fn most_common(units: &[Self]) -> Option<Self> {
        let count = |unit: &Self| units.iter().filter(|other| *other == unit).count();
        Self::ALL.into_iter().max_by_key(count).filter(|unit| units.contains(unit))
    }

    /// Returns the smallest number that is read as a Unix time in this unit, and the smallest number that is
    /// too large for it.
    pub(crate) fn range(self) -> (i128, i128) {
        let first = i128::from(self.per_second()) * 100_000_000;
        (first, first * 1_000)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        }
    }
}

/// Parses a Unix time of any unit, with or without a fraction. Returns the time and the unit; `None` for any
/// other text, and for a time before 1973, because such a small number may be something else.
pub(crate) fn epoch(text: &str) -> Option<(DateTime<Utc>, TimeUnit)> {
    // JSON prints large floating-point numbers with an exponent.
    let plain =
        text.contains(['e', 'E']).then(|| text.parse().map(|number: f64| format!("{number:.6}")));
    let plain = plain.transpose().ok()?;
    let text = plain.as_deref().unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let count: i128 = whole.parse().ok()?;
    let is_in_range = |unit: &TimeUnit| (unit.range().0..unit.range().1).contains(&count);
    let unit = TimeUnit::ALL.into_iter().find(is_in_range)?;
    let nanos_per_unit = 1_000_000_000 / i128::from(unit.per_second());
    let nanos =
        count * nanos_per_unit + i128::from(nanos(fraction)?) * nanos_per_unit / 1_000_000_000;
    let seconds = i64::try_from(nanos / 1_000_000_000).ok()?;
    let at = DateTime::from_timestamp(seconds, u32::try_from(nanos % 1_000_000_000).ok()?)?;
    Some((at, unit))
}

/// The parts of a time as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// `2025-10-22`.
    pub(crate) date: &'a str,
    /// `12:00:00`.
    pub(crate) clock: &'a str,
    /// The digits of a fraction of a second; `None` if there is no fraction.
    pub(crate) fraction: Option<&'a str>,
    /// `Z`, `+00`, `+0000`, `+00:00` or `+00:00:00`; `None` for UTC.
    pub(crate) zone: Option<&'a str>,
}

impl Fields<'_> {
    /// Returns the time in UTC; `None` if a part is malformed or out of range.
    pub(crate) fn time(self) -> Option<DateTime<Utc>> {
        let [hour, minute, second] = two_digit_numbers(self.clock.split(':'))?;
        let nanos = self.fraction.map_or(Some(0), nanos)?;
        // chrono keeps a leap second as second 59 with more than 10⁹ nanoseconds.
        let (second, nanos) =
            if second == 60 { (59, nanos + 1_000_000_000) } else { (second, nanos) };
        let time = NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?;
        let offset = self.zone.map_or(Some(Duration::zero()), offset)?;
        date(self.date)?.and_time(time).and_utc().checked_sub_signed(offset)
    }
}

/// Parses a date. A year after 9999 has more than four digits.
fn date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let [month, day] = two_digit_numbers(rest.split('-'))?;
    let year = number(year).filter(|_| (4..=6).contains(&year.len()))?;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Converts the digits of a fraction of a second to nanoseconds.
fn nanos(fraction: &str) -> Option<u32> {
    number(fraction.get(..NANO_DIGITS.min(fraction.len()))?)?;
    let digits = fraction.chars().chain(std::iter::repeat('0')).take(NANO_DIGITS);
    digits.map(|digit| digit.to_digit(10)).try_fold(0, |sum, digit| Some(sum * 10 + digit?))
}

/// Returns how far a zone is ahead of UTC.
fn offset(zone: &str) -> Option<Duration> {
    if zone == "Z" {
        return Some(Duration::zero());
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hours, minutes, seconds] = match rest.len() {
        2 => two_digit_numbers([rest, "00", "00"].into_iter())?,
        4 => two_digit_numbers([rest.get(..2)?, rest.get(2..)?, "00"].into_iter())?,
        _ => two_digit_numbers(rest.split(':').chain((rest.len() == 5).then_some("00")))?,
    };
    let in_range = hours < 24 && minutes < 60 && seconds < 60;
    in_range.then(|| {
        let seconds = i64::from(hours * 3600 + minutes * 60 + seconds);
        Duration::seconds(sign * seconds)
    })
}

/// Parses `N` numbers of two digits each; `None` if there are not exactly `N` texts, or one is not such
/// a number.
fn two_digit_numbers<'a, const N: usize>(texts: impl Iterator<Item = &'a str>) -> Option<[u32; N]> {
    let numbers: Option<Vec<_>> =
        texts.map(|text| number(text).filter(|_| text.len() == 2)).collect();
    numbers?.try_into().ok()
}

/// Parses a number without a sign.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_times_as_printed_by_postgres() {
        for (text, expected) in [
            ("2025-10-22T12:00:01", "2025-10-22T12:00:01+00:00"),
            ("2025-10-22T12:00:01.5", "2025-10-22T12:00:01.500+00:00"),
            ("2025-10-22T12:00:01.000001+00:00", "2025-10-22T12:00:01.000001+00:00"),
            ("2025-10-22T12:00:01Z", "2025-10-22T12:00:01+00:00"),
            ("2025-10-22 12:00:01", "2025-10-22T12:00:01+00:00"),
            ("2025-10-22 12:00:01.25+00", "2025-10-22T12:00:01.250+00:00"),
            ("2025-10-22 17:30:01+05:30", "2025-10-22T12:00:01+00:00"),
            ("2025-10-22 17:30:01+0530", "2025-10-22T12:00:01+00:00"),
            ("2025-10-22 08:30:01-03:30", "2025-10-22T12:00:01+00:00"),
            ("1890-01-01 00:53:28+00:53:28", "1890-01-01T00:00:00+00:00"),
            ("2025-10-22T12:00:01.1234567891", "2025-10-22T12:00:01.123456789+00:00"),
            ("12025-10-22 12:00:01", "+12025-10-22T12:00:01+00:00"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60+00:00"),
            ("2025-10-22", "2025-10-22T00:00:00+00:00"),
        ] {
            let found = timestamp(text).map(|at| at.to_rfc3339());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_magnitude_of_a_number_shows_its_unit() {
        for (text, expected) in [
            ("1761134401", "2025-10-22T12:00:01+00:00"),
            ("1761134401.25", "2025-10-22T12:00:01.250+00:00"),
            ("1761134401250", "2025-10-22T12:00:01.250+00:00"),
            ("1761134401250.5", "2025-10-22T12:00:01.250500+00:00"),
            ("1761134401250500", "2025-10-22T12:00:01.250500+00:00"),
            ("1.76113440125e9", "2025-10-22T12:00:01.250+00:00"),
            ("1.7611344e18", "2025-10-22T12:00:00+00:00"),
            ("1761134401250500001", "2025-10-22T12:00:01.250500001+00:00"),
        ] {
            let found = epoch(text).map(|(at, _)| at.to_rfc3339());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        for text in
            ["", "0", "1", "99999999", "-1761134401", "1761134401.", "x", "e", "1e99", "-1.7e9"]
        {
            assert_eq!(epoch(text), None, "{text}");
        }
    }

    #[test]
    fn rejects_strings_that_are_not_times() {
        for text in [
            "",
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "0044-03-15T12:00:00 BC",
            "0044-03-15 12:00:00+00 BC",
            "2025-10-22T12:00:00Z app",
            "2025-10-22T12:00:00 ",
            " 2025-10-22T12:00:00",
            "[2025-10-22T12:00:00Z]",
            "2025-10-22T12:00:00,5",
            "2025-10-22T12:00:00.",
            "2025-10-22T12:00:00.x",
            "2025-10-22T12:00:00.1234567é",
            "2025-10-22T12:00",
            "2025-10-22T12:00:00:00",
            "2025-10-22T+2:00:00",
            "2025-10-22T24:00:00",
            "2025-13-22T12:00:00",
            "2025-02-29",
            "225-10-22",
            "2025-1-22",
            "-2025-10-22",
            "2025-10-22T12:00:00+",
            "2025-10-22T12:00:00+1",
            "2025-10-22T12:00:00+05:",
            "2025-10-22T12:00:00+0:530",
            "2025-10-22T12:00:00+99:00",
            "2025-10-22T12:00:00é00",
            "2025-10-22T12:00:00+é0",
            "2025",
            "469",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
