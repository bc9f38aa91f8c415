//! Findings about missing spans. A unit is one part of a job; a gap is the set of units that lack spans
//! of one name. Facts exclude possible causes of a gap. The finding names the cause that is left, or is
//! `undetermined` and names all causes that are left. The witness, if there is one, is a set of triggers
//! that log each attempt to insert a span.

use super::answer::answers;
use super::cause::{Conclusion, conclude};
use super::evidence::{Evidence, limit};
use super::fact::{Answers, Question as Q};
use super::facts::Facts;
use super::finding::{Checks, Finding};
use super::funnel::has_unknown_spans;
use super::gap::Gap;
use super::judgement::how_to_keep_all_lines;
use super::refusal::{is_reported, other_tables, refusal, unended};
use super::running_statement;
use super::stage;
use super::witness::{Fate, Testimony};
use crate::observation::{BlindSpot, Field};
use spanproof_format::{Alternative, Code, Stage};

/// Checks that no unit lacks a span. Gaps with the same cause become one finding. `peers` are other
/// cases of the same run.
pub(super) fn check_spans(facts: &Facts<'_>, peers: &[&Facts<'_>], checks: &mut Checks) {
    checks.count(facts.expected_spans.len());
    let mut findings: Vec<Finding> = Vec::new();
    let gaps = Gap::find(facts);
    let first_units: Vec<&str> = gaps.iter().take(1).flat_map(Gap::unit_ids).collect();
    for gap in &gaps {
        let missing = Missing { facts, gap };
        let finding = missing.replacement_finding().unwrap_or_else(|| {
            let answers = answers(facts, gap, peers, true);
            let conclusion = conclude(&answers);
            let finding = missing.finding(&answers, conclusion);
            if findings.is_empty() && facts.trial().is_some_and(|trial| trial.witness.is_some()) {
                checks.set_code_without_witness(missing.code_without_witness(peers));
            }
            finding
        });
        match findings.iter_mut().find(|other| other.causes() == finding.causes()) {
            // If tracing is off, all spans are missing: no need to list their names.
            Some(other) if other.code.stage() <= Stage::Enabled => {}
            // If the same units lack these spans, too, their names need not be listed either.
            Some(_) if missing.has_units(&first_units) => {}
            Some(other) => {
                other.evidence.push(Evidence::Note(format!("also: {}", missing.count_text())));
            }
            None => findings.push(finding),
        }
    }
    for finding in findings {
        checks.add(finding);
    }
}

/// One gap, and the evidence of its case.
struct Missing<'a> {
    facts: &'a Facts<'a>,
    gap: &'a Gap<'a>,
}

