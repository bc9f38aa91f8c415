//! A service that prints that a file system is full, and whose spans or units are missing.

use rstest::rstest;

use super::*;

/// `text` is a line that the service prints, and `begun` is whether it prints lines about the missing spans.
#[rstest]
#[case::printed_by_the_service(
    "could not open the buffer: No space left on device",
    false,
    "undetermined"
)]
#[case::name_of_the_error("Error: ENOSPC: no space left on device, write", false, "undetermined")]
#[case::printed_by_the_tracer(
    "❌ StartSpan RecordSpan error: No space left on device",
    true,
    "write-failed-reported"
)]
#[case::no_such_line("2 files left on device", false, "path-not-executed")]
fn a_full_disk_leaves_no_other_reason_certain(
    #[case] text: &str,
    #[case] begun: bool,
    #[case] code: &str,
) {
    let mut evidence = recording_case();
    if !begun {
        drop_lines(&mut evidence, "Span");
        let other = line(
            Stream::Stderr,
            "🔍 StartSpan called: service=runner, operation=other, enabled=true",
        );
        evidence.output.lines.push(other);
    }
    drop_lines(&mut evidence, "RecordSpan success");
    clear_rows(&mut evidence.spans);
    evidence.output.lines.push(line(Stream::Stderr, text));
    let judgement = judge_parts(&spec(), &evidence);
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.to_string(), code, "{finding}");
    let is_shown = finding.to_string().contains(text);
    assert_eq!(is_shown, code != "path-not-executed", "{finding}");
    if code == "undetermined" {
        let expected =
            "it looks like path-not-executed, but the service prints that a file system is full";
        assert!(finding.message.starts_with(expected), "{finding}");
    }
}

#[test]
fn a_full_disk_is_evidence_for_a_failed_job() {
    let mut evidence = recording_case();
    let full = "write /var/data: No space left on device";
    evidence.output.lines.insert(0, line(Stream::Stderr, full));
    clear_rows(&mut evidence.units);
    clear_rows(&mut evidence.spans);
    let judgement = judge_parts(&spec(), &evidence);
    let finding = &judgement.findings()[0];
    assert_eq!(finding.code.to_string(), "job-failed-early");
    assert!(finding.to_string().contains(full), "{finding}");
}
