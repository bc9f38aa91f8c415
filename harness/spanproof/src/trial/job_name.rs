//! Gives a job a new id when the job is submitted again.

use serde_json::Value as Json;

/// Numbers of hexadecimal digits in the groups of a UUID.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Changes the id of a job: the last group of a UUID becomes `number` in hexadecimal, any other string gets
/// `suffix`, and a JSON number is increased by `number`. Other JSON values stay as they are.
pub(super) fn rename(id: &mut Json, suffix: &str, number: u32) {
    match id {
        Json::String(text) if is_uuid(text) => {
            let kept = text.len() - UUID[4];
            *text = format!("{}{number:012x}", &text[..kept]);
        }
        Json::String(text) => text.push_str(suffix),
        Json::Number(value) => {
            if let Some(next) = value.as_u64().and_then(|id| id.checked_add(number.into())) {
                *id = next.into();
            }
        }
        _ => {}
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    let has_digits = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    has_digits && groups.iter().map(|group| group.len()).eq(UUID)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::name(json!("job-469"), json!("job-469-again"))]
    #[case::uuid(
        json!("0b5cd1e3-7b0c-4b7e-9f70-3a86ea1f9c55"),
        json!("0b5cd1e3-7b0c-4b7e-9f70-000000000002")
    )]
    #[case::number(json!(469), json!(471))]
    #[case::null(json!(null), json!(null))]
    fn a_job_that_is_submitted_again_gets_a_new_id(#[case] mut id: Json, #[case] expected: Json) {
        rename(&mut id, "-again", 2);
        assert_eq!(id, expected);
    }
}