impl Missing<'_> {
    /// How many spans are stored, and how many were begun or should be stored, as text.
    fn count_text(&self) -> String {
        let Self { facts, gap } = self;
        let (name, stored, required) = (gap.expected.name, gap.stored, gap.required());
        if has_unknown_spans(facts) {
            let begun = match facts.begin_line_count(name) {
                0 => format!("{} units were executed", facts.units.len()),
                begun => format!("{begun} `{name}` spans were begun"),
            };
            return format!("{begun}, and the table of spans can't be read");
        }
        if facts.spec.probes.has_attempt() && facts.begin_line_count(name) > 0 {
            let begun = facts.begin_line_count(name);
            return format!("{begun} `{name}` spans were begun and {stored} stored");
        }
        let units = facts.units.len();
        let of = if required == units { String::new() } else { format!(" of {required}") };
        format!("{units} units left {stored}{of} `{name}` spans")
    }

    /// Whether exactly the units with these ids lack spans.
    fn has_units(&self, ids: &[&str]) -> bool {
        self.gap.unit_ids().eq(ids.iter().copied())
    }

    /// The finding if the service recorded the missing spans under another name or service name; `None`
    /// if it did not.
    fn replacement_finding(&self) -> Option<Finding> {
        let Self { facts, gap } = self;
        let replacements = gap.replacements(facts)?;
        let (units, name, stored) = (facts.units.len(), gap.expected.name, gap.stored);
        let is_other_service = replacements.iter().all(|span| span.name.as_deref() == Some(name));
        let found = if is_other_service {
            format!("of another service than `{}`", facts.spec.service.name)
        } else {
            "that no `[[span]]` names".to_owned()
        };
        let message = format!(
            "{units} units left {stored} `{name}` spans, and {} spans {found}",
            replacements.len()
        );
        let fields = [Field::Service, Field::Unit];
        let lines = limit(replacements.iter().map(|span| Evidence::span(facts, span, &fields)));
        Some(Finding::new(Code::WrongAttributes, message, lines))
    }

    /// The code that the finding would have without the witness's evidence.
    fn code_without_witness(&self, peers: &[&Facts<'_>]) -> Code {
        let answers = answers(self.facts, self.gap, peers, false);
        code(&answers, &conclude(&answers))
    }

    fn finding(&self, answers: &Answers, conclusion: Conclusion) -> Finding {
        let code = code(answers, &conclusion);
        let mut conclusion = self.with_code_of_process_that_is_off(conclusion);
        if is_reported(answers) {
            let silent = conclusion.alternatives.iter_mut();
            for one in silent.filter(|one| one.code == Code::WriteFailedSilent) {
                one.code = Code::WriteFailedReported;
            }
        }
        let finding = match code {
            Code::FlagUnset | Code::FlagUnrecognisedValue if answers.is_yes(Q::ClaimedOff) => {
                // `reported_off` may choose the other one of these two codes. If processes disagree, the
                // process that says off does the work.
                let lines = &self.facts.startup_lines;
                let off = lines.iter().find(|line| !line.report.enabled).unwrap_or(&lines[0]);
                stage::reported_off(self.facts, off)
            }
            Code::Undetermined => Finding::new(
                code,
                self.undetermined_text(answers, &conclusion),
                self.evidence(answers),
            ),
            Code::PathNotExecuted if answers.is_yes(Q::NoBeginLine) => {
                let (units, name) = (self.facts.units.len(), self.gap.expected.name);
                let message = format!(
                    "{units} units were executed{}, and {} `{name}` spans were begun: their work runs outside the \
                     tracer",
                    by_route(self.facts),
                    self.facts.begin_line_count(name)
                );
                Finding::new(code, message, self.evidence(answers))
            }
            _ => {
                let message = format!("{}: {}", self.count_text(), self.reason(code, answers));
                Finding::new(code, message, self.evidence(answers))
            }
        };
        let Conclusion { confidence, alternatives, .. } = conclusion;
        Finding { confidence, alternatives, ..finding }
    }

    /// If one process says that tracing is on and another one that it is off, uses the code of the latter: it
    /// shows whether the flag was unset or not recognised.
    fn with_code_of_process_that_is_off(&self, mut conclusion: Conclusion) -> Conclusion {
        let all = conclusion.alternatives.iter_mut();
        let flag = all.filter(|one| one.code == Code::FlagUnrecognisedValue).last();
        if let (Some(one), Some([_, off])) = (flag, self.facts.contradicting_startup_lines()) {
            one.code = stage::reported_off(self.facts, off).code;
        }
        conclusion
    }

    /// The message if several causes are possible, or none.
    fn undetermined_text(&self, answers: &Answers, conclusion: &Conclusion) -> String {
        let possible = Alternative::possible_codes(&conclusion.alternatives);
        let writes = [Code::WriteFailedSilent, Code::WriteFailedReported, Code::BatchPoisoned];
        let is_about_write = |code: &Code| writes.contains(code);
        let next = if !possible.is_empty() && possible.iter().all(is_about_write) {
            "to decide, insert each span with a statement of its own: the server then refuses only the invalid rows"
                .to_owned()
        } else {
            self.next_step(answers)
        };
        let possible: Vec<_> = possible.into_iter().map(Code::text).collect();
        let fits = match possible[..] {
            [] => "the evidence fits no known reason".to_owned(),
            _ => format!("the evidence fits {}", possible.join(", ")),
        };
        format!("{}, and {fits}; {next}", self.count_text())
    }

    /// What the user can do to get more evidence.
    fn next_step(&self, answers: &Answers) -> String {
        let facts = self.facts;
        let dropped_bytes = facts.observation.dropped_bytes();
        if dropped_bytes > 0 {
            return format!(
                "{dropped_bytes} bytes of output exceeded the limit and were dropped, and the missing lines may be \
                 among them; {}",
                how_to_keep_all_lines(facts)
            );
        }
        if let Some(deployment) = facts.observation.deployment() {
            return match &deployment.database {
                None => "give the database or a dump of it".to_owned(),
                Some(place) => format!(
                    "check that the service uses the database `{place}`: a preflight tries to insert a span there, and \
                     a case with the witness shows what happens to each insert"
                ),
            };
        }
        if facts.trial().is_some_and(|trial| trial.witness.is_none() && !trial.is_later_job) {
            return "to decide, run the case with the witness, which logs each insert of a span"
                .to_owned();
        }
        if answers.is_yes(Q::Arriving) {
            return "to decide, raise `flush-ms`, or let the service write all spans before it exits"
                .to_owned();
        }
        let has_other_way = answers.is_yes(Q::OtherRoute) || answers.is_yes(Q::OtherValue);
        let step = match (facts.spec.probes.has_attempt(), has_other_way) {
            (false, true) => {
                "to decide, add the probe `attempt`, which matches the line at the start of a span"
            }
            (false, false) => {
                "to decide, add the probe `attempt`, which matches the line at the start of a span, or a route whose \
                 units leave spans"
            }
            (true, true) => {
                "to decide, let the service print a line that `attempt` matches at the start of each span"
            }
            (true, false) => {
                "to decide, run the same work by another route, or with another value of the flag"
            }
        };
        step.to_owned()
    }

    /// Explains a code in words.
    fn reason(&self, code: Code, answers: &Answers) -> String {
        let facts = self.facts;
        match code {
            Code::PathNotExecuted => {
                format!("the work{} runs outside the tracer", by_route(facts))
            }
            Code::TracerNotConstructed => {
                let setting = stage::flag_setting(facts);
                format!("{setting} is set, and no tracer line was printed at startup")
            }
            Code::FlagUnrecognisedValue => {
                format!("{} means on to a person, and the spans are stored with another value", stage::flag_setting(facts))
            }
            Code::SdkDisabled => {
                "an environment variable of OpenTelemetry switches its SDK or exporter off".to_owned()
            }
            Code::SampledOut => "the sampler drops their traces".to_owned(),
            Code::NeverSent => {
                "they began, and no statement for them ever reached the server: dropped by the service's own \
                 sampler or queue, never flushed, or never ended"
                    .to_owned()
            }
            Code::LostAtExit => "the process ended before it had written them".to_owned(),
            Code::ExportFailed => "the exporter could not deliver them".to_owned(),
            Code::WrongDestination => other_tables(answers),
            _ => self.write_failure(code, answers),
        }
    }

    /// Explains what the database server did with the rows of the spans.
    fn write_failure(&self, code: Code, answers: &Answers) -> String {
        let is_failure = [Code::WriteFailedSilent, Code::WriteFailedReported].contains(&code);
        let is_running = running_statement::is_running(self.facts) && !answers.is_yes(Q::Reported);
        if is_failure && !answers.is_yes(Q::Refused) && (is_running || answers.is_yes(Q::Unended)) {
            return unended(answers);
        }
        let Some(testimony) = Testimony::from_facts(self.facts) else { return refusal(answers) };
        let reason = testimony.reason().unwrap_or_default();
        match testimony.fate() {
            Fate::NeverConnected => format!("the server let nobody in, {reason}"),
            Fate::StatementRefused => {
                format!("the server refused the statement, {reason}")
            }
            Fate::CutOff => format!("the server canceled the statement, {reason}"),
            Fate::RowRefused => format!("the server rejected the row, {reason}"),
            Fate::Poisoned => format!("valid rows were lost together with an invalid one, {reason}"),
            Fate::UndoneByUpdate => {
                format!("written, and undone because an update in the same transaction failed, {reason}")
            }
            Fate::LostAtCommit => format!("written, and lost at the commit, {reason}"),
            Fate::Undone => "written in a transaction that was never committed".to_owned(),
            Fate::Removed => "written, and deleted later".to_owned(),
            Fate::Overwritten => "written, and overwritten by other spans later".to_owned(),
            Fate::Discarded => {
                "the server accepted the rows without an error and stored none: a trigger or `on conflict do nothing` \
                 dropped them"
                    .to_owned()
            }
            Fate::NeverTried | Fate::Empty | Fate::Elsewhere => {
                match testimony.discarding_blind_spot() {
                    Some(BlindSpot { what, .. }) => {
                        format!("the server accepted the rows without an error and stored none: {what}")
                    }
                    None => refusal(answers),
                }
            }
        }
    }

    /// The evidence of the reason: errors, lines of the service, and rows.
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
            Q::Unended,
            Q::Reached,
            Q::Arriving,
            Q::QueryFailed,
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
        let do_processes_contradict = self.facts.contradicting_startup_lines().is_some();
        if answers.is_yes(Q::NoBeginLine) || do_processes_contradict {
            all.extend(self.facts.startup_lines.iter().map(Evidence::from));
        }
        all.extend_from_slice(answers.evidence(Q::Reported));
        all.extend_from_slice(answers.evidence(Q::NoBeginLine));
        all.extend(Testimony::from_facts(self.facts).iter().flat_map(Testimony::evidence));
        for question in questions {
            let new = answers.evidence(question).iter().filter(|one| !all.contains(one));
            let new: Vec<_> = new.cloned().collect();
            all.extend(new);
        }
        if !answers.is_yes(Q::Begun) {
            all.extend(Evidence::units(self.facts));
        }
        all.push(if answers.is_yes(Q::NoBeginLine) {
            Evidence::span_count(self.facts)
        } else {
            self.named_span_count()
        });
        all.extend(self.gap.common_status(self.facts).map(|status| {
            Evidence::Note(format!("all units with status {status} lack them, and no others"))
        }));
        all.extend(self.time_of_storage());
        all
    }

    /// How many spans were stored before the service was asked to stop; `None` if that is not known.
    fn time_of_storage(&self) -> Option<Evidence> {
        let before = self.facts.trial()?.spans_before_stop?;
        let all = u64::try_from(self.facts.spans.len()).unwrap_or(u64::MAX);
        let after = all.saturating_sub(before);
        Some(Evidence::Note(format!(
            "stop: {before} spans were stored before the service was asked to stop, {after} after that"
        )))
    }

    /// The number of stored spans of the gap's name, and of all stored spans.
    fn named_span_count(&self) -> Evidence {
        match Evidence::span_count(self.facts) {
            Evidence::RowCount { table, rows: all, .. } => {
                let of = Some((self.gap.expected.name.to_owned(), all));
                Evidence::RowCount { table, rows: self.gap.stored, of }
            }
            unreadable => unreadable,
        }
    }
}

/// The code of a conclusion. The cause `WriteFailedSilent` has another code if the service reports the
/// failure.
fn code(answers: &Answers, conclusion: &Conclusion) -> Code {
    match conclusion.cause.map(|cause| cause.code) {
        Some(Code::WriteFailedSilent) if is_reported(answers) => Code::WriteFailedReported,
        Some(code) => code,
        None => Code::Undetermined,
    }
}

/// Returns ` by route …`; empty if the route is not known.
fn by_route(facts: &Facts<'_>) -> String {
    match facts.observation.case.route.as_str() {
        "" => String::new(),
        route => format!(" by route `{route}`"),
    }
}
