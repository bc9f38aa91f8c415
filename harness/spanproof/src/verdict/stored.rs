//! Converts judgements to the types of stored documents ([`spanproof_format`]), and back.

use spanproof_format as format;

use super::evidence::Evidence;
use super::finding::Finding;
use super::funnel::Funnel;
use super::judgement::{Experiment, Judgement, Verdict};
use crate::observation::Submission;

impl From<&Judgement> for format::Judgement {
    fn from(judgement: &Judgement) -> Self {
        let mut stored = Self::new((&judgement.verdict).into());
        stored.funnel = judgement.funnel.into();
        stored.recording = judgement.recording;
        stored.spans = judgement.spans;
        stored.assertions = judgement.assertions;
        stored.next = judgement.next.map(|next| match next {
            Experiment::Witness => format::Experiment::Witness,
            Experiment::OwnServer => format::Experiment::OwnServer,
        });
        stored
    }
}

impl From<format::Judgement> for Judgement {
    fn from(stored: format::Judgement) -> Self {
        let format::Judgement { verdict, funnel, recording, spans, assertions, .. } = stored;
        let (verdict, funnel) = (verdict.into(), funnel.into());
        Self { verdict, funnel, recording, spans, assertions, unaided: None, next: None }
    }
}

impl From<&Verdict> for format::Verdict {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Pass,
            Verdict::Fail(findings) => Self::Fail(findings.iter().map(Into::into).collect()),
            Verdict::Broken(why) => Self::Broken(why.clone()),
            Verdict::Known(why) => Self::Known(why.clone()),
            Verdict::Notice(findings) => Self::Notice(findings.iter().map(Into::into).collect()),
            Verdict::Skipped(why) => Self::Skipped(why.clone()),
        }
    }
}

impl From<format::Verdict> for Verdict {
    fn from(stored: format::Verdict) -> Self {
        match stored {
            format::Verdict::Pass => Self::Pass,
            format::Verdict::Fail(findings) => {
                Self::Fail(findings.into_iter().map(Into::into).collect())
            }
            format::Verdict::Broken(why) => Self::Broken(why),
            format::Verdict::Known(why) => Self::Known(why),
            format::Verdict::Notice(findings) => {
                Self::Notice(findings.into_iter().map(Into::into).collect())
            }
            format::Verdict::Skipped(why) => Self::Skipped(why),
            other => Self::Skipped(format!("a verdict of a newer version: {other:?}")),
        }
    }
}

impl From<Funnel> for format::Funnel {
    fn from(funnel: Funnel) -> Self {
        let Funnel {
            expected,
            executed,
            attempted,
            stored,
            finished,
            linked,
            joined,
            spans_unknown,
        } = funnel;
        let mut converted = Self::default();
        (converted.expected, converted.executed) = (expected, executed);
        (converted.attempted, converted.stored) = (attempted, stored);
        (converted.finished, converted.linked, converted.joined) = (finished, linked, joined);
        converted.spans_unknown = spans_unknown;
        converted
    }
}

impl From<format::Funnel> for Funnel {
    fn from(funnel: format::Funnel) -> Self {
        let format::Funnel {
            expected,
            executed,
            attempted,
            stored,
            finished,
            linked,
            joined,
            spans_unknown,
            ..
        } = funnel;
        Self { expected, executed, attempted, stored, finished, linked, joined, spans_unknown }
    }
}

impl From<&Finding> for format::Finding {
    fn from(finding: &Finding) -> Self {
        let Finding { code, message, evidence, confidence, alternatives } = finding;
        let mut stored = Self::new(*code, message);
        stored.evidence = evidence.iter().map(ToString::to_string).collect();
        stored.data = evidence.iter().map(Into::into).collect();
        (stored.confidence, stored.alternatives) = (*confidence, alternatives.clone());
        stored
    }
}

impl From<format::Finding> for Finding {
    fn from(stored: format::Finding) -> Self {
        let format::Finding {
            code, message, evidence: texts, data, confidence, alternatives, ..
        } = stored;
        let evidence = if data.len() == texts.len() {
            texts.into_iter().zip(data).map(|(text, data)| from_data(text, data)).collect()
        } else {
            // Documents of older versions contain evidence as text only.
            texts.into_iter().map(Evidence::Note).collect()
        };
        Self { code, message, evidence, confidence, alternatives }
    }
}

