//! What a finding says about the units that lack spans. A unit is a part of a job.

use rstest::rstest;
use serde_json::json;

use super::*;

/// The span of each unit is missing whose id is in `lost`. The fourth unit failed.
#[rstest]
#[case::of_the_failed_unit(&[4], true)]
#[case::of_another_unit_too(&[3, 4], false)]
#[case::of_another_unit(&[3], false)]
fn a_gap_of_all_units_with_one_status_is_named(#[case] lost: &[u64], #[case] is_named: bool) {
    let mut evidence = recording_case();
    change_rows(&mut evidence.units, |unit| {
        if unit["id"] == 4 {
            unit.insert("status".into(), json!("failed"));
        }
    });
    let Rows::Found(spans) = &mut evidence.spans else { panic!("no spans") };
    spans.retain(|span| !lost.iter().any(|id| span["execution_id"] == *id));
    for span in spans.iter_mut().filter(|span| span["execution_id"] == 4) {
        span.insert("status".into(), json!("failed"));
    }
    let finding = judge_parts(&spec(), &evidence).findings()[0].to_string();
    let line = "all units with status failed lack them, and no others";
    assert_eq!(finding.contains(line), is_named, "{finding}");
}
