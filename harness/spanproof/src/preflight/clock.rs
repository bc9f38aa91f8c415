//! What time it is on the server.

use std::time::Instant;

use chrono::{DateTime, Utc};

use spanproof_format::Check;

use super::check::Topic;
use super::row::text;
use crate::deployment::{Error, Session};

/// Difference of the clocks from which on the check advises, in milliseconds.
const ADVICE_MS: i64 = 1_000;
/// Difference from which on it fails, because look-ups by time miss spans, in milliseconds.
const FAILURE_MS: i64 = 60_000;

/// How far the server's clock is from that of this machine.
pub(super) async fn skew(session: &mut Session) -> Result<Check, Error> {
    let topic = Topic::new("clock", "asked once, with half of the way there and back taken off");
    let sql = "select jsonb_build_object('at', clock_timestamp())";
    let (before, start) = (Utc::now(), Instant::now());
    let rows = session.rows("the clock", sql, &[]).await?;
    let half = chrono::Duration::from_std(start.elapsed() / 2).unwrap_or_default();
    let there = rows.accepted_or_default().pop();
    let there = there.and_then(|row| text(&row, "at").parse::<DateTime<Utc>>().ok());
    let Some(there) = there else {
        return Ok(topic.untried("the server did not tell its time", ""));
    };
    Ok(judge(&topic, (there - (before + half)).num_milliseconds()))
}

fn judge(topic: &Topic, apart: i64) -> Check {
    let found = format!("the server's clock is {apart} ms from that of this machine");
    let next = "keep both by NTP: what is asked for by time misses spans otherwise";
    match apart.abs() {
        apart if apart > FAILURE_MS => topic.failed(found, next),
        apart if apart > ADVICE_MS => topic.advice(found, next),
        _ => topic.passed(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanproof_format::CheckResult;

    #[test]
    fn a_clock_that_is_far_away_on_either_side_is_told() {
        for (apart, outcome) in [
            (0, CheckResult::Passed),
            (-1_000, CheckResult::Passed),
            (1_001, CheckResult::Advice),
            (-60_000, CheckResult::Advice),
            (60_001, CheckResult::Failed),
            (-60_001, CheckResult::Failed),
        ] {
            assert_eq!(judge(&Topic::new("clock", ""), apart).outcome, outcome, "{apart}");
        }
    }
}
