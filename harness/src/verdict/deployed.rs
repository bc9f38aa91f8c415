//! Judging a system that was already there: the same funnel, with less that is known. Whatever was
//! not seen leaves the verdict undetermined, with what would decide it.

use super::code::Code;
use super::finding::{Bench, Finding, shown};
use super::judge::{Judgement, closed};
use super::reading::{Reading, Said, Unit};
use super::{lost, off, stage};
use crate::evidence::{Deployment, Evidence, LogFacts, Rows, text, time};
use crate::spec::{Banner, Intent, Spec, Value};

/// Judges what was found of a system.
pub(super) fn judge(spec: &Spec, evidence: &Evidence, deployment: &Deployment) -> Judgement {
    let reading = Reading::of(spec, evidence);
    let mut bench = Bench::default();
    let recording = !off_on_purpose(&reading);
    let scene = Scene { reading: &reading, deployment };
    for stage in stages(recording, deployment.database.is_some()) {
        stage(&scene, &mut bench);
        if !bench.is_clean() {
            break;
        }
    }
    closed(&reading, recording, bench)
}

/// One stage of the funnel.
type Stage<'a> = fn(&Scene<'a>, &mut Bench);

/// The stages that can be judged.
fn stages<'a>(recording: bool, database: bool) -> Vec<Stage<'a>> {
    match (recording, database) {
        (false, _) => vec![Scene::off],
        (true, false) => vec![Scene::constructed, Scene::log_alone],
        (true, true) => vec![
            Scene::constructed,
            Scene::executed,
            Scene::attempted,
            Scene::accepted,
            Scene::finished,
            Scene::linked,
            Scene::joined,
        ],
    }
}

/// Whether tracing is off because somebody wants it to be. That a flag is not set is no such wish:
/// whoever asks where spans are wants some.
fn off_on_purpose(reading: &Reading<'_>) -> bool {
    if let Some(given) = given(reading) {
        return given.intent() == Intent::Off && given != Value::Unset;
    }
    let banner = reading.banners.last().map(|said| &said.what);
    banner.is_some_and(|banner| {
        let raw = banner.raw.clone().filter(|raw| !raw.is_empty());
        !banner.enabled && raw.is_some_and(|raw| Value::Set(raw).intent() == Intent::Off)
    })
}

/// The tracing flag's value, where somebody said it.
pub(super) fn given(reading: &Reading<'_>) -> Option<Value> {
    let flag = reading.spec.tracing_flag()?;
    let mut flags = reading.evidence.case.flags.iter();
    flags.find(|(name, _)| *name == flag.name).map(|(_, value)| value.clone())
}

/// What was found, and how it was looked for.
struct Scene<'a> {
    reading: &'a Reading<'a>,
    deployment: &'a Deployment,
}

