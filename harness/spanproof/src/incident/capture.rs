//! Writing a bundle: of a case that `check` has run, or of an existing system.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use spanproof_format as format;
use spanproof_format::{IncidentOrigin, Record};

use super::bundle::Writer;
use super::error::Error;
use super::masking::Masking;
use super::setting::Setting;
use crate::deployment::{Existing, Subject, unseen};
use crate::observation::{LogLine, Observation, Row, Rows, Sink, Source, Table};
use crate::spec::Spec;
use crate::upstream::Behaviour;
use crate::verdict::judge;

/// Writes the bundle of a case that was run.
///
/// # Errors
/// When the file is there already or can't be written, or a file of the spec can't be read.
pub fn capture_case(
    spec: &Spec,
    observation: &Observation,
    masking: &mut Masking,
    path: &Path,
) -> Result<PathBuf, Error> {
    let case = &observation.case;
    let rule = spec.jobs.iter().find(|job| job.name == case.job);
    let upstream = spec.upstreams.iter().find(|upstream| upstream.name == case.upstream);
    let behaviour = upstream.map(|upstream| Behaviour::read(&spec.path(&upstream.file)));
    let input = rule.filter(|_| masking.keeps_contents()).and_then(|job| {
        let text = std::fs::read_to_string(spec.path(&job.file)).ok()?;
        let mut input: Json = serde_json::from_str(&text).ok()?;
        masking.input(&mut input);
        Some(input)
    });
    let setting = Setting {
        flags: case.flags.clone(),
        route: Some(case.route.clone()),
        job: Some(case.job.clone()),
        units: rule.map_or(0, |job| job.units),
        input,
        upstream: Some(case.upstream.clone()),
        behaviour: behaviour.transpose()?.map(|behaviour| masking.behaviour(behaviour)),
        fault: case.fault.clone(),
        program: observation.trial().and_then(|trial| trial.service.program.clone()),
    };
    let observation = masking.observation(spec, observation);
    let judgement = judge(spec, &observation);
    let mut writer = Writer::begin(path, IncidentOrigin::Case)?;
    writer.write(&Record::Setting(Box::new(setting.into())))?;
    writer.observation(&observation)?;
    writer.write(&Record::Verdict(Box::new((&judgement).into())))?;
    writer.write(&Record::Masked(masking.account()))?;
    writer.end()
}

/// Writes the bundle of a job of an existing system, while it is being read.
///
/// # Errors
/// When the file is there already or can't be written, or the system can't be read; what was read
/// until then is in the file.
pub async fn capture_deployment(
    existing: Existing<'_>,
    masking: &mut Masking,
    path: &Path,
) -> Result<PathBuf, Error> {
    let Existing { spec, subject, rows, log } = existing;
    let mut writer = Writer::begin(path, IncidentOrigin::Deployment)?;
    let flags = masking.flags(spec, &subject.flags);
    let subject = &Subject { flags: flags.clone(), ..subject.clone() };
    let setting = Setting { flags, ..Setting::default() };
    writer.write(&Record::Setting(Box::new(setting.clone().into())))?;
    // So that the bundle can be judged, with doubt, if this ends early.
    writer.write(&Record::Facts(Box::new(format::Observation::from(&unseen(spec, subject)))))?;
    let mut recording = Recording { spec, masking, writer, failed: None };
    let existing = Existing { spec, subject, rows, log };
    let observed = existing.observe(&mut recording).await;
    let Recording { mut writer, failed, .. } = recording;
    if let Some(error) = failed {
        return Err(error);
    }
    let observation = observed?;
    let flag = spec.tracing_flag().map(|flag| flag.name.as_str());
    let mut flags = setting.flags.clone();
    let lines = observation.lines();
    let seen = lines.iter().rev().find_map(|line| spec.probes.banner(line.text));
    if let (Some(name), Some(raw)) = (flag, seen.and_then(|banner| banner.raw))
        && flags.iter().all(|(known, _)| known != name)
    {
        flags.push((name.to_owned(), value(raw)));
    }
    let route = Some(observation.case.route.clone()).filter(|route| !route.is_empty());
    let units = observation.tables.units.all().len();
    let setting = Setting { flags, route, units, ..setting };
    writer.write(&Record::Setting(Box::new(setting.into())))?;
    // Its rows and lines are in the file, and in the account, already.
    let masked = masking.clone().observation(spec, &observation);
    let facts = Observation::from(format::Observation::from(&observation).without_lists());
    let facts = format::Observation::from(&masking.observation(spec, &facts));
    writer.write(&Record::Facts(Box::new(facts)))?;
    writer.write(&Record::Verdict(Box::new((&judge(spec, &masked)).into())))?;
    writer.write(&Record::Masked(masking.account()))?;
    writer.end()
}

/// What the service saw: an empty text is most likely a flag that is not set.
fn value(raw: String) -> crate::spec::Value {
    if raw.is_empty() { crate::spec::Value::Unset } else { crate::spec::Value::Set(raw) }
}

/// Writes rows and lines as they are read.
struct Recording<'a> {
    spec: &'a Spec,
    masking: &'a mut Masking,
    writer: Writer,
    failed: Option<Error>,
}

impl Recording<'_> {
    fn write(&mut self, record: &Record) {
        if self.failed.is_none() {
            self.failed = self.writer.write(record).err();
        }
    }
}

impl Sink for Recording<'_> {
    fn rows(&mut self, table: Table, rows: &Rows) {
        let record: fn(Row) -> Record = match table {
            Table::Jobs => Record::Job,
            Table::Units => Record::Unit,
            Table::Spans => Record::Span,
        };
        for row in self.masking.rows(self.spec, table, rows).all() {
            self.write(&record(row.clone()));
        }
    }

    fn line(&mut self, line: &LogLine) {
        let line = self.masking.line(self.spec, line);
        self.write(&Record::Line((&line).into()));
    }
}
