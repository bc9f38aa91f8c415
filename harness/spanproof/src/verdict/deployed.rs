//! Judges an existing system from its log, and from its database or a dump of it. A unit is one part of a job
//! and should leave spans. If the evidence fits several reasons for missing spans, the verdict is
//! undetermined, and its message asks for the missing evidence.

use super::evidence::{Evidence, limit};
use super::facts::{Facts, Match};
use super::finding::{Checks, Finding};
use super::gap::{Gap, gap_texts};
use super::judgement::{Judgement, conclude_checks};
use super::unclear_log::{of_another_service, of_another_time, unclear, unclear_lines};
use super::{finished, impossible, log_alone, missing, no_work, off, shared_spans, stage};
use crate::observation::{Deployment, LogFacts, Rows};
use crate::spec::{Banner, Condition, Intent, SpanRule, Value};
use spanproof_format::{Code, count_phrase};

/// A check of an existing system.
type Stage<'a> = fn(&System<'a>, &mut Checks);

/// Judges the evidence of an existing system.
pub(super) fn judge(facts: &Facts<'_>, deployment: &Deployment) -> Judgement {
    let mut checks = Checks::default();
    let recording = !is_off_on_purpose(facts);
    let has_database = deployment.database.is_some();
    let system = System { facts, deployment };
    let stages: &[Stage<'_>] = match (recording, has_database) {
        (false, _) => &[System::check_off],
        (true, false) => &[System::check_tracer, System::judge_log_alone],
        (true, true) => &[
            System::check_tracer,
            System::check_executed,
            System::check_owners,
            System::check_missing,
            System::check_finished,
            System::check_linked,
            System::check_joined,
            System::check_values,
        ],
    };
    for stage in stages {
        stage(&system, &mut checks);
        if !checks.is_clean() {
            break;
        }
    }
    conclude_checks(facts, recording, checks)
}

/// Whether the tracing flag has a value that means off. An unset flag does not count: the user asks why spans
/// are missing, so tracing should be on.
fn is_off_on_purpose(facts: &Facts<'_>) -> bool {
    if let Some(value) = user_flag_value(facts) {
        return value.intent() == Intent::Off && value != Value::Unset;
    }
    let is_off = |line: &Match<'_, Banner>| {
        let raw = line.report.raw.clone().filter(|raw| !raw.is_empty());
        !line.report.enabled && raw.is_some_and(|raw| Value::Set(raw).intent() == Intent::Off)
    };
    // If a process without a startup line began spans, that process does the work, and its tracing is on.
    let claims = &facts.startup_lines;
    !claims.is_empty() && claims.iter().all(is_off) && !facts.begun_without_startup_line(true)
}

/// The tracing flag's value according to the user; `None` if the user did not give one.
pub(super) fn user_flag_value(facts: &Facts<'_>) -> Option<Value> {
    let flag = facts.spec.tracing_flag()?;
    let mut flags = facts.observation.case.flags.iter();
    flags.find(|(name, _)| *name == flag.name).map(|(_, value)| value.clone())
}

/// An existing system: its evidence, and where the evidence comes from.
struct System<'a> {
    facts: &'a Facts<'a>,
    deployment: &'a Deployment,
}

