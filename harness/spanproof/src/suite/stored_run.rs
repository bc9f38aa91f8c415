//! Judges the stored evidence of a run again. Besides its cases, the folder of a run may contain further
//! trials of cases, and extra cases that were run to find changes that make a failing case pass.

use std::path::{Path, PathBuf};

use super::flag_repetitions::{FOLDER, TRIALS};
use super::passing_changes::{FOLDER as EXTRA_CASES, add_stored_changes};
use super::record::RunRecord;
use super::result::{CaseOutcome, JudgedCase, RunResult};
use crate::matrix::Case;
use crate::observation::{self, Observation};
use crate::spec::{Day, Spec};
use crate::verdict::judge;

/// Judges the stored evidence of a run again, without running anything. For a planned case without
/// evidence, `run.json` says whether it was not run, or its service or Postgres did not start.
///
/// # Errors
/// If the folder has no evidence, or a file can't be read.
pub fn rejudge_run(
    spec: &Spec,
    folder: &Path,
    today: Day,
) -> Result<RunResult, observation::Error> {
    let read = |folder: PathBuf| read_case(spec, folder);
    let Some(record) = RunRecord::read(folder)? else {
        let folders = observation::list(folder)?.into_iter();
        let judged = folders.map(read).collect::<Result<Vec<_>, _>>()?;
        let cases: Vec<_> = judged.iter().map(|one| one.observation.case.clone()).collect();
        let slots = judged.into_iter().map(|one| Some(Ok(one)));
        return Ok(RunResult::new(spec, today, &cases, slots.collect(), &RunRecord::default()));
    };
    let slot = |case: &Case| -> Result<Option<CaseOutcome>, observation::Error> {
        let folder = folder.join(&case.id);
        if let Some(cause) = record.broken(&case.id) {
            return Ok(Some(Err(cause.to_owned())));
        }
        if !folder.is_dir() {
            return Ok(None);
        }
        Ok(Some(Ok(read(folder)?)))
    };
    let planned = record.planned();
    let slots = planned.iter().map(slot).collect::<Result<Vec<_>, _>>()?;
    let repetitions = read_repetitions(&folder.join(FOLDER))?;
    let result = RunResult::new(spec, today, &planned, slots, &record);
    let mut result = RunResult { repetitions, ..result };
    let extra = stored_folders(&folder.join(EXTRA_CASES))?.into_iter().map(read);
    let extra = extra.map(|judged| judged.map(JudgedCase::into_result));
    add_stored_changes(spec, &mut result, extra.collect::<Result<Vec<_>, _>>()?);
    Ok(result)
}

/// Reads the evidence of a case, and judges it.
fn read_case(spec: &Spec, folder: PathBuf) -> Result<JudgedCase, observation::Error> {
    let observation = observation::read(&folder)?;
    let judgement = judge(spec, &observation);
    let (folder, database_command, retries) = (Ok(folder), None, Vec::new());
    Ok(JudgedCase { observation, judgement, folder, database_command, retries })
}

/// Returns the folders with evidence in a folder; empty if the folder does not exist or contains no evidence,
/// as after an interrupted run.
fn stored_folders(parent: &Path) -> Result<Vec<PathBuf>, observation::Error> {
    match observation::list(parent) {
        Err(observation::Error::Empty { .. }) => Ok(Vec::new()),
        Err(_) if !parent.is_dir() => Ok(Vec::new()),
        folders => folders,
    }
}

/// Removes the further trials and the extra cases of an earlier run in the same folder, because the program
/// may have changed since then.
pub(super) fn remove_further_trials(folder: &Path) -> Result<(), observation::Error> {
    let repetitions = (1..=TRIALS).map(|number| folder.join(FOLDER).join(number.to_string()));
    let extra = std::fs::read_dir(folder.join(EXTRA_CASES)).into_iter().flatten().flatten();
    let extra = extra.map(|entry| entry.path()).filter(|path| path.is_dir());
    for path in repetitions.chain(extra) {
        match std::fs::remove_dir_all(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(observation::Error::File { what: "remove", path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Reads further trials of cases; empty if there are none.
fn read_repetitions(folder: &Path) -> Result<Vec<Observation>, observation::Error> {
    let mut all = Vec::new();
    for number in (1..=TRIALS).map(|number| folder.join(number.to_string())) {
        for folder in stored_folders(&number)? {
            all.push(observation::read(&folder)?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_without_evidence_are_ignored_and_trials_of_an_earlier_run_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (repetitions, extra) = (folder.path().join(FOLDER), folder.path().join(EXTRA_CASES));
        std::fs::create_dir_all(repetitions.join("1/a5f2c1df")).unwrap();
        std::fs::create_dir_all(extra.join("a5f2c1df")).unwrap();
        assert_eq!(read_repetitions(&repetitions).unwrap(), []);
        assert!(stored_folders(&extra).unwrap().is_empty());
        remove_further_trials(folder.path()).unwrap();
        assert!(!repetitions.join("1").exists() && !extra.join("a5f2c1df").exists());
        assert_eq!(read_repetitions(&repetitions).unwrap(), []);
        remove_further_trials(folder.path()).unwrap();
    }
}
