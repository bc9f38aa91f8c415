//! Ids of spans that several processes of the service made.

use rstest::rstest;

use super::impossible_values::set;
use super::*;
use crate::verdict::repeated_ids;

/// The healthy case; the ids of its spans have this form, where `#` stands for the id in the case.
fn case_with_ids(name: &str, form: &str) -> Observation {
    let mut evidence = recording_case();
    change_rows(&mut evidence.spans, |row| {
        let id = row["span_id"].as_str().unwrap().replace('s', "5");
        set(row, "span_id", &form.replace('#', &id));
    });
    let mut observation = evidence.observation();
    name.clone_into(&mut observation.case.id);
    observation
}

#[rstest]
#[case::fixed_start(
    "00f067aa0ba902#",
    Some("8 spans have the id of a span of another case, such as one")
)]
#[case::bytea("\\x00f067aa0ba902#", Some("another case, such as one"))]
#[case::sequence("1000#", None)]
#[case::name("span-00f067aa0ba902-#", None)]
fn ids_that_repeat_in_another_process_get_a_remark(
    #[case] form: &str,
    #[case] expected: Option<&str>,
) {
    let cases = ["one", "two", "three"].map(|name| case_with_ids(name, form));
    let found = repeated_ids(&spec(), cases.iter().map(Some));
    assert_eq!(found.is_some(), expected.is_some(), "{found:?}");
    if let Some((index, remark)) = found {
        assert_eq!(index, 1);
        assert!(remark.contains(expected.unwrap()), "{remark}");
    }
}

#[test]
fn ids_that_differ_get_no_remark() {
    let cases = [case_with_ids("one", "00f067aa0ba902#"), case_with_ids("two", "00f067aa0ba903#")];
    assert_eq!(repeated_ids(&spec(), cases.iter().map(Some)), None);
}