impl System<'_> {
    fn log(&self) -> Option<&LogFacts> {
        self.deployment.log.as_ref().map(|log| &log.facts)
    }

    fn flag_name(&self) -> &str {
        self.facts.spec.tracing_flag().map_or("the tracing flag", |flag| &flag.name)
    }

    /// Tracing is off: the service must not report that it is on, and must record no span.
    fn check_off(&self, checks: &mut Checks) {
        off::check_startup_line(self.facts, checks);
        if checks.is_clean() {
            off::check_nothing_recorded(self.facts, checks);
        }
    }

    /// The service must report at startup that tracing is on, if the log contains its startup.
    fn check_tracer(&self, checks: &mut Checks) {
        let facts = self.facts;
        let stored = facts.spans.len();
        let has_begun = facts.begin_lines.iter().any(|line| line.report.enabled);
        // A process began only disabled spans, and its startup line is not in the log.
        let lacks_startup_line = !has_begun && facts.begun_without_startup_line(false);
        let Some(startup_line) = facts.startup_lines.first().filter(|_| !lacks_startup_line) else {
            return self.check_without_tracer_line(checks);
        };
        if let Some([on, off]) =
            facts.contradicting_startup_lines().filter(|_| !has_begun && stored == 0)
        {
            return checks.expect(false, || contradiction(on, off));
        }
        // If the log is from several processes, a span that began shows that tracing is on where work is done.
        let tracer_works = stored == 0 && has_begun;
        checks.expect(startup_line.report.enabled || tracer_works, || {
            if stored == 0 {
                return self.tracer_is_off(startup_line);
            }
            let spans = count_phrase(stored, "span is", "spans are");
            let message = format!("the tracer says that it is off, and {spans} stored");
            Finding::new(Code::BannerContradicts, message, vec![startup_line.into()])
        });
    }

    /// The finding for a service that reports at startup that its tracer is off.
    fn tracer_is_off(&self, startup_line: &Match<'_, Banner>) -> Finding {
        let flag = self.flag_name();
        let raw = startup_line.report.raw.as_deref();
        let user_setting = user_flag_value(self.facts).map(|value| format!("{flag}={value}"));
        let mut evidence = vec![Evidence::from(startup_line)];
        let note = |setting: &String| Evidence::Note(format!("should be set: {setting}"));
        evidence.extend(user_setting.iter().map(note));
        let disabled_begins = self.facts.begin_lines.iter().filter(|line| !line.report.enabled);
        let acknowledged = self.facts.written_count();
        // A value that means off is not misread: the process has a different value from the intended one.
        let is_other_value =
            raw.is_some_and(|raw| Value::Set(raw.to_owned()).intent() == Intent::Off);
        let mut message = match (raw, &user_setting) {
            (Some("") | None, None) => format!("the service saw {flag} unset or empty"),
            (Some("") | None, Some(setting)) => {
                format!("{setting} should be set, and the service saw it unset or empty")
            }
            (Some(raw), Some(setting)) if is_other_value => {
                format!(
                    "{setting} should be set, and the service saw {flag}={}",
                    Value::Set(raw.into())
                )
            }
            (Some(raw), _) => {
                format!(
                    "the service saw {flag}={}, which means on, and reads it as off",
                    Value::Set(raw.into())
                )
            }
        };
        if acknowledged > 0 {
            message.push_str("; it still reports success for spans, but wrote nothing");
            evidence.extend(Evidence::lines(&self.facts.written_lines));
        }
        evidence.extend(limit(disabled_begins.map(Evidence::from)));
        if raw.is_some_and(is_masked) {
            let message = format!(
                "the service says that tracing is off, and the log masks the value of {flag}"
            );
            return Finding::new(Code::Undetermined, message, evidence);
        }
        let value_is_lost = raw.is_none() || is_other_value;
        let code = if value_is_lost { Code::FlagUnset } else { Code::FlagUnrecognisedValue };
        Finding::new(code, message, evidence)
    }

    /// The log has no startup line about the tracer: a finding, unless something else shows that it is on.
    fn check_without_tracer_line(&self, checks: &mut Checks) {
        let facts = self.facts;
        let Some(log) = self.log() else { return };
        let has_begun = facts.begin_lines.iter().any(|line| line.report.enabled);
        // A tracer that failed to write is on, too.
        let has_worked = has_begun || !facts.refused_lines.is_empty() || !facts.spans.is_empty();
        if !facts.spec.probes.has_tracer() || has_worked {
            return;
        }
        let searched =
            format!("{}: {} lines, none from a tracer at its start", log.name, log.lines);
        let searched = Evidence::Note(searched);
        checks.expect(false, || {
            if !log.crashes.is_empty() && facts.units.is_empty() {
                let message = "the log reports a process that died, and has no line of a tracer";
                return Finding::new(Code::ProcessCrashed, message, [no_work::crashes(log), vec![searched]].concat());
            }
            let disabled_begins = Evidence::lines(&facts.begin_lines);
            if !disabled_begins.is_empty() {
                let message = "the log says at each span that the tracer is off, and lacks the startup line that \
                               shows why; look at the first lines after the start of the process";
                let evidence = [vec![searched], disabled_begins].concat();
                return Finding::new(Code::Undetermined, message, evidence);
            }
            let why = unclear_lines(log)
                .or_else(|| of_another_time(facts, log))
                .or_else(|| of_another_service(facts, log))
                .or_else(|| log.doubts.first().cloned());
            if let Some(why) = why {
                let unclear = log.unclear.iter().cloned().map(Evidence::Note);
                return Finding::new(Code::Undetermined, why, unclear.chain([searched]).collect());
            }
            if let Some(number) = log.last_start {
                let message =
                    format!("the service started (log:{number}), and no tracer line was printed");
                return Finding::new(Code::TracerNotConstructed, message, vec![searched]);
            }
            let message = "the log has no tracer line, and nothing shows that it contains the start of the \
                                   process: either no tracer was built, or the log begins later; get the log from the \
                                   start of the process, and check that it is from the process that does the work";
            Finding::new(Code::Undetermined, message, vec![searched])
        });
    }

    /// Without a database, the log can only show failed writes.
    fn judge_log_alone(&self, checks: &mut Checks) {
        checks.expect(false, || log_alone::finding(self.facts));
    }

    /// At least one unit must have been executed: otherwise no span is expected.
    fn check_executed(&self, checks: &mut Checks) {
        let facts = self.facts;
        let tables = &facts.spec.tables;
        for (name, rows) in [
            (&tables.jobs.table, &facts.observation.tables.jobs),
            (&tables.units.table, &facts.observation.tables.units),
        ] {
            let Rows::Unreadable(why) = rows else { continue };
            return checks.expect(false, || {
                let message =
                    format!("`{name}` can't be read, so it is not known what work was done: {why}");
                Finding::new(Code::Undetermined, message, Vec::new())
            });
        }
        checks.expect(!facts.units.is_empty(), || no_work::finding(facts, self.log()));
    }

    /// Every span without a unit's id must be known to belong to these jobs or to others.
    fn check_owners(&self, checks: &mut Checks) {
        match shared_spans::finding(self.facts, &self.deployment.shared_spans) {
            Some(finding) => checks.expect(false, || finding),
            None => checks.count(1),
        }
    }

    /// Every unit must have its spans. If not, the log and the rows show the reason, or leave it undetermined.
    fn check_missing(&self, checks: &mut Checks) {
        let facts = self.facts;
        let units = count_phrase(facts.units.len(), "unit was", "units were");
        let missing = gap_texts(facts);
        if missing.is_empty() {
            return checks.count(1);
        }
        if let Some(why) = &facts.unreadable
            && facts.refused_lines.is_empty()
        {
            return checks.expect(false, || {
                let message = format!("{units} executed, and their spans can't be read: {why}");
                Finding::new(Code::Undetermined, message, self.rows())
            });
        }
        if let Some(flag) = self.unknown_flag() {
            return checks.expect(false, || {
                let message = format!(
                    "{units} executed, and {}: whether the spec requires the missing ones depends on {flag}, whose value is not \
                     known; give it with `--flag {flag}=…`",
                    missing.join(", ")
                );
                Finding::new(Code::Undetermined, message, self.rows())
            });
        }
        // Rows in another table show where the spans are, so the log is not needed.
        if !self.deployment.other_tables.is_empty() {
            return missing::check_spans(facts, &[], checks);
        }
        let Some(log) = self.log() else {
            return checks.expect(false, || {
                let message = format!(
                    "{units} executed, and {}: without a log, it is not known whether the missing ones were \
                     never begun, refused or lost; give the service's log, from its start",
                    missing.join(", ")
                );
                Finding::new(Code::Undetermined, message, self.rows())
            });
        };
        if let Some(why) = unclear(facts, log) {
            return checks.expect(false, || {
                let message = format!("{units} executed, and {}; {why}", missing.join(", "));
                let unclear = log.unclear.iter().cloned().map(Evidence::Note);
                let evidence = unclear.chain(self.rows()).collect();
                Finding::new(Code::Undetermined, message, evidence)
            });
        }
        missing::check_spans(facts, &[], checks);
    }

    /// A flag other than the tracing flag that decides whether the spec requires the missing spans, and whose
    /// value the user did not give. `None` if some of these spans are required with any value, or the log
    /// shows that they began.
    fn unknown_flag(&self) -> Option<&str> {
        let facts = self.facts;
        let tracing = facts.spec.tracing_flag().map(|flag| flag.name.as_str());
        let is_given =
            |name: &str| facts.observation.case.flags.iter().any(|(flag, _)| flag == name);
        let is_unknown = |name: &&str| {
            facts.spec.flags.iter().any(|flag| flag.name == *name)
                && Some(*name) != tracing
                && !is_given(name)
        };
        let unknown_flag = |gap: &Gap<'_>| {
            let rules = facts.spec.spans.iter().filter(|rule| rule.name == gap.expected.name);
            let has_begun = facts.begin_line_count(gap.expected.name) > 0;
            let mut names = rules.flat_map(SpanRule::conditions).flat_map(Condition::terms);
            names.find(|(name, _)| is_unknown(name)).filter(|_| !has_begun).map(|(name, _)| name)
        };
        let flags: Option<Vec<&str>> = Gap::in_spec_order(facts).iter().map(unknown_flag).collect();
        flags?.first().copied().filter(|_| facts.refused_lines.is_empty())
    }

    /// The rows of units, and the number of spans.
    fn rows(&self) -> Vec<Evidence> {
        let mut lines = Evidence::units(self.facts);
        lines.push(Evidence::span_count(self.facts));
        lines
    }

    /// Every span must have ended. If a job has not ended, its open spans are reported as an unfinished job.
    fn check_finished(&self, checks: &mut Checks) {
        let jobs = &self.facts.spec.tables.jobs;
        let statuses = self.facts.jobs.iter().filter_map(|job| job.status.clone());
        let running: Vec<_> = statuses.filter(|status| !jobs.done.contains(status)).collect();
        let open = self.facts.spans.iter().filter(|span| !span.is_complete()).count();
        if running.is_empty() || open == 0 {
            return finished::check_finished(self.facts, checks);
        }
        checks.expect(false, || {
            let open = count_phrase(open, "span is", "spans are");
            let message = format!("{open} open, and the job is still `{}`", running.join(", "));
            Finding::new(Code::JobNotFinished, message, self.rows())
        });
    }

    fn check_linked(&self, checks: &mut Checks) {
        stage::check_linked(self.facts, checks);
    }

    fn check_values(&self, checks: &mut Checks) {
        impossible::check_values(self.facts, checks);
    }

    fn check_joined(&self, checks: &mut Checks) {
        stage::check_joined(self.facts, checks);
    }
}

/// Whether a log collector masked a value, for example with `***`.
fn is_masked(value: &str) -> bool {
    let hides = |mark: char| value.chars().filter(|c| *c == mark).count() >= 3;
    ['*', '•', 'x', 'X'].iter().any(|mark| hides(*mark) && value.chars().all(|c| c == *mark))
        || ["[REDACTED]", "[MASKED]", "[FILTERED]", "<redacted>", "REDACTED"]
            .iter()
            .any(|word| value.eq_ignore_ascii_case(word))
}

/// The finding for a log from processes that contradict each other, if no line shows which did the work.
fn contradiction(on: &Match<'_, Banner>, off: &Match<'_, Banner>) -> Finding {
    let name = |line: &Match<'_, Banner>| line.line.process.unwrap_or("another process").to_owned();
    let message = format!(
        "the log is from several processes: `{}` says that tracing is on and `{}` that it is off, and no line shows \
         which of them did the work; give only the log of that process",
        name(on),
        name(off)
    );
    Finding::new(Code::Undetermined, message, vec![on.into(), off.into()])
}
