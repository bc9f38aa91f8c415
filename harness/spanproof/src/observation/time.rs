//! A time that a service recorded.

use chrono::{DateTime, TimeDelta, Utc};

use crate::timestamp::{TimeUnit, epoch, shifted, timestamp};

/// A recorded time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    /// The recorded text.
    pub text: String,
    /// The parsed time; `None` if the text is not a point in time, such as `infinity`.
    pub at: Option<DateTime<Utc>>,
    /// The unit of time if the text is a number (Unix time); `None` for any other text.
    pub unit: Option<TimeUnit>,
}

impl Time {
    pub(crate) fn new(text: String) -> Self {
        let number = epoch(&text);
        let at = timestamp(&text).or(number.map(|(at, _)| at));
        Self { at, unit: number.map(|(_, unit)| unit), text }
    }

    /// Returns how far the time may be off because it is rounded, in either direction: a service may cut off
    /// what is smaller than the last digit, and Postgres rounds to the nearest value.
    ///
    /// Trailing zeros are not recorded, so this may be more than the real limit, but not less.
    pub(crate) fn rounding(&self) -> TimeDelta {
        let unit = match self.unit {
            Some(unit) => TimeDelta::nanoseconds(1_000_000_000 / unit.per_second()),
            None if self.text.contains(':') => TimeDelta::seconds(1),
            None => TimeDelta::days(1),
        };
        let fraction = self.text.split_once('.').map_or("", |(_, rest)| rest);
        let digits = fraction.bytes().take_while(u8::is_ascii_digit);
        digits.fold(unit, |rounding, _| rounding / 10)
    }

    /// Returns the time if it does not depend on a time zone; `None` for other times.
    pub(crate) fn zoned(&self) -> Option<DateTime<Utc>> {
        self.at.filter(|_| self.has_zone())
    }

    /// Whether the time does not depend on a time zone: it has an offset from UTC, or is a number.
    pub(crate) fn has_zone(&self) -> bool {
        let tail = self.text.get(11..).unwrap_or_default();
        self.unit.is_some() || self.text.ends_with('Z') || tail.contains(['+', '-'])
    }

    /// Whether this time is before the other one. Times with the same number of digits are rounded in the same
    /// way and keep their order. Texts that are not points in time are compared as numbers; `false` if they
    /// are not numbers either.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        let (this, that) = (self.rounding(), other.rounding());
        let tolerance = if this == that { TimeDelta::zero() } else { this.max(that) };
        match (self.at, other.at) {
            (Some(this), Some(other)) => this < shifted(other, -tolerance),
            _ => match (self.text.parse::<f64>(), other.text.parse::<f64>()) {
                (Ok(this), Ok(other)) => this < other,
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::date("2025-10-22", TimeDelta::days(1))]
    #[case::seconds("2025-10-22T12:00:00+00:00", TimeDelta::seconds(1))]
    #[case::tenths("2025-10-22T12:00:00.3+00:00", TimeDelta::milliseconds(100))]
    #[case::microseconds("2025-10-22 12:00:00.000001", TimeDelta::microseconds(1))]
    #[case::more_digits("2025-10-22T12:00:00.123456789012Z", TimeDelta::zero())]
    #[case::unix_seconds("1761134400", TimeDelta::seconds(1))]
    #[case::unix_seconds_with_fraction("1761134400.25", TimeDelta::milliseconds(10))]
    #[case::unix_milliseconds("1761134400250", TimeDelta::milliseconds(1))]
    fn the_last_digit_shows_how_far_a_time_is_rounded(
        #[case] text: &str,
        #[case] expected: TimeDelta,
    ) {
        assert_eq!(Time::new(text.to_owned()).rounding(), expected);
    }
}
