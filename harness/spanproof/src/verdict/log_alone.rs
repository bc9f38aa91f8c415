//! What a log shows without a database: failed writes, or nothing certain.

use super::evidence::Evidence;
use super::facts::Facts;
use super::finding::Finding;
use spanproof_format::{Code, count_phrase};

/// Returns the finding for a log in which a tracer is on.
pub(super) fn finding(facts: &Facts<'_>) -> Finding {
    let Facts { refused_lines, begin_lines, written_lines, .. } = facts;
    let dropped = facts.observation.dropped_bytes();
    let (at_least, dropped) = match dropped {
        0 => ("", None),
        bytes => (
            "at least ",
            Some(Evidence::Note(format!(
                "{bytes} bytes of lines about spans exceeded the limit, and are not counted; give a shorter log, or \
                 choose a shorter time with `--since` and `--until`"
            ))),
        ),
    };
    let begun = count_phrase(begin_lines.len(), "span was", "spans were");
    if !refused_lines.is_empty() {
        let refused = count_phrase(facts.refused_count(), "write", "writes");
        let message = format!("{at_least}{begun} begun, and {at_least}{refused} failed");
        let evidence = Evidence::lines(refused_lines).into_iter().chain(dropped);
        return Finding::new(Code::WriteFailedReported, message, evidence.collect());
    }
    let startup_lines: Vec<_> = facts.startup_lines.iter().map(Evidence::from).collect();
    let message = match (begin_lines.len(), facts.written_count()) {
        (0, _) => "the tracer is on, and no span was begun: no job ran at the time of the log, or its work runs \
                   outside the tracer; give the database or a dump of it, which shows whether work was done"
            .to_owned(),
        (_, written) => format!(
            "the tracer is on, {at_least}{begun} begun and {at_least}{written} reported as written; the \
             database or a dump of it shows whether their rows are complete and linked"
        ),
    };
    let evidence =
        [startup_lines, Evidence::lines(written_lines)].concat().into_iter().chain(dropped);
    Finding::new(Code::Undetermined, message, evidence.collect())
}
