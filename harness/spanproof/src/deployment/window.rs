//! Windows of time, and the bounds of a window that a user enters.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Utc};

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
            Self::Ago(ago) => now - ago,
            Self::At(at) => at,
        }
    }
}

impl std::str::FromStr for TimeBound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "`{text}` is not a time; write `30m`, `2h` or `3d` for a duration before now, or a time such as \
                 `2025-10-22T14:00Z`"
            )
        };
        if let Some(ago) = duration(text) {
            return Ok(Self::Ago(ago));
        }
        if let Ok(at) = DateTime::parse_from_rfc3339(&text.replace(' ', "T")) {
            return Ok(Self::At(at.to_utc()));
        }
        // A time without a time zone is in UTC, like all times that spanproof prints.
        let plain = text.trim_end_matches('Z').replace(' ', "T");
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
            if let Ok(at) = NaiveDateTime::parse_from_str(&plain, format) {
                return Ok(Self::At(at.and_utc()));
            }
        }
        let day = NaiveDate::parse_from_str(&plain, "%Y-%m-%d").map_err(|_| invalid())?;
        Ok(Self::At(day.and_time(chrono::NaiveTime::MIN).and_utc()))
    }
}

/// Parses a duration, such as `90m`.
fn duration(text: &str) -> Option<Duration> {
    let number: i64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    match text.chars().last()? {
        's' => Duration::try_seconds(number),
        'm' => Duration::try_minutes(number),
        'h' => Duration::try_hours(number),
        'd' => Duration::try_days(number),
        _ => None,
    }
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
        for text in ["", "h", "yesterday", "5x", "2025-13-01", "99999999999999999d"] {
            assert!(text.parse::<TimeBound>().unwrap_err().contains("2h"), "{text}");
        }
    }
}
