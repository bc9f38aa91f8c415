//! Windows of time, and the bounds of a window that a user enters.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Utc};

use crate::timestamp::shifted;

/// Maximum duration that a user can enter, in days: 100 years.
const MAX_DAYS: i64 = 36_525;

/// A window of time. A start or end that is `None` means that this side has no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Start of the window; this point in time is included.
    pub since: Option<DateTime<Utc>>,
    /// End of the window; this point in time is not included.
    pub until: Option<DateTime<Utc>>,
}

/// A bound of a window as a user enters it: `2h` for two hours ago, or a date with or without a
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBound {
    /// A duration before now.
    Ago(Duration),
    /// A point in time.
    At(DateTime<Utc>),
}

impl Window {
    /// Whether the window includes a point in time.
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

impl TimeBound {
    /// Returns the bound as a point in time.
    pub fn resolve(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(ago) => shifted(now, -ago),
            Self::At(at) => at,
        }
    }
}

impl std::str::FromStr for TimeBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(ago) = duration(text) {
            return if ago <= Duration::days(MAX_DAYS) {
                Ok(Self::Ago(ago))
            } else {
                Err(format!("`{text}` is more than 100 years"))
            };
        }
        match time(text) {
            Some(at) if (1..=9999).contains(&at.year()) => Ok(Self::At(at)),
            Some(_) => Err(format!("`{text}` is not in the years 1 to 9999")),
            None => Err(format!(
                "`{text}` is not a time; write `30m`, `2h` or `3d` for a duration before now, or a time such as \
                 `2025-10-22T14:00Z`"
            )),
        }
    }
}

/// Parses a date, or a date and a time. Without a time zone it is in UTC, like all times that spanproof
/// prints.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.replace(' ', "T")) {
        return Some(at.to_utc());
    }
    let plain = text.trim_end_matches('Z').replace(' ', "T");
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(&plain, format) {
            return Some(at.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(&plain, "%Y-%m-%d").ok()?;
    Some(day.and_time(chrono::NaiveTime::MIN).and_utc())
}

/// Parses a duration, such as `90m`.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.get(..text.len().checked_sub(1)?)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number with more digits is too large in every unit.
    let number = digits.parse().unwrap_or(i64::MAX);
    let duration = match text.chars().last()? {
        's' => Duration::try_seconds(number),
        'm' => Duration::try_minutes(number),
        'h' => Duration::try_hours(number),
        'd' => Duration::try_days(number),
        _ => return None,
    };
    Some(duration.unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_bound_is_a_duration_before_now_or_a_time_in_utc() {
        let now = "2025-10-22T14:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for (text, expected) in [
            ("90m", "2025-10-22T12:30:00+00:00"),
            ("1d", "2025-10-21T14:00:00+00:00"),
            ("2025-10-22T14:00Z", "2025-10-22T14:00:00+00:00"),
            ("2025-10-22 14:00:05.5", "2025-10-22T14:00:05.500+00:00"),
            ("2025-10-22T16:00:00+02:00", "2025-10-22T14:00:00+00:00"),
            ("2025-10-22", "2025-10-22T00:00:00+00:00"),
        ] {
            assert_eq!(
                text.parse::<TimeBound>().unwrap().resolve(now).to_rfc3339(),
                expected,
                "{text}"
            );
        }
        for text in ["", "h", "yesterday", "5x", "2025-13-01", "-5d", "5°"] {
            assert!(text.parse::<TimeBound>().unwrap_err().contains("2h"), "{text}");
        }
        for text in ["99999999999999999999d", "200000000d", "36526d", "9223372036854775s"] {
            assert!(text.parse::<TimeBound>().unwrap_err().contains("100 years"), "{text}");
        }
        for text in ["+262142-12-31", "-0001-01-01"] {
            assert!(text.parse::<TimeBound>().unwrap_err().contains("1 to 9999"), "{text}");
        }
    }
}
