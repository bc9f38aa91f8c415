//! Adopts incidents: stores the file of an incident beside the spec. `spanproof check` replays all
//! adopted incidents whenever it runs all cases.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use spanproof_format as format;
use spanproof_format::{AdoptedIncident, Code, Record, Replay, ReplayOutcome, UnknownCode};

use super::bundle::{Bundle, Writer};
use super::error::{Error, failed};
use super::replay::replay;
use super::setup::Setup;
use crate::matrix::Case;
use crate::spec::Spec;
use crate::trial::World;

/// The folder of adopted incidents, relative to the folder of the spec.
const FOLDER: &str = "fixtures/incidents";

/// The verdict that replays of an adopted incident must have: `pass`, `same` or a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVerdict {
    /// The case passes.
    Pass,
    /// The verdict that was recorded with the incident.
    Same,
    /// The case fails with this code.
    Code(Code),
}

impl ExpectedVerdict {
    /// Whether a replay has this verdict in the attempt that differs least from the incident.
    pub fn is_met_by(self, replay: &Replay) -> bool {
        let verdict = replay.attempts.first().map(|nearest| &nearest.judgement.verdict);
        match self {
            Self::Same => is_reproduced(replay),
            Self::Pass => verdict == Some(&format::Verdict::Pass),
            Self::Code(code) => verdict.and_then(format::Verdict::code) == Some(code),
        }
    }
}

impl FromStr for ExpectedVerdict {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pass" => Ok(Self::Pass),
            "same" => Ok(Self::Same),
            code => code.parse().map(Self::Code),
        }
    }
}

impl fmt::Display for ExpectedVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Same => f.write_str("same"),
            Self::Code(code) => write!(f, "{code}"),
        }
    }
}

/// Whether the incident happened again, perhaps in a setup of which some parts were assumed.
fn is_reproduced(replay: &Replay) -> bool {
    matches!(replay.outcome, ReplayOutcome::Reproduced | ReplayOutcome::Uncertain)
}

/// Returns the incident files (`*.jsonl`) in a folder, sorted by name; empty if there is no such folder.
///
/// # Errors
/// If the folder can't be read.
pub fn list_incidents(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).map_err(failed("read", folder))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect();
    paths.sort();
    Ok(paths)
}

/// Replays every adopted incident of the spec with the program and Postgres of `world`. The program
/// may differ from the recorded one.
///
/// # Errors
/// If an incident can't be read, or does not fit the spec.
pub async fn replay_adopted(world: &World) -> Result<Vec<AdoptedIncident>, Error> {
    let mut all = Vec::new();
    for path in list_incidents(&world.spec().path(FOLDER.as_ref()))? {
        let bundle = Bundle::read(&path)?.with_any_program();
        let replayed = Box::pin(replay(world, &bundle)).await?;
        let regressed = !is_reproduced(&replayed);
        all.push(AdoptedIncident::new(replayed, regressed));
    }
    Ok(all)
}

/// Copies an incident into the folder of adopted incidents, and returns the path of the copy. The copy
/// contains the verdict that its replays must have, and the setup whose replay differed least from
/// the incident. Replays of the copy accept any program.
///
/// # Errors
/// If `expected` is `same` but the incident was not reproduced, if several setups were tried and none
/// reproduced the incident, or if the file exists or can't be written.
pub fn adopt(
    spec: &Spec,
    bundle: &Bundle,
    replayed: &Replay,
    expected: ExpectedVerdict,
) -> Result<PathBuf, Error> {
    let reproduced = is_reproduced(replayed);
    let is_possible = reproduced || expected != ExpectedVerdict::Same;
    let Some(nearest) = replayed.attempts.first().filter(|_| is_possible) else {
        let why = "the incident was not reproduced, so it can't be adopted as `same`; adopt it as `pass` to require \
                   that it does not happen again";
        return Err(Error::NotReproduced(why.into()));
    };
    if !reproduced && replayed.attempts.len() > 1 {
        let why = "the incident was not reproduced with any of the setups that were tried, so it is not known which \
                   setup to keep; give `--route` and `--upstream`, or adopt the incident where it is reproduced";
        return Err(Error::Ambiguous(why.into()));
    }
    let folder = spec.path(FOLDER.as_ref());
    std::fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    let name = bundle.path.file_name().unwrap_or_default();
    let case = &nearest.case;
    let setup = Setup {
        flags: Case::from(case.clone()).flags,
        route: Some(case.route.clone()),
        upstream: Some(case.upstream.clone()),
        job: Some(case.job.clone()),
        program: None,
        ..bundle.setup.clone()
    };
    let mut writer = Writer::create(&folder.join(name), bundle.origin)?;
    writer.write(&Record::Setup(Box::new(setup.into())))?;
    writer.write_observation(&bundle.observation)?;
    if let Some(judgement) = &bundle.judgement {
        writer.write(&Record::Verdict(Box::new(judgement.into())))?;
    }
    // Without this record, replays are compared with the recorded judgement.
    if expected != ExpectedVerdict::Same {
        writer.write(&Record::Expects(expected.to_string()))?;
    }
    writer.finish()
}