impl From<&Evidence> for format::Evidence {
    fn from(evidence: &Evidence) -> Self {
        match evidence.clone() {
            Evidence::Line { place, text, process } => {
                Self::Line { place: place.into(), text, process }
            }
            Evidence::Variable { name, value } => Self::Variable { name, value: value.into() },
            Evidence::Job { table, id, status } => Self::Job { table, id, status },
            Evidence::Unit { table, id, key, status } => Self::Unit { table, id, key, status },
            Evidence::Span { table, id, name, fields, remark } => {
                Self::Span { table, id, name, fields, remark }
            }
            Evidence::RowCount { table, rows, of } => Self::RowCount { table, rows, of },
            Evidence::Unreadable { table, why } => Self::Unreadable { table, why },
            Evidence::Elsewhere { table, rows, of_units } => {
                Self::Elsewhere { table, rows, of_units }
            }
            Evidence::Submission(Submission { request, status, body }) => {
                Self::Submission(format::Submission::new(request, status, body))
            }
            Evidence::Request { method, path, nearest } => Self::Request { method, path, nearest },
            Evidence::Exit { ending, at_ms, remark } => {
                Self::Exit { ending: ending.into(), at_ms, remark }
            }
            Evidence::Process(process) => Self::Process(process),
            Evidence::Witness { begun, tried, written, kept } => {
                Self::Witness { begun, tried, written, kept }
            }
            Evidence::ServerLog(failure) => Self::ServerLog(failure.into()),
            Evidence::Compared { word, case, outcome, other } => {
                Self::Compared { word, case, outcome, other }
            }
            Evidence::Fault { name, about } => Self::Fault { name, about },
            Evidence::Note(text) => Self::Note(text),
            Evidence::More(more) => Self::More(more),
        }
    }
}

/// Converts evidence that was stored as data. Evidence of a kind that this version does not know becomes
/// a note with its `text`.
fn from_data(text: String, data: format::Evidence) -> Evidence {
    use format::Evidence as Stored;
    match data {
        Stored::Line { place, text, process } => {
            Evidence::Line { place: place.into(), text, process }
        }
        Stored::Variable { name, value } => Evidence::Variable { name, value: value.into() },
        Stored::Job { table, id, status } => Evidence::Job { table, id, status },
        Stored::Unit { table, id, key, status } => Evidence::Unit { table, id, key, status },
        Stored::Span { table, id, name, fields, remark } => {
            Evidence::Span { table, id, name, fields, remark }
        }
        Stored::RowCount { table, rows, of } => Evidence::RowCount { table, rows, of },
        Stored::Unreadable { table, why } => Evidence::Unreadable { table, why },
        Stored::Elsewhere { table, rows, of_units } => {
            Evidence::Elsewhere { table, rows, of_units }
        }
        Stored::Submission(submission) => Evidence::Submission(submission.into()),
        Stored::Request { method, path, nearest } => Evidence::Request { method, path, nearest },
        Stored::Exit { ending, at_ms, remark } => {
            Evidence::Exit { ending: ending.into(), at_ms, remark }
        }
        Stored::Process(process) => Evidence::Process(process),
        Stored::Witness { begun, tried, written, kept } => {
            Evidence::Witness { begun, tried, written, kept }
        }
        Stored::ServerLog(failure) => Evidence::ServerLog(failure.into()),
        Stored::Compared { word, case, outcome, other } => {
            Evidence::Compared { word, case, outcome, other }
        }
        Stored::Fault { name, about } => Evidence::Fault { name, about },
        Stored::Note(text) => Evidence::Note(text),
        Stored::More(more) => Evidence::More(more),
        _ => Evidence::Note(text),
    }
}

#[cfg(test)]
mod tests {
    use format::Code;
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_is_stored_as_text_and_data_and_old_text_is_still_read() {
        let evidence = vec![
            Evidence::Compared {
                word: "off".into(),
                case: "1a2b3c4d".into(),
                outcome: "job done".into(),
                other: true,
            },
            Evidence::More(2),
        ];
        let finding = Finding::new(Code::Unlinked, "m", evidence);
        let stored = serde_json::to_value(format::Finding::from(&finding)).unwrap();
        assert_eq!(stored["evidence"], json!(["off  case 1a2b3c4d: job done", "… and 2 more"]));
        assert_eq!(stored["data"][1], json!({"more": 2}));
        let read: format::Finding = serde_json::from_value(stored).unwrap();
        assert_eq!(Finding::from(read), finding);
        let old = json!({"code": "unlinked", "message": "m", "evidence": ["a", "b"]});
        let old: format::Finding = serde_json::from_value(old).unwrap();
        assert_eq!(Finding::from(old).evidence, ["a", "b"].map(|text| Evidence::Note(text.into())));
    }
}
