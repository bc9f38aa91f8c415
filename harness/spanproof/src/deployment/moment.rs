//! Moments and windows of time, as a user says them.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, Utc};

/// A window of time; an end that is not there is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

/// A moment as a user says it: before now by an amount, or a date with or without a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long before now.
    Ago(Duration),
    /// At this time.
    At(DateTime<Utc>),
}

impl Window {
    /// Whether the moment is in it.
    pub fn holds(&self, at: DateTime<Utc>) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

impl Moment {
    /// The time it stands for.
    pub fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(ago) => now - ago,
            Self::At(at) => at,
        }
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no time: write `30m`, `2h` or `3d` for so long ago, or `2025-10-22T14:00Z`"
            )
        };
        if let Some(ago) = ago(text) {
            return Ok(Self::Ago(ago));
        }
        if let Ok(at) = DateTime::parse_from_rfc3339(&text.replace(' ', "T")) {
            return Ok(Self::At(at.to_utc()));
        }
        // Without a zone it is UTC, as everything that is shown.
        let plain = text.trim_end_matches('Z').replace(' ', "T");
        for shape in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
            if let Ok(at) = NaiveDateTime::parse_from_str(&plain, shape) {
                return Ok(Self::At(at.and_utc()));
            }
        }
        let day = NaiveDate::parse_from_str(&plain, "%Y-%m-%d").map_err(|_| wrong())?;
        Ok(Self::At(day.and_time(chrono::NaiveTime::MIN).and_utc()))
    }
}

fn ago(text: &str) -> Option<Duration> {
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
    fn a_moment_is_an_amount_ago_or_a_time_in_utc() {
        let now = "2025-10-22T14:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for (text, at) in [
            ("90m", "2025-10-22T12:30:00+00:00"),
            ("1d", "2025-10-21T14:00:00+00:00"),
            ("2025-10-22T14:00Z", "2025-10-22T14:00:00+00:00"),
            ("2025-10-22 14:00:05.5", "2025-10-22T14:00:05.500+00:00"),
            ("2025-10-22T16:00:00+02:00", "2025-10-22T14:00:00+00:00"),
            ("2025-10-22", "2025-10-22T00:00:00+00:00"),
        ] {
            assert_eq!(text.parse::<Moment>().unwrap().at(now).to_rfc3339(), at, "{text}");
        }
        for text in ["", "h", "yesterday", "5x", "2025-13-01", "99999999999999999d"] {
            assert!(text.parse::<Moment>().unwrap_err().contains("2h"), "{text}");
        }
    }
}
