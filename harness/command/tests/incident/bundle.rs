//! A bundle that is cut off, edited, of another version, or none.

use rstest::rstest;
use spanproof::Bundle;

use crate::{INCIDENT, SPEC, run};

/// What `replay --assert-only` says of a file with these bytes.
fn judged(bytes: &[u8], more: &[&str]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.jsonl"), bytes).unwrap();
    let args = ["replay", "x.jsonl", "--assert-only", "--config", SPEC];
    run(folder.path(), &[&args, more].concat())
}

fn incident() -> String {
    std::fs::read_to_string(INCIDENT).unwrap()
}

#[test]
fn a_whole_bundle_is_judged_again_without_running_anything() {
    let (exit, out, notes) = judged(incident().as_bytes(), &[]);
    assert_eq!(exit, 0, "{out}{notes}");
    assert!(out.contains("x.jsonl: same verdict, same funnel"), "{out}");
    assert!(
        out.contains("path-not-executed: 4 units were executed by route `cross-region`"),
        "{out}"
    );
}

#[test]
fn a_bundle_that_was_cut_off_is_read_as_far_as_it_goes() {
    let whole = incident();
    let without_end = &whole[..=whole.trim_end().rfind('\n').unwrap()];
    for text in [without_end, &whole[..whole.len() - 20], &whole[..without_end.len() - 1]] {
        let (exit, out, notes) = judged(text.as_bytes(), &[]);
        assert!(exit == 6 || exit == 1, "{exit} {out}{notes}");
        assert!(
            out.contains("doubt: it is cut off: it has no end, and 1 jobs, 4 units, 0 spans"),
            "{out}{notes}"
        );
    }
    let early = whole.lines().take(3).collect::<Vec<_>>().join("\n");
    let (exit, _, notes) = judged(early.as_bytes(), &[]);
    assert_eq!(exit, 2);
    assert!(
        notes.contains("it is cut off before what it is about was written; it has 1 jobs"),
        "{notes}"
    );
}

#[test]
fn a_bundle_that_was_edited_is_refused_unless_that_is_known() {
    let edited = incident().replace("\"status\":\"failed\"", "\"status\":\"passed\"");
    let (exit, _, notes) = judged(edited.as_bytes(), &[]);
    assert_eq!(exit, 2);
    assert!(notes.contains("`x.jsonl` was changed after it was written"), "{notes}");
    let (exit, out, _) = judged(edited.as_bytes(), &["--edited"]);
    assert_eq!(exit, 6, "{out}");
    assert!(out.contains("doubt: it was changed after it was written"), "{out}");
}

#[rstest]
#[case::newer(|text: &str| text.replacen("\"format\":\"1.0\"", "\"format\":\"2.0\"", 1), "has format 2.0, this version reads 1.1; use a newer spanproof")]
#[case::no_format(|text: &str| text.replacen("\"format\":\"1.0\"", "\"format\":\"x\"", 1), "its format is `x`")]
#[case::other(|_: &str| "{\"a\":1}\n".into(), "its first line is not that of an incident; `spanproof capture` writes one")]
#[case::prose(|_: &str| "hello\nworld\n".into(), "line 1 is no JSON")]
#[case::empty(|_: &str| String::new(), "it is empty")]
#[case::torn(|text: &str| text.replacen("{\"job\":{", "{\"job\":{{", 1), "line 3 is no JSON")]
#[case::wrong(|text: &str| text.replacen("{\"job\":{", "{\"job\":7}\n{\"job\":{", 1), "line 3: not a record `job`")]
fn what_is_no_bundle_is_told(#[case] change: fn(&str) -> String, #[case] said: &str) {
    let (exit, _, notes) = judged(change(&incident()).as_bytes(), &["--edited"]);
    assert_eq!(exit, 2);
    assert!(notes.contains(said), "expected {said}\nfound {notes}");
}

#[test]
fn records_of_a_newer_minor_version_are_passed_over_with_a_doubt() {
    let newer = incident().replacen("\"format\":\"1.0\"", "\"format\":\"1.7\"", 1).replacen(
        "\n{\"job\"",
        "\n{\"weather\":{\"wind\":3}}\n{\"job\"",
        1,
    );
    let (exit, out, notes) = judged(newer.as_bytes(), &["--edited"]);
    assert_eq!(exit, 6, "{out}{notes}");
    assert!(out.contains("doubt: its record `weather` is not known to this version"), "{out}");
}

#[test]
fn devices_folders_and_giants_are_no_bundles() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.jsonl")).unwrap();
    let giant = std::fs::File::create(folder.path().join("giant.jsonl")).unwrap();
    giant.set_len(2 * 1024 * 1024 * 1024).unwrap();
    let line = std::fs::File::create(folder.path().join("line.jsonl")).unwrap();
    line.set_len(100 * 1024 * 1024).unwrap();
    for (name, said) in [
        ("zero.jsonl", "it is no file"),
        ("giant.jsonl", "no bundle has more than"),
        ("line.jsonl", "line 1 is longer than any record"),
        ("none.jsonl", "could not read `none.jsonl`"),
    ] {
        let (exit, _, notes) =
            run(folder.path(), &["replay", name, "--assert-only", "--config", SPEC]);
        assert_eq!(exit, 2, "{notes}");
        assert!(notes.contains(said), "expected {said}\nfound {notes}");
    }
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let (exit, _, notes) =
        run(folder.path(), &["replay", "empty", "--assert-only", "--config", SPEC]);
    assert_eq!(exit, 4);
    assert!(notes.contains("holds no incident"), "{notes}");
}

#[test]
fn no_change_of_a_byte_makes_the_reader_panic_or_goes_unnoticed() {
    let whole = incident().into_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    for step in 0..400 {
        let mut bytes = whole.clone();
        let at = (step * 7919) % bytes.len();
        bytes[at] = bytes[at].wrapping_add(1 + u8::try_from(step % 97).unwrap());
        std::fs::write(&path, &bytes).unwrap();
        let read = Bundle::read(&path, false);
        let noticed = read.as_ref().map_or(true, |bundle| !bundle.doubts.is_empty());
        assert!(noticed, "byte {at} was changed, and nothing is said");
        drop(Bundle::read(&path, true));
    }
}
