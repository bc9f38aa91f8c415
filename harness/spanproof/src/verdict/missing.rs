//! Findings about missing spans: each gap gets the cause that the facts leave, or all that they leave.

use super::answer::answers;
use super::cause::{Conclusion, conclude};
use super::evidence::{Evidence, some};
use super::fact::{Answers, Question as Q};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::gap::Gap;
use super::stage;
use super::witness::{Fate, Testimony};
use crate::observation::Field;
use spanproof_format::{Alternative, Code, Stage};

/// Checks that no unit lacks a span. Gaps with the same cause are one finding.
pub(super) fn spans(facts: &Facts<'_>, peers: &[&Facts<'_>], checks: &mut Checks) {
    checks.count(facts.rules.len());
    let mut findings: Vec<Finding> = Vec::new();
    let gaps = Gap::find(facts);
    let first_units: Vec<&str> = gaps.iter().take(1).flat_map(Gap::unit_ids).collect();
    for gap in &gaps {
        let missing = Missing { facts, gap };
        let finding = missing.renamed().unwrap_or_else(|| {
            let answers = answers(facts, gap, peers, true);
            let conclusion = conclude(&answers);
            let finding = missing.finding(&answers, conclusion);
            if findings.is_empty() && facts.trial().is_some_and(|trial| trial.witness.is_some()) {
                checks.unaided(missing.unaided(peers));
            }
            finding
        });
        match findings.iter_mut().find(|other| is_same(other, &finding)) {
            // A flag that is off explains all spans alike.
            Some(other) if other.code.stage() <= Stage::Enabled => {}
            // So does the loss of all spans of a unit.
            Some(_) if !missing.is_apart(&first_units) => {}
            Some(other) => {
                other.evidence.push(Evidence::Note(format!("also: {}", missing.count())));
            }
            None => findings.push(finding),
        }
    }
    for finding in findings {
        checks.add(finding);
    }
}

/// What of each operation has fewer rows than units were executed.
pub(super) fn counts(facts: &Facts<'_>) -> Vec<String> {
    let text = |gap: &Gap<'_>| {
        format!("{} of {} `{}` spans are there", gap.stored, gap.wanted(), gap.rule.name)
    };
    Gap::in_spec_order(facts).iter().map(text).collect()
}

/// Whether two findings name the same cause with the same certainty.
fn is_same(one: &Finding, other: &Finding) -> bool {
    let causes = |finding: &Finding| {
        let possible = Alternative::possible_codes(&finding.alternatives);
        (finding.code, finding.confidence, possible)
    };
    causes(one) == causes(other)
}

/// The missing spans of one name.
struct Missing<'a> {
    facts: &'a Facts<'a>,
    gap: &'a Gap<'a>,
}

