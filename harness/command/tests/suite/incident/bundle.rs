//! Tests that read incident files (bundles) that are cut off, edited or of another version, and files
//! that are not incident files.

use rstest::rstest;
use spanproof::Bundle;

use super::INCIDENT;
use crate::run::{Output, SPEC, run};

/// Runs `replay --assert-only` on a file with these bytes, with `more` arguments.
fn replay(bytes: &[u8], more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.jsonl"), bytes).unwrap();
    let args = ["replay", "x.jsonl", "--assert-only", "--config", SPEC];
    run(folder.path(), &[&args, more].concat())
}

/// Returns the text of the incident file.
fn incident() -> String {
    std::fs::read_to_string(INCIDENT).unwrap()
}

#[test]
fn assert_only_judges_the_evidence_of_an_incident_again() {
    let Output { code, stdout, stderr } = replay(incident().as_bytes(), &[]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("x.jsonl: same verdict and funnel"), "{stdout}");
    assert!(
        stdout.contains("path-not-executed: 4 units were executed by route `cross-region`"),
        "{stdout}"
    );
}

/// `offset` is the end of the file, in bytes from the start of the last record.
#[rstest]
#[case::without_the_last_record(0)]
#[case::within_the_last_record(20)]
#[case::before_the_last_line_break(-1)]
fn a_cut_off_bundle_is_judged_and_the_report_has_a_doubt(#[case] offset: isize) {
    let whole = incident();
    let last_record = whole.trim_end().rfind('\n').unwrap() + 1;
    let text = &whole[..last_record.checked_add_signed(offset).unwrap()];
    let Output { code, stdout, stderr } = replay(text.as_bytes(), &[]);
    assert_eq!(code, 6, "{stdout}{stderr}");
    assert!(
        stdout.contains("doubt: the file is cut off: it has 1 job, 4 units, 0 spans"),
        "{stdout}{stderr}"
    );
}

#[test]
fn a_bundle_that_is_cut_off_before_its_evidence_is_refused() {
    let early = incident().lines().take(3).collect::<Vec<_>>().join("\n");
    let Output { code, stderr, .. } = replay(early.as_bytes(), &[]);
    assert_eq!(code, 2);
    assert!(
        stderr.contains(
            "the file is cut off: it has 1 job, 0 units, 0 spans, 0 lines, and no record `facts`"
        ),
        "{stderr}"
    );
}

#[test]
fn an_edited_bundle_needs_the_option_edited() {
    let edited = incident().replace("\"status\":\"failed\"", "\"status\":\"passed\"");
    let Output { code, stderr, .. } = replay(edited.as_bytes(), &[]);
    assert_eq!(code, 2);
    assert!(stderr.contains("`x.jsonl` was changed after it was written"), "{stderr}");
    let Output { code, stdout, .. } = replay(edited.as_bytes(), &["--edited"]);
    assert_eq!(code, 6, "{stdout}");
    assert!(stdout.contains("doubt: the file was changed after it was written"), "{stdout}");
}

#[rstest]
#[case::newer_major_version(|text: &str| text.replacen("\"format\":\"1.0\"", "\"format\":\"2.0\"", 1), "has format 2.0, but this version reads 1.1; use a newer spanproof")]
#[case::invalid_format(|text: &str| text.replacen("\"format\":\"1.0\"", "\"format\":\"x\"", 1), "its format is `x`, but this version reads formats up to 1.1")]
#[case::other_json(|_: &str| "{\"a\":1}\n".into(), "its first line is not the record `incident`; `spanproof capture` writes incident files")]
#[case::prose(|_: &str| "hello\nworld\n".into(), "line 1 is not JSON")]
#[case::empty(|_: &str| String::new(), "it is empty")]
#[case::invalid_json(|text: &str| text.replacen("{\"job\":{", "{\"job\":{{", 1), "line 3 is not JSON")]
#[case::wrong_record(|text: &str| text.replacen("{\"job\":{", "{\"job\":7}\n{\"job\":{", 1), "line 3: the value of the record `job` is invalid")]
fn a_file_that_is_not_a_bundle_is_refused(
    #[case] change: fn(&str) -> String,
    #[case] expected: &str,
) {
    let Output { code, stderr, .. } = replay(change(&incident()).as_bytes(), &["--edited"]);
    assert_eq!(code, 2);
    assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
}

#[test]
fn records_of_a_newer_minor_version_are_skipped_and_the_report_has_a_doubt() {
    let newer = incident().replacen("\"format\":\"1.0\"", "\"format\":\"1.7\"", 1).replacen(
        "\n{\"job\"",
        "\n{\"weather\":{\"wind\":3}}\n{\"job\"",
        1,
    );
    let Output { code, stdout, stderr } = replay(newer.as_bytes(), &["--edited"]);
    assert_eq!(code, 6, "{stdout}{stderr}");
    assert!(
        stdout.contains("doubt: this version does not know the record `weather` in the file"),
        "{stdout}"
    );
}

#[test]
fn devices_empty_folders_and_huge_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.jsonl")).unwrap();
    let giant = std::fs::File::create(folder.path().join("giant.jsonl")).unwrap();
    giant.set_len(2 * 1024 * 1024 * 1024).unwrap();
    let line = std::fs::File::create(folder.path().join("line.jsonl")).unwrap();
    line.set_len(100 * 1024 * 1024).unwrap();
    for (name, expected) in [
        ("zero.jsonl", "it is not a regular file"),
        ("giant.jsonl", "more than the limit of 536870912"),
        ("line.jsonl", "line 1 is longer than the limit of 33554432 bytes"),
        ("none.jsonl", "could not read `none.jsonl`"),
    ] {
        let Output { code, stderr, .. } =
            run(folder.path(), &["replay", name, "--assert-only", "--config", SPEC]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(expected), "expected {expected}\nfound {stderr}");
    }
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let Output { code, stderr, .. } =
        run(folder.path(), &["replay", "empty", "--assert-only", "--config", SPEC]);
    assert_eq!(code, 4);
    assert!(stderr.contains("no incident (`*.jsonl`) in"), "{stderr}");
}

#[test]
fn changed_bytes_are_detected() {
    let whole = incident().into_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    // Changes one byte in each step. The positions are spread over the whole file.
    for step in 0..400 {
        let mut bytes = whole.clone();
        let at = (step * 7919) % bytes.len();
        bytes[at] = bytes[at].wrapping_add(1 + u8::try_from(step % 97).unwrap());
        std::fs::write(&path, &bytes).unwrap();
        let read = Bundle::read(&path);
        let detected = read.as_ref().map_or(true, |bundle| !bundle.doubts.is_empty());
        assert!(detected, "the changed byte {at} was not detected");
        // Reading the file must not panic if the change is accepted.
        drop(Bundle::read_edited(&path));
    }
}
