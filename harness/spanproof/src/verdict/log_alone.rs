//! What a log shows without a database: failed writes, or nothing certain.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use spanproof_format::Code;

/// Returns the finding for a log in which a tracer is on.
pub(super) fn finding(facts: &Facts<'_>) -> Finding {
    let Facts { refused_lines, begin_lines, written_lines, .. } = facts;
    let dropped = facts.observation.dropped_bytes();
    let (at_least, dropped) = match dropped {
        0 => ("", None),
        bytes => (
            "at least ",
            Some(Evidence::Note(format!(
                "{bytes} bytes of lines about spans were too many to keep, and are not counted; `--since` and \
                 `--until` choose a shorter time"
            ))),
        ),
    };
    let begun = begin_lines.len();
    if !refused_lines.is_empty() {
        let refused = facts.refused_count();
        let message =
            format!("{at_least}{begun} spans were begun, and {at_least}{refused} writes failed");
        let evidence = Evidence::lines(refused_lines).into_iter().chain(dropped);
        return Finding::new(Code::WriteFailedReported, message, evidence.collect());
    }
    let startup_lines: Vec<_> = facts.startup_lines.iter().map(Evidence::from).collect();
    let message = match (begun, facts.written_count()) {
        (0, _) => "the tracer is on, and no span was begun: no job ran here, or its work runs outside the \
                   tracer; give the database or a dump of it, which tells whether work was done"
            .to_owned(),
        (begun, written) => format!(
            "the tracer is on, {at_least}{begun} spans were begun and {at_least}{written} reported as written; the \
             database or a dump of it shows whether their rows are complete and linked"
        ),
    };
    let evidence =
        [startup_lines, Evidence::lines(written_lines)].concat().into_iter().chain(dropped);
    Finding::new(Code::Undetermined, message, evidence.collect())
}