impl Missing<'_> {
    /// What is missing, in words.
    fn count(&self) -> String {
        let Self { facts, gap } = self;
        let (operation, stored, wanted) = (gap.rule.name, gap.stored, gap.wanted());
        if facts.spec.probes.has_attempt() && facts.attempts(operation) > 0 {
            let begun = facts.attempts(operation);
            return format!("{begun} `{operation}` spans were begun and {stored} stored");
        }
        let units = facts.units.len();
        let of = if wanted == units { String::new() } else { format!(" of {wanted}") };
        format!("{units} units left {stored}{of} `{operation}` spans")
    }

    /// Whether other units lack this span than those of the first gap.
    fn is_apart(&self, first_units: &[&str]) -> bool {
        self.gap.unit_ids().ne(first_units.iter().copied())
    }

    /// The finding where spans of another name or service stand in the place of the missing ones.
    fn renamed(&self) -> Option<Finding> {
        let Self { facts, gap } = self;
        let strangers = gap.replacements(facts)?;
        let message = format!(
            "{} units left {} `{}` spans, and {} spans that no `[[span]]` names",
            facts.units.len(),
            gap.stored,
            gap.rule.name,
            strangers.len()
        );
        let fields = [Field::Service, Field::Unit];
        let lines = some(strangers.iter().map(|span| Evidence::span(facts, span, &fields)));
        Some(Finding::new(Code::WrongAttributes, message, lines))
    }

    /// The code without the testimony of the witness.
    fn unaided(&self, peers: &[&Facts<'_>]) -> Code {
        let answers = answers(self.facts, self.gap, peers, false);
        code(&answers, &conclude(&answers))
    }

    fn finding(&self, answers: &Answers, conclusion: Conclusion) -> Finding {
        let code = code(answers, &conclusion);
        let finding = match code {
            Code::FlagUnset | Code::FlagUnrecognisedValue if answers.is_yes(Q::ClaimedOff) => {
                let banner = &self.facts.banners[0];
                stage::disabled(self.facts, banner)
            }
            Code::Undetermined => {
                Finding::new(code, self.undetermined(&conclusion), self.evidence(answers))
            }
            Code::PathNotExecuted if answers.is_yes(Q::NoBeginLine) => {
                let (units, operation) = (self.facts.units.len(), self.gap.rule.name);
                let message = format!(
                    "{units} units were executed{}, and {} `{operation}` spans were begun: their work runs outside \
                     the tracer",
                    by_route(self.facts),
                    self.facts.attempts(operation)
                );
                Finding::new(code, message, self.evidence(answers))
            }
            _ => {
                let message = format!("{}: {}", self.count(), self.reason(code, answers));
                Finding::new(code, message, self.evidence(answers))
            }
        };
        // The finding of the flag knows whether the service read the value at all.
        let Conclusion { confidence, alternatives, .. } = conclusion;
        Finding { confidence, alternatives, ..finding }
    }

    fn undetermined(&self, conclusion: &Conclusion) -> String {
        let possible = Alternative::possible_codes(&conclusion.alternatives);
        let possible: Vec<_> = possible.into_iter().map(Code::text).collect();
        let fits = match possible[..] {
            [] => "the evidence fits no known reason".to_owned(),
            _ => format!("the evidence fits {}", possible.join(", ")),
        };
        format!("{}, and {fits}; {}", self.count(), self.next())
    }

    /// What would decide.
    fn next(&self) -> String {
        let facts = self.facts;
        let dropped = facts.observation.dropped_bytes();
        if dropped > 0 {
            return format!(
                "{dropped} bytes of output were too many to keep, and the lines may be among them; make the \
                 service print less"
            );
        }
        if let Some(deployment) = facts.observation.deployment() {
            return match &deployment.database {
                None => "give the database or a dump of it".to_owned(),
                Some(place) => format!(
                    "check that `{place}` is the database that the service is given: a preflight tries to write a \
                     span there, and a case with the server as a witness shows what becomes of one"
                ),
            };
        }
        if facts.trial().is_some_and(|trial| trial.witness.is_none()) {
            return "run the case with the server as a witness to decide".to_owned();
        }
        if !facts.spec.probes.has_attempt() {
            return "give the spec a probe `attempt`, or a route whose units leave spans, to decide"
                .to_owned();
        }
        "run the same work in another way to decide: by another route, or with another value of the flag"
            .to_owned()
    }

    /// The reason for a code, in words.
    fn reason(&self, code: Code, answers: &Answers) -> String {
        let facts = self.facts;
        let route = by_route(facts);
        match code {
            Code::PathNotExecuted => {
                format!("the work{route} runs outside the tracer")
            }
            Code::TracerNotConstructed => {
                format!("{} is set, and no tracer line was printed at startup", stage::setting(facts))
            }
            Code::FlagUnrecognisedValue => {
                format!("{} means on, and another value records", stage::setting(facts))
            }
            Code::SdkDisabled => {
                "a variable of OpenTelemetry's own switches its SDK or its exporter off".to_owned()
            }
            Code::SampledOut => "the sampler drops their traces".to_owned(),
            Code::NeverSent => {
                "they began, and no statement for them ever reached the server: dropped by the service's own \
                 sampler or queue, or never flushed"
                    .to_owned()
            }
            Code::LostAtExit => "the process ended before it had written them".to_owned(),
            Code::ExportFailed => "the exporter could not deliver them".to_owned(),
            Code::WrongDestination => elsewhere(answers),
            _ => self.write_failure(answers),
        }
    }

    /// What the server did with the rows.
    fn write_failure(&self, answers: &Answers) -> String {
        let Some(testimony) = Testimony::from_facts(self.facts) else { return refusal(answers) };
        let reason = testimony.reason().unwrap_or_default();
        match testimony.fate() {
            Fate::NeverConnected => format!("the server let nobody in, {reason}"),
            Fate::Refused => format!("the server refused the statement before it ran, {reason}"),
            Fate::CutOff => format!("the statement was ended from outside, {reason}"),
            Fate::Rejected => format!("the server rejected the row, {reason}"),
            Fate::Poisoned => format!("good rows were lost together with a bad one, {reason}"),
            Fate::LostAtCommit => format!("written, and lost at the commit, {reason}"),
            Fate::Undone => "written in a transaction that was never committed".to_owned(),
            Fate::Removed => "written, and deleted later".to_owned(),
            Fate::Discarded => {
                "the server took the rows, told no error and kept none: a trigger, or a \
                                conflict that is to be ignored"
                    .to_owned()
            }
            Fate::NeverTried | Fate::Empty | Fate::Elsewhere => match testimony.taker() {
                Some(spot) => {
                    format!("the server took the rows, told no error and kept none: {}", spot.what)
                }
                None => refusal(answers),
            },
        }
    }

    /// What shows the reason: the errors, the lines of the service, the rows.
    fn evidence(&self, answers: &Answers) -> Vec<Evidence> {
        let mut all: Vec<Evidence> = Vec::new();
        let questions = [
            Q::ExporterError,
            Q::LibraryOff,
            Q::SampledOut,
            Q::LostTraces,
            Q::Untraced,
            Q::Named,
            Q::Unsent,
            Q::Elsewhere,
            Q::Denied,
            Q::Refused,
            Q::Undone,
            Q::Removed,
            Q::Discarded,
            Q::Killed,
            Q::NoTracerLine,
            Q::OtherRoute,
            Q::OtherValue,
            Q::Begun,
            Q::Acknowledged,
        ];
        if answers.is_yes(Q::NoBeginLine) {
            all.extend(self.facts.banners.iter().map(Evidence::from));
        }
        all.extend_from_slice(answers.evidence(Q::Reported));
        all.extend_from_slice(answers.evidence(Q::NoBeginLine));
        all.extend(Testimony::from_facts(self.facts).iter().flat_map(Testimony::lines));
        for question in questions {
            let new = answers.evidence(question).iter().filter(|one| !all.contains(one));
            let new: Vec<_> = new.cloned().collect();
            all.extend(new);
        }
        if !answers.is_yes(Q::Begun) {
            all.extend(Evidence::units(self.facts));
        }
        // Where nothing of this name was begun, the whole table matters.
        all.push(if answers.is_yes(Q::NoBeginLine) {
            Evidence::span_count(self.facts)
        } else {
            self.rows()
        });
        all.extend(self.arrival());
        all
    }

    /// When the spans that are there came: in time, or only because the service stopped.
    fn arrival(&self) -> Option<Evidence> {
        let before = self.facts.trial()?.spans_before_stop?;
        let all = u64::try_from(self.facts.spans.len()).unwrap_or(u64::MAX);
        let late = all.saturating_sub(before);
        Some(Evidence::Note(format!(
            "stop: {before} spans were stored before the service was asked to stop, {late} after that"
        )))
    }

    fn rows(&self) -> Evidence {
        match Evidence::span_count(self.facts) {
            Evidence::RowCount { table, rows, .. } => {
                let of = Some((self.gap.rule.name.to_owned(), rows));
                Evidence::RowCount { table, rows: self.gap.stored, of }
            }
            unreadable => unreadable,
        }
    }
}

