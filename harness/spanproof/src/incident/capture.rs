//! Captures an incident: writes a case that `check` ran, or a job of an existing system, to a file
//! (a bundle) from which it can be replayed.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use spanproof_format as format;
use spanproof_format::{IncidentOrigin, Record};

use super::bundle::Writer;
use super::error::Error;
use super::masking::Masking;
use super::setup::Setup;
use crate::deployment::{ExistingSystem, JobSelection, empty_observation};
use crate::observation::{LogLine, Observation, Row, Rows, Sink, Source, Table};
use crate::spec::Spec;
use crate::upstream::Behaviour;
use crate::verdict::judge;

/// Writes a case that was run to a bundle, the file of an incident. Returns the path of the file.
///
/// # Errors
/// If the file exists or can't be written, or a file of the spec can't be read.
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
    let setup = Setup {
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
    let mut writer = Writer::create(path, IncidentOrigin::Case)?;
    writer.write(&Record::Setup(Box::new(setup.into())))?;
    writer.write_observation(&observation)?;
    writer.write(&Record::Verdict(Box::new((&judgement).into())))?;
    writer.write(&Record::Masked(masking.counts()))?;
    writer.finish()
}

/// Reads a job of an existing system, and writes each row and line to a bundle as soon as it is
/// read. Returns the path of the file.
///
/// # Errors
/// If the file exists or can't be written, or the system can't be read. The file keeps what was read
/// before the error.
pub async fn capture_deployment(
    existing: ExistingSystem<'_>,
    masking: &mut Masking,
    path: &Path,
) -> Result<PathBuf, Error> {
    let ExistingSystem { spec, selection, rows, log } = existing;
    let mut writer = Writer::create(path, IncidentOrigin::Deployment)?;
    let flags = masking.flags(spec, &selection.flags);
    let selection = &JobSelection { flags: flags.clone(), ..selection.clone() };
    let setup = Setup { flags, ..Setup::default() };
    writer.write(&Record::Setup(Box::new(setup.clone().into())))?;
    // Without this record, a bundle can't be judged. It is written now, in case the bundle is cut off later.
    writer.write(&Record::Facts(Box::new(format::Observation::from(&empty_observation(
        spec, selection,
    )))))?;
    let mut recorder = Recorder { spec, masking, writer, error: None };
    let existing = ExistingSystem { spec, selection, rows, log };
    let observed = existing.observe(&mut recorder).await;
    let Recorder { mut writer, error, .. } = recorder;
    if let Some(error) = error {
        return Err(error);
    }
    let observation = observed?;
    let flag = spec.tracing_flag().map(|flag| flag.name.as_str());
    let mut flags = setup.flags.clone();
    let lines = observation.lines();
    let banner = lines.iter().rev().find_map(|line| spec.probes.banner(line.text));
    if let (Some(name), Some(raw)) = (flag, banner.and_then(|banner| banner.raw))
        && flags.iter().all(|(known, _)| known != name)
    {
        flags.push((name.to_owned(), flag_value(raw)));
    }
    let route = Some(observation.case.route.clone()).filter(|route| !route.is_empty());
    let units = observation.tables.units.all().len();
    let setup = Setup { flags, route, units, ..setup };
    writer.write(&Record::Setup(Box::new(setup.into())))?;
    // The values that were masked in rows and lines are already counted, by the recorder. For the
    // judgement, a clone of the masking masks them again, so that the counts do not grow.
    let masked = masking.clone().observation(spec, &observation);
    let facts = Observation::from(format::Observation::from(&observation).without_lists());
    let facts = format::Observation::from(&masking.observation(spec, &facts));
    writer.write(&Record::Facts(Box::new(facts)))?;
    writer.write(&Record::Verdict(Box::new((&judge(spec, &masked)).into())))?;
    writer.write(&Record::Masked(masking.counts()))?;
    writer.finish()
}

/// Returns the flag's value that a service printed. An empty string most likely means that the flag is
/// unset.
fn flag_value(raw: String) -> crate::spec::Value {
    if raw.is_empty() { crate::spec::Value::Unset } else { crate::spec::Value::Set(raw) }
}

/// Masks rows and lines, and writes them as soon as they are read.
struct Recorder<'a> {
    spec: &'a Spec,
    masking: &'a mut Masking,
    writer: Writer,
    /// The first error. After an error, nothing more is written.
    error: Option<Error>,
}

impl Recorder<'_> {
    fn write(&mut self, record: &Record) {
        if self.error.is_none() {
            self.error = self.writer.write(record).err();
        }
    }
}

impl Sink for Recorder<'_> {
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
