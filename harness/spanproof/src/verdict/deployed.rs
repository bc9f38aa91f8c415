//! Judging an existing system: the same funnel, with less that is known. Whatever was
//! not seen leaves the verdict undetermined, with what would decide it.

use super::evidence::{Evidence, some};
use super::facts::{Facts, Match};
use super::finding::{Checks, Finding};
use super::judgement::{Judgement, closed};
use super::{missing, off, stage};
use crate::observation::{Deployment, LogFacts, Rows};
use crate::spec::{Banner, Intent, Value};
use spanproof_format::Code;

/// Judges what was found of a system.
pub(super) fn judge(facts: &Facts<'_>, deployment: &Deployment) -> Judgement {
    let mut checks = Checks::default();
    let recording = !off_on_purpose(facts);
    let scene = Scene { facts, deployment };
    for stage in stages(recording, deployment.database.is_some()) {
        stage(&scene, &mut checks);
        if !checks.is_clean() {
            break;
        }
    }
    closed(facts, recording, checks)
}

/// One stage of the funnel.
type Stage<'a> = fn(&Scene<'a>, &mut Checks);

/// The stages that can be judged.
fn stages<'a>(recording: bool, database: bool) -> Vec<Stage<'a>> {
    match (recording, database) {
        (false, _) => vec![Scene::off],
        (true, false) => vec![Scene::constructed, Scene::log_alone],
        (true, true) => vec![
            Scene::constructed,
            Scene::executed,
            Scene::missing,
            Scene::finished,
            Scene::linked,
            Scene::joined,
        ],
    }
}

/// Whether tracing is off because somebody wants it to be. That a flag is not set is no such wish:
/// whoever asks where spans are wants some.
fn off_on_purpose(facts: &Facts<'_>) -> bool {
    if let Some(given) = given(facts) {
        return given.intent() == Intent::Off && given != Value::Unset;
    }
    let banner = facts.banners.last().map(|said| &said.what);
    banner.is_some_and(|banner| {
        let raw = banner.raw.clone().filter(|raw| !raw.is_empty());
        !banner.enabled && raw.is_some_and(|raw| Value::Set(raw).intent() == Intent::Off)
    })
}

/// The tracing flag's value, where somebody said it.
pub(super) fn given(facts: &Facts<'_>) -> Option<Value> {
    let flag = facts.spec.tracing_flag()?;
    let mut flags = facts.observation.case.flags.iter();
    flags.find(|(name, _)| *name == flag.name).map(|(_, value)| value.clone())
}

/// What was found, and how it was looked for.
struct Scene<'a> {
    facts: &'a Facts<'a>,
    deployment: &'a Deployment,
}