/// What the server's log says about the spans, and whether the service reports it.
fn refusal(answers: &Answers) -> String {
    let errors = answers.evidence(Q::Refused).iter().chain(answers.evidence(Q::Denied));
    let mut errors = errors.filter_map(|evidence| match evidence {
        Evidence::ServerLog(error) => Some(error),
        _ => None,
    });
    let says = if is_reported(answers) {
        "the service reports the failures"
    } else {
        "the service reports no failure"
    };
    match errors.next() {
        Some(error) => {
            format!("the server refused them, {} {}; {says}", error.state, error.message)
        }
        None => says.to_owned(),
    }
}

/// The tables that have the rows.
fn elsewhere(answers: &Answers) -> String {
    let tables = answers.evidence(Q::Elsewhere).iter().filter_map(|evidence| match evidence {
        Evidence::Elsewhere { table, .. } => Some(format!("`{table}`")),
        _ => None,
    });
    format!("the rows are in another table: {}", tables.collect::<Vec<_>>().join(", "))
}

/// The code of a conclusion. Whether the service reports a failed write is no cause of its own.
fn code(answers: &Answers, conclusion: &Conclusion) -> Code {
    match conclusion.cause.map(|cause| cause.code) {
        Some(Code::WriteFailedSilent) if is_reported(answers) => Code::WriteFailedReported,
        Some(code) => code,
        None => Code::Undetermined,
    }
}

/// Whether the service or its exporter reports that spans are lost.
fn is_reported(answers: &Answers) -> bool {
    answers.is_yes(Q::Reported) || answers.is_yes(Q::ExporterError)
}

/// ` by route …`, where that is known.
fn by_route(facts: &Facts<'_>) -> String {
    match facts.observation.case.route.as_str() {
        "" => String::new(),
        route => format!(" by route `{route}`"),
    }
}
