//! Times of spans that do not fit those of requests or units.

use rstest::rstest;
use serde_json::json;

use super::impossible_values::{case_with_period, set};
use super::*;

/// The healthy case, with requests that carry the ids of inner spans. The inner spans last from 100 to
/// `end_ms`, the units' own spans from 100 to `unit_end_ms`, and the upstream answers at 600 ms.
fn case_with_requests(end_ms: u32, unit_end_ms: u32) -> TrialParts {
    let mut evidence = case_with_period();
    change_rows(&mut evidence.spans, |row| {
        let is_inner = row["operation"] == "hybrid_router_call";
        let end = if is_inner { end_ms } else { unit_end_ms };
        set(row, "started_at", "2026-01-01T00:00:00.100+00:00");
        set(row, "completed_at", &format!("2026-01-01T00:00:00.{end}+00:00"));
        row.insert("duration_ms".into(), json!(end - 100));
    });
    for (id, exchange) in (1..).zip(&mut evidence.exchanges) {
        exchange.headers.insert("traceparent".into(), format!("00-t{id}-c{id}-01"));
        exchange.answered = Some("2026-01-01T00:00:00.600Z".parse().unwrap());
    }
    evidence
}

/// The remarks about a passing case.
fn remarks_about(parts: &TrialParts) -> String {
    assert_eq!(judge_parts(&spec(), parts).verdict, Verdict::Pass);
    remarks(&spec(), &parts.observation()).join("\n")
}

#[rstest]
#[case::contains_the_answer(700, "")]
#[case::ends_shortly_before(560, "")]
#[case::ends_before(
    300,
    "4 spans end before the answer to a request with the same id (`hybrid_router_call`: 300 ms before \
     `POST /inference` was answered"
)]
fn a_span_that_ends_before_the_answer_to_its_request_gets_a_remark(
    #[case] end_ms: u32,
    #[case] expected: &str,
) {
    let found = remarks_about(&case_with_requests(end_ms, 800));
    assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
    assert!(found.contains(expected), "{found}");
}

/// A client may send a request again, or several at once, with the same id.
#[test]
fn the_answer_to_one_of_several_requests_is_enough() {
    let mut evidence = case_with_requests(300, 800);
    let mut earlier = evidence.exchanges.clone();
    for exchange in &mut earlier {
        exchange.answered = Some("2026-01-01T00:00:00.200Z".parse().unwrap());
    }
    evidence.exchanges.extend(earlier);
    assert_eq!(remarks_about(&evidence), "");
}

#[test]
fn a_span_that_starts_after_the_answer_to_its_request_is_wrong() {
    let mut evidence = case_with_requests(800, 900);
    for exchange in &mut evidence.exchanges {
        exchange.answered = Some("2026-01-01T00:00:00.010Z".parse().unwrap());
    }
    let judgement = judge_parts(&spec(), &evidence);
    assert_eq!(codes(&judgement), ["impossible-times"]);
    let finding = &judgement.findings()[0];
    let expected = "it starts 90 ms after the answer to `POST /inference`";
    assert!(finding.message.contains(expected), "{finding:?}");
    // A later attempt of the same span was answered later.
    let mut later = evidence.exchanges.clone();
    for exchange in &mut later {
        exchange.answered = Some("2026-01-01T00:00:00.600Z".parse().unwrap());
    }
    evidence.exchanges.extend(later);
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

/// Times without a time zone may be local.
#[test]
fn a_start_without_a_time_zone_is_not_compared_with_answers() {
    let mut evidence = case_with_requests(800, 900);
    change_rows(&mut evidence.spans, |row| {
        for column in ["started_at", "completed_at"] {
            let text = row[column].as_str().unwrap().replace("+00:00", "");
            set(row, column, &text);
        }
    });
    for exchange in &mut evidence.exchanges {
        exchange.answered = Some("2026-01-01T00:00:00.010Z".parse().unwrap());
    }
    assert_eq!(judge_parts(&spec(), &evidence).verdict, Verdict::Pass);
}

/// The healthy case, with units that last from `id * 200 + 7` ms on for 150 ms. Spans have these times plus
/// `shift_ms`, and the end `end_ms` if it is not `None`.
fn case_with_unit_times(shift_ms: i64, end_ms: Option<i64>) -> TrialParts {
    let mut evidence = case_with_period();
    let set_times = |row: &mut Row, id: &str, shift_ms: i64, end_ms: Option<i64>| {
        let start_ms = row[id].as_i64().unwrap() * 200 + 7 + shift_ms;
        let end_ms = end_ms.unwrap_or(start_ms + 150);
        for (column, ms) in [("started_at", start_ms), ("completed_at", end_ms)] {
            let midnight: chrono::DateTime<chrono::Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
            set(row, column, &(midnight + chrono::TimeDelta::milliseconds(ms)).to_rfc3339());
        }
        row.insert("duration_ms".into(), json!(end_ms - start_ms));
    };
    change_rows(&mut evidence.units, |row| set_times(row, "id", 0, None));
    change_rows(&mut evidence.spans, |row| set_times(row, "execution_id", shift_ms, end_ms));
    evidence
}

#[rstest]
#[case::equal(0, None, "")]
#[case::slightly_late(40, None, "")]
#[case::overlapping(140, None, "")]
#[case::after_the_unit(
    400,
    None,
    "4 units have no time in common with `execute_question`, up to 250 ms"
)]
#[case::before_the_unit(-250, None, "4 units have no time in common with `execute_question`, up to 100 ms")]
#[case::in_another_zone(-3_600_000, None, "")]
#[case::ended_together(
    0,
    Some(950),
    "all 4 `execute_question` spans end at the same moment, up to 593 ms after their units"
)]
fn times_that_do_not_fit_those_of_the_unit_get_a_remark(
    #[case] shift_ms: i64,
    #[case] end_ms: Option<i64>,
    #[case] expected: &str,
) {
    let mut evidence = case_with_unit_times(shift_ms, end_ms);
    // The job was submitted long before.
    evidence.period.as_mut().unwrap().submitted -= chrono::TimeDelta::hours(2);
    let found = remarks_about(&evidence);
    assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
    assert!(found.contains(expected), "{found}");
}

/// The row of a unit that was tried again has the times of the last attempt.
#[test]
fn spans_of_an_earlier_attempt_may_be_outside_their_unit() {
    let mut evidence = case_with_unit_times(0, None);
    change_rows(&mut evidence.units, |row| {
        if row["id"] == 1 {
            set(row, "started_at", "2026-01-01T00:00:01.207+00:00");
            set(row, "completed_at", "2026-01-01T00:00:01.507+00:00");
        }
    });
    let mut observation = evidence.observation();
    let found = remarks(&spec(), &observation).join("\n");
    assert!(found.starts_with("1 unit has no time in common"), "{found}");
    if let Some(rows) = observation.tables.spans.found_mut() {
        let mut again = rows[0].clone();
        set(&mut again, "span_id", "again");
        set(&mut again, "started_at", "2026-01-01T00:00:01.207+00:00");
        set(&mut again, "completed_at", "2026-01-01T00:00:01.407+00:00");
        rows.push(again);
    }
    assert_eq!(remarks(&spec(), &observation), [""; 0]);
}
