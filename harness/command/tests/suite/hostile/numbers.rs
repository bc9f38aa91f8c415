//! Tests with numbers and times at the limits of their types, in files and in arguments.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use spanproof::{Bundle, Spec};

use crate::repository::{files, root};
use crate::run::{SPEC, Spanproof};

/// Returns copies of a record, in each of which one number or time is replaced with an extreme value. `name`
/// is the path of keys to the value; a value is replaced only if its path is not in `seen` yet.
fn mutations(record: &Json, name: &str, seen: &mut BTreeSet<String>) -> Vec<Json> {
    let numbers = [json!(i64::MIN), json!(i64::MAX), json!(u64::MAX), json!(1e308)];
    let times = [
        json!("+262142-12-31T23:59:59.999999999+00:00"),
        json!("262142-12-31T23:59:59.999999+00:00"),
        json!("-262143-01-01T00:00:00+00:00"),
    ];
    match record {
        Json::Number(_) if seen.insert(name.to_owned()) => numbers.to_vec(),
        Json::String(text)
            if text.parse::<chrono::DateTime<chrono::Utc>>().is_ok()
                && seen.insert(name.to_owned()) =>
        {
            times.to_vec()
        }
        Json::Array(items) => {
            let mut all = Vec::new();
            for (at, item) in items.iter().enumerate() {
                all.extend(mutations(item, name, seen).into_iter().map(|changed| {
                    let mut items = items.clone();
                    items[at] = changed;
                    Json::Array(items)
                }));
            }
            all
        }
        Json::Object(fields) => {
            let mut all = Vec::new();
            for (key, field) in fields {
                let changed = mutations(field, &format!("{name}/{key}"), seen);
                all.extend(changed.into_iter().map(|changed| {
                    let mut fields = fields.clone();
                    fields.insert(key.clone(), changed);
                    Json::Object(fields)
                }));
            }
            all
        }
        _ => Vec::new(),
    }
}

/// Adds the times of a trial to the record `facts`. The incident files of older versions lack these times.
fn add_times(record: &mut Json) {
    if let Some(facts) = record.get_mut("facts").and_then(Json::as_object_mut) {
        let period = json!(["2025-10-22T12:00:00Z", "2025-10-22T12:01:00Z"]);
        facts.entry("period").or_insert(period);
        let times = json!({ "off_case": "x", "on_ms": [1500, 1500], "off_ms": [10, 10] });
        facts.entry("job_times").or_insert(times);
    }
}

#[tokio::test]
async fn no_number_or_time_in_an_incident_file_causes_a_panic() {
    let spec = Spec::read(std::path::Path::new(SPEC)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.jsonl");
    let (mut places, mut judged) = (0, 0);
    let bundles = ["fixtures/format-1/bundles", "fixtures/incidents"];
    for bundle in bundles.iter().flat_map(|bundles| files(&root().join(bundles), "jsonl")) {
        let text = std::fs::read_to_string(&bundle).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let mut seen = BTreeSet::new();
        for (at, line) in lines.iter().enumerate() {
            let Ok(mut record) = serde_json::from_str::<Json>(line) else { continue };
            add_times(&mut record);
            for changed in mutations(&record, "", &mut seen) {
                let changed = changed.to_string();
                let mut lines = lines.clone();
                lines[at] = &changed;
                std::fs::write(&path, lines.join("\n") + "\n").unwrap();
                let Ok(bundle) = Bundle::read_edited(&path) else { continue };
                let rejudged = spanproof::rejudge_incident(&spec, &bundle).await;
                assert!(!spanproof_cli::report::rejudgement(&rejudged).is_empty(), "{changed}");
                judged += 1;
            }
        }
        places += seen.len();
    }
    assert!(places > 500 && judged > 1000, "{places} places, {judged} judged");
}

#[test]
fn the_error_for_a_number_beyond_its_limit_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let spec = std::fs::read_to_string(SPEC).unwrap();
    let number = regex::Regex::new(r"(?m)^([a-z-]+) = (\d+)$|\b([a-z-]+) = (\d+)").unwrap();
    let mut found = 0;
    for place in number.captures_iter(&spec) {
        let key = place.get(1).or(place.get(3)).unwrap().as_str();
        let digits = place.get(2).or(place.get(4)).unwrap();
        if key == "schema" {
            continue;
        }
        found += 1;
        let mut changed = spec.clone();
        changed.replace_range(digits.range(), "9223372036854775807");
        let path = folder.path().join("spanproof.toml");
        std::fs::write(&path, changed).unwrap();
        let output = Spanproof::new(root(), &["plan", "--config", path.to_str().unwrap()]).output();
        assert_eq!(output.code, 2, "{key}: {}", output.stderr);
        let expected = "9223372036854775807 is too large; the limit is ";
        assert!(output.stderr.contains(expected), "{key}: {}", output.stderr);
        assert!(output.stderr.contains(key), "{}", output.stderr);
    }
    assert!(found > 2, "only {found} numbers were found");
}

#[test]
fn a_time_or_duration_that_is_out_of_range_is_an_error() {
    for arguments in [
        ["diagnose", "--since", "200000000d"],
        ["diagnose", "--since", "262142-12-31"],
        ["diagnose", "--until", "9223372036854775s"],
        ["diagnose", "--since", "-200000000d"],
        ["traces", "--since", "200000000d"],
        ["watch", "--for", "9223372036854775s"],
        ["watch", "--until-idle", "100000000000d"],
        ["watch", "--for", "-5s"],
    ] {
        let output = Spanproof::new(root(), &arguments).output();
        assert_eq!(output.code, 2, "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("panicked"), "{arguments:?}: {}", output.stderr);
    }
}