impl Scene<'_> {
    fn log(&self) -> Option<&LogFacts> {
        self.deployment.log.as_ref().map(|log| &log.facts)
    }

    fn flag(&self) -> &str {
        self.facts.spec.tracing_flag().map_or("the tracing flag", |flag| &flag.name)
    }

    fn off(&self, checks: &mut Checks) {
        off::banner(self.facts, checks);
        if checks.is_clean() {
            off::silent(self.facts, checks);
        }
    }

    /// Stages 1 to 3: what the service says of its tracer, if the log holds it.
    fn constructed(&self, checks: &mut Checks) {
        let facts = self.facts;
        let stored = facts.spans.len();
        let Some(banner) = facts.banners.last() else {
            return self.without_banner(checks);
        };
        checks.expect(banner.what.enabled, || {
            if stored == 0 {
                return self.disabled(banner);
            }
            let message = format!("the tracer says that it is off, and {stored} spans are stored");
            Finding::new(Code::BannerContradicts, message, vec![banner.into()])
        });
    }

    /// The finding for a tracer that says it is off.
    fn disabled(&self, banner: &Match<'_, Banner>) -> Finding {
        let flag = self.flag();
        let raw = banner.what.raw.as_deref();
        let told = given(self.facts).map(|value| format!("{flag}={value}"));
        let mut lines = vec![Evidence::from(banner)];
        lines.extend(told.iter().map(|told| Evidence::Note(format!("said to be set: {told}"))));
        let idle = self.facts.attempts.iter().filter(|found| !found.what.enabled);
        let acknowledged = self.facts.acknowledged.len();
        let mut message = match (raw, &told) {
            (Some("") | None, None) => format!("the service saw {flag} unset or empty"),
            (Some("") | None, Some(told)) => {
                format!("{told} is said to be set, and the service saw it unset or empty")
            }
            (Some(raw), _) => {
                format!(
                    "the service saw {flag}={}, which means on, and reads it as off",
                    Value::Set(raw.into())
                )
            }
        };
        if acknowledged > 0 {
            message.push_str(
                "; that it reports success at spans all the same means nothing was written",
            );
            lines.extend(Evidence::lines(&self.facts.acknowledged));
        }
        lines.extend(some(idle.map(Evidence::from)));
        let unset = raw.is_none_or(str::is_empty);
        Finding::new(
            if unset { Code::FlagUnset } else { Code::FlagUnrecognisedValue },
            message,
            lines,
        )
    }

    fn without_banner(&self, checks: &mut Checks) {
        let facts = self.facts;
        let Some(log) = self.log() else { return };
        let enabled = facts.attempts.iter().any(|said| said.what.enabled);
        if !facts.spec.probes.has_tracer() || enabled || !facts.spans.is_empty() {
            return;
        }
        let searched =
            format!("{}: {} lines, none from a tracer at its start", log.name, log.lines);
        let searched = Evidence::Note(searched);
        checks.expect(false, || {
            if !log.crashes.is_empty() && facts.units.is_empty() {
                let message = "the log tells of a process that died, and of no tracer";
                return Finding::new(Code::ProcessCrashed, message, [crashes(log), vec![searched]].concat());
            }
            let idle = Evidence::lines(&facts.attempts);
            if !idle.is_empty() {
                let message = "the tracer was off at each span, and the line that says why is not in the log; \
                               look at the first lines after the start of the process";
                return Finding::new(Code::Undetermined, message, [vec![searched], idle].concat());
            }
            if let Some(number) = log.last_start {
                let message =
                    format!("the service started (log:{number}), and no tracer line was printed");
                return Finding::new(Code::TracerNotConstructed, message, vec![searched]);
            }
            let message = "no tracer line is in the log, and nothing says that the log holds the start of \
                                   the process: a tracer that was never built and a log that begins later look alike; \
                                   get the log from the start of the process, and check that it is of the process \
                                   that does the work";
            Finding::new(Code::Undetermined, message, vec![searched])
        });
    }

    /// Without a database: what the log alone tells.
    fn log_alone(&self, checks: &mut Checks) {
        let Facts { refused, attempts, acknowledged, .. } = self.facts;
        checks.expect(false, || {
            if !refused.is_empty() {
                let message = format!("{} spans were begun, and {} writes failed", attempts.len(), refused.len());
                return Finding::new(Code::WriteFailedReported, message, Evidence::lines(refused));
            }
            let banners: Vec<_> = self.facts.banners.iter().map(Evidence::from).collect();
            let message = match (attempts.len(), acknowledged.len()) {
                (0, _) => "the tracer is on, and no span was begun: no job ran here, or its work runs outside the \
                           tracer; give the database or a dump of it, which tells whether work was done"
                    .to_owned(),
                (begun, written) => format!(
                    "the tracer is on, {begun} spans were begun and {written} reported as written; the database or a dump of \
                     it shows whether their rows are complete and linked"
                ),
            };
            Finding::new(Code::Undetermined, message, [banners, Evidence::lines(acknowledged)].concat())
        });
    }

    /// Stage 4: there is work that should have left spans.
    fn executed(&self, checks: &mut Checks) {
        let facts = self.facts;
        let tables = &facts.spec.tables;
        for (name, rows) in [
            (&tables.jobs.table, &facts.observation.tables.jobs),
            (&tables.units.table, &facts.observation.tables.units),
        ] {
            let Rows::Unreadable(why) = rows else { continue };
            return checks.expect(false, || {
                let message =
                    format!("`{name}` can't be read, so nobody knows what work was done: {why}");
                Finding::new(Code::Undetermined, message, Vec::new())
            });
        }
        checks.expect(!facts.units.is_empty(), || self.no_work());
    }

    fn no_work(&self) -> Finding {
        let jobs = &self.facts.spec.tables.jobs;
        let statuses = self.facts.jobs.iter().filter_map(|job| job.status.clone());
        let statuses: Vec<String> = statuses.collect();
        let all = |known: &[String]| {
            !statuses.is_empty() && statuses.iter().all(|status| known.contains(status))
        };
        let lines = Evidence::jobs(self.facts, true);
        let crashes = self.log().map(crashes).unwrap_or_default();
        let told = statuses.join(", ");
        let (code, message) = if !crashes.is_empty() {
            (
                Code::ProcessCrashed,
                format!(
                    "the log tells of a process that died; the job is `{told}`, and nothing of it was executed"
                ),
            )
        } else if all(&jobs.waiting) {
            (
                Code::JobNotPickedUp,
                format!("the job is `{told}`, and nothing of it was executed: nobody took it"),
            )
        } else if all(&jobs.done) {
            (Code::JobFailedEarly, format!("the job is `{told}`, and nothing of it was executed"))
        } else {
            (
                Code::JobNotFinished,
                format!("the job is `{told}`, and nothing of it is executed yet"),
            )
        };
        Finding::new(code, message, [lines, crashes].concat())
    }

    /// Stages 5 to 7: every unit has its spans, as far as the log and the rows tell.
    fn missing(&self, checks: &mut Checks) {
        let facts = self.facts;
        let (units, missing) = (facts.units.len(), missing::counts(facts));
        if missing.is_empty() {
            return checks.count(1);
        }
        // Rows in another schema were written, whatever the log says.
        if !self.deployment.other_tables.is_empty() {
            return missing::spans(facts, &[], checks);
        }
        let Some(log) = self.log() else {
            return checks.expect(false, || {
                let message = format!(
                    "{units} units were executed, and {}: never begun, refused and lost look alike without a \
                     log; give the service's log, from its start",
                    missing.join(", ")
                );
                Finding::new(Code::Undetermined, message, self.rows())
            });
        };
        let idle = self.facts.attempts.is_empty();
        if let (true, Some(apart)) = (idle, self.apart(log)) {
            return checks.expect(false, || {
                let message =
                    format!("{units} units were executed, and {}; {apart}", missing.join(", "));
                Finding::new(Code::Undetermined, message, self.rows())
            });
        }
        missing::spans(facts, &[], checks);
    }

    /// Why a log says nothing about these units: it is of another time.
    fn apart(&self, log: &LogFacts) -> Option<String> {
        let begun = self.facts.units.iter().filter_map(|unit| unit.started).min()?;
        let ended = self.facts.units.iter().filter_map(|unit| unit.ended).max()?;
        let shown = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%SZ").to_string();
        let (first, last) = (log.first?, log.last?);
        if last >= begun && first <= ended {
            return None;
        }
        Some(format!(
            "the log is of another time: it is from {} to {}, and they ran from {} to {}",
            shown(first),
            shown(last),
            shown(begun),
            shown(ended)
        ))
    }

    fn rows(&self) -> Vec<Evidence> {
        let mut lines = Evidence::units(self.facts);
        lines.push(Evidence::span_count(self.facts));
        lines
    }

    /// Stage 8: a job that is still at work may have open spans.
    fn finished(&self, checks: &mut Checks) {
        let jobs = &self.facts.spec.tables.jobs;
        let statuses = self.facts.jobs.iter().filter_map(|job| job.status.clone());
        let working: Vec<_> = statuses.filter(|status| !jobs.done.contains(status)).collect();
        let open = self.facts.spans.iter().filter(|span| !span.is_complete()).count();
        if working.is_empty() || open == 0 {
            return stage::finished(self.facts, checks);
        }
        checks.expect(false, || {
            let message =
                format!("{open} spans are open, and the job is still `{}`", working.join(", "));
            Finding::new(Code::JobNotFinished, message, self.rows())
        });
    }

    fn linked(&self, checks: &mut Checks) {
        stage::linked(self.facts, checks);
    }

    fn joined(&self, checks: &mut Checks) {
        stage::joined(self.facts, checks);
    }
}

/// The lines about processes that died.
fn crashes(log: &LogFacts) -> Vec<Evidence> {
    log.crashes.iter().cloned().map(Evidence::Note).collect()
}