impl Scene<'_> {
    fn log(&self) -> Option<&LogFacts> {
        self.deployment.log.as_ref()
    }

    fn flag(&self) -> &str {
        self.reading.spec.tracing_flag().map_or("the tracing flag", |flag| &flag.name)
    }

    fn off(&self, bench: &mut Bench) {
        off::banner(self.reading, bench);
        if bench.is_clean() {
            off::silent(self.reading, bench);
        }
    }

    /// Stages 1 to 3: what the service says of its tracer, if the log holds it.
    fn constructed(&self, bench: &mut Bench) {
        let reading = self.reading;
        let stored = reading.spans.len();
        let Some(banner) = reading.banners.last() else {
            return self.without_banner(bench);
        };
        bench.check(banner.what.enabled, || {
            if stored == 0 {
                return self.disabled(banner);
            }
            let message = format!("the tracer says that it is off, and {stored} spans are stored");
            Finding::new(Code::BannerContradicts, message, vec![banner.line.clone()])
        });
    }

    /// The finding for a tracer that says it is off.
    fn disabled(&self, banner: &Said<Banner>) -> Finding {
        let flag = self.flag();
        let raw = banner.what.raw.as_deref();
        let told = given(self.reading).map(|value| format!("{flag}={value}"));
        let mut lines = vec![banner.line.clone()];
        lines.extend(told.iter().map(|told| format!("said to be set: {told}")));
        let idle = self.reading.attempts.iter().filter(|said| !said.what.enabled);
        let acknowledged = self.reading.acknowledged.len();
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
            lines.extend(shown(self.reading.acknowledged.iter().map(|said| said.line.clone())));
        }
        lines.extend(shown(idle.map(|said| said.line.clone())));
        let unset = raw.is_none_or(str::is_empty);
        Finding::new(
            if unset { Code::FlagUnset } else { Code::FlagUnrecognisedValue },
            message,
            lines,
        )
    }

    fn without_banner(&self, bench: &mut Bench) {
        let reading = self.reading;
        let Some(log) = self.log() else { return };
        let enabled = reading.attempts.iter().any(|said| said.what.enabled);
        if !reading.spec.probes.knows_tracer() || enabled || !reading.spans.is_empty() {
            return;
        }
        let searched =
            format!("{}: {} lines, none from a tracer at its start", log.name, log.lines);
        bench.check(false, || {
            if !log.crashes.is_empty() && reading.units.is_empty() {
                let message = "the log tells of a process that died, and of no tracer";
                return Finding::new(Code::ProcessCrashed, message, [log.crashes.clone(), vec![searched]].concat());
            }
            let idle: Vec<_> = reading.attempts.iter().map(|said| said.line.clone()).collect();
            if !idle.is_empty() {
                let message = "the tracer was off at each span, and the line that says why is not in the log; \
                               look at the first lines after the start of the process";
                return Finding::new(Code::Undetermined, message, [vec![searched], shown(idle)].concat());
            }
            if let Some(number) = log.started {
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
    fn log_alone(&self, bench: &mut Bench) {
        let Reading { refused, attempts, acknowledged, .. } = self.reading;
        let lines = |said: &[Said<()>]| shown(said.iter().map(|said| said.line.clone()));
        bench.check(false, || {
            if !refused.is_empty() {
                let message = format!("{} spans were begun, and {} writes failed", attempts.len(), refused.len());
                return Finding::new(Code::WriteFailedReported, message, lines(refused));
            }
            let banners = self.reading.banners.iter().map(|said| said.line.clone()).collect();
            let message = match (attempts.len(), acknowledged.len()) {
                (0, _) => "the tracer is on, and no span was begun: no job ran here, or its work runs outside the \
                           tracer; give the database (`--database` or `--dump`), which tells whether work was done"
                    .to_owned(),
                (begun, written) => format!(
                    "the tracer is on, {begun} spans were begun and {written} reported as written; whether their rows \
                     are there, whole and linked, tells the database (`--database` or `--dump`)"
                ),
            };
            Finding::new(Code::Undetermined, message, [banners, lines(acknowledged)].concat())
        });
    }

    /// Stage 4: there is work that should have left spans.
    fn executed(&self, bench: &mut Bench) {
        let reading = self.reading;
        let tables = &reading.spec.tables;
        for (name, rows) in [
            (&tables.jobs.table, &reading.evidence.jobs),
            (&tables.units.table, &reading.evidence.units),
        ] {
            let Rows::Unreadable(why) = rows else { continue };
            return bench.check(false, || {
                let message =
                    format!("`{name}` can't be read, so nobody knows what work was done: {why}");
                Finding::new(Code::Undetermined, message, Vec::new())
            });
        }
        bench.check(!reading.units.is_empty(), || self.no_work());
    }

    fn no_work(&self) -> Finding {
        let jobs = &self.reading.spec.tables.jobs;
        let rows = self.reading.evidence.jobs.all();
        let statuses: Vec<_> = rows.iter().filter_map(|row| text(row, &jobs.status)).collect();
        let all = |known: &[String]| {
            !statuses.is_empty() && statuses.iter().all(|status| known.contains(status))
        };
        let lines = shown(rows.iter().map(|row| {
            let [id, status] =
                [&jobs.id, &jobs.status].map(|column| text(row, column).unwrap_or_default());
            format!("{} {id}: {status}", jobs.table)
        }));
        let crashes = self.log().map(|log| log.crashes.clone()).unwrap_or_default();
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

    /// Stage 5: a span was begun for every unit, as far as the log tells.
    fn attempted(&self, bench: &mut Bench) {
        let reading = self.reading;
        let (units, missing) = (reading.units.len(), lost::unbegun(reading));
        // Rows in another schema were written, whatever the log says.
        if missing.is_empty() || !self.deployment.elsewhere.is_empty() {
            return bench.count(1);
        }
        let Some(log) = self.log() else {
            return bench.check(false, || {
                let message = format!(
                    "{units} units were executed, and {}: never begun, refused and lost look alike without a \
                     log; give the service's log by `--log`, from its start",
                    missing.join(", ")
                );
                Finding::new(Code::Undetermined, message, self.rows())
            });
        };
        let idle = self.reading.attempts.is_empty();
        if let (true, Some(apart)) = (idle, self.apart(log)) {
            return bench.check(false, || {
                let message =
                    format!("{units} units were executed, and {}; {apart}", missing.join(", "));
                Finding::new(Code::Undetermined, message, self.rows())
            });
        }
        stage::attempted(reading, bench);
    }

    /// Why a log says nothing about these units: it is of another time.
    fn apart(&self, log: &LogFacts) -> Option<String> {
        let columns = &self.reading.spec.tables.units;
        let times = |column: &str| -> Vec<_> {
            let rows = self.reading.units.iter().map(|unit| unit.row);
            rows.filter_map(|row| time(row, column)).collect()
        };
        let begun = *times(&columns.started).iter().min()?;
        let ended = *times(&columns.completed).iter().max()?;
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

    fn rows(&self) -> Vec<String> {
        let mut lines = shown(self.reading.units.iter().map(Unit::shown));
        let table = &self.reading.spec.tables.spans.table;
        lines.push(match &self.reading.evidence.spans {
            Rows::Found(rows) => format!("{table}: {} rows", rows.len()),
            Rows::Unreadable(why) => format!("{table}: {why}"),
        });
        lines
    }

    /// Stages 6 and 7: what was begun has a row.
    fn accepted(&self, bench: &mut Bench) {
        let elsewhere = &self.deployment.elsewhere;
        if !elsewhere.is_empty() && !lost::unbegun(self.reading).is_empty() {
            return bench.check(false, || {
                let found: Vec<_> = elsewhere
                    .iter()
                    .map(|(table, rows)| format!("{table}: {rows} spans of these units"))
                    .collect();
                let message = "the spans of these units are in another schema";
                Finding::new(Code::WrongDestination, message, [found, self.rows()].concat())
            });
        }
        lost::accepted(self.reading, bench);
    }

    /// Stage 8: a job that is still at work may have open spans.
    fn finished(&self, bench: &mut Bench) {
        let jobs = &self.reading.spec.tables.jobs;
        let statuses =
            self.reading.evidence.jobs.all().iter().filter_map(|row| text(row, &jobs.status));
        let working: Vec<_> = statuses.filter(|status| !jobs.done.contains(status)).collect();
        let open = self.reading.spans.iter().filter(|span| span.unfinished().is_some()).count();
        if working.is_empty() || open == 0 {
            return stage::finished(self.reading, bench);
        }
        bench.check(false, || {
            let message =
                format!("{open} spans are open, and the job is still `{}`", working.join(", "));
            Finding::new(Code::JobNotFinished, message, self.rows())
        });
    }

    fn linked(&self, bench: &mut Bench) {
        stage::linked(self.reading, bench);
    }

    fn joined(&self, bench: &mut Bench) {
        stage::joined(self.reading, bench);
    }
}
