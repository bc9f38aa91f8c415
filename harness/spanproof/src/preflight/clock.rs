//! Checks that the database server's clock agrees with this machine's clock.

use std::time::Instant;

use chrono::{DateTime, Utc};

use spanproof_format::Check;

use super::check::PendingCheck;
use super::row::text;
use crate::deployment::{Error, Session};

/// Difference between the two clocks, in milliseconds, above which the check gives advice.
const ADVICE_MS: i64 = 1_000;
/// Difference between the two clocks, in milliseconds, above which the check fails. With such a
/// difference, queries by time miss spans.
const FAILURE_MS: i64 = 60_000;

/// Compares the server's clock with this machine's clock.
pub(super) async fn clock_check(session: &mut Session) -> Result<Check, Error> {
    let check = PendingCheck::new(
        "clock",
        "the server's time, read once and corrected by half of the round trip",
    );
    let sql = "select jsonb_build_object('at', clock_timestamp())";
    let (before, start) = (Utc::now(), Instant::now());
    let rows = session.rows("the clock", sql, &[]).await?;
    let half_round_trip = chrono::Duration::from_std(start.elapsed() / 2).unwrap_or_default();
    let row = rows.accepted_or_default().pop();
    let server_time = row.and_then(|row| text(&row, "at").parse::<DateTime<Utc>>().ok());
    let Some(server_time) = server_time else {
        return Ok(check.untried("the server did not return its time", ""));
    };
    Ok(judge(&check, (server_time - (before + half_round_trip)).num_milliseconds()))
}

/// Returns the result of the check for this difference between the clocks.
fn judge(check: &PendingCheck, difference_ms: i64) -> Check {
    let found = format!("the server's clock differs from this machine's by {difference_ms} ms");
    let next = "synchronize both clocks with NTP; otherwise queries by time miss spans";
    match difference_ms.abs() {
        ms if ms > FAILURE_MS => check.failed(found, next),
        ms if ms > ADVICE_MS => check.advice(found, next),
        _ => check.passed(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanproof_format::CheckResult;

    #[test]
    fn a_clock_that_is_ahead_or_behind_is_reported() {
        for (difference_ms, expected) in [
            (0, CheckResult::Passed),
            (-1_000, CheckResult::Passed),
            (1_001, CheckResult::Advice),
            (-60_000, CheckResult::Advice),
            (60_001, CheckResult::Failed),
            (-60_001, CheckResult::Failed),
        ] {
            let check = judge(&PendingCheck::new("clock", ""), difference_ms);
            assert_eq!(check.outcome, expected, "{difference_ms}");
        }
    }
}
