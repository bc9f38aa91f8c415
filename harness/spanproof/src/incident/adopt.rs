//! Keeping an incident for good: from then on every run replays it.

use std::path::{Path, PathBuf};

use spanproof_format as format;
use spanproof_format::{Code, Faithful, Incident, Record, Replay};

use super::bundle::{Bundle, Writer};
use super::error::{Error, failed};
use super::replay::replay;
use super::setting::Setting;
use crate::matrix::Case;
use crate::spec::Spec;
use crate::trial::World;

/// The folder of incidents that were adopted, beside the spec.
const FOLDER: &str = "fixtures/incidents";

/// Whether the incident was seen again.
fn is_seen(replay: &Replay) -> bool {
    matches!(replay.faithful, Faithful::Reproduced | Faithful::Perhaps)
}

/// The incidents in a folder, in the order of their names; none where there is no such folder.
///
/// # Errors
/// When the folder can't be read.
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

/// Whether what is expected of an incident, `pass`, `same` or a code, is what came of its replay.
pub fn is_as_expected(expected: &str, replayed: &Replay) -> bool {
    let first = replayed.tried.first().map(|one| &one.judgement);
    match expected {
        "same" => is_seen(replayed),
        "pass" => first.is_some_and(|judgement| judgement.verdict == format::Verdict::Pass),
        code => {
            let found = first.and_then(|judgement| judgement.verdict.code());
            found.is_some_and(|found| found.text() == code)
        }
    }
}

/// Replays every incident that was adopted beside the spec of a world.
///
/// # Errors
/// When one can't be read, or does not fit the spec.
pub async fn replay_adopted(world: &World) -> Result<Vec<Incident>, Error> {
    let mut all = Vec::new();
    for path in list_incidents(&world.spec().path(FOLDER.as_ref()))? {
        let bundle = Bundle::read(&path, false)?;
        let replayed = Box::pin(replay(world, &bundle, true)).await?;
        let back = !is_seen(&replayed);
        all.push(Incident::new(replayed, back));
    }
    Ok(all)
}

/// Writes an incident into the folder of those that are replayed from now on, with what has to come
/// of it: `pass`, `same` as it was, or a code. What a replay has found out about it is kept, and
/// any program is meant.
///
/// # Errors
/// When it was not reproduced at all, is there already, or what is expected is no verdict.
pub fn adopt(
    spec: &Spec,
    bundle: &Bundle,
    replayed: &Replay,
    expected: &str,
) -> Result<PathBuf, Error> {
    let expects = match expected {
        "same" => None,
        "pass" => Some("pass".to_owned()),
        code => Some(code.parse::<Code>()?.to_string()),
    };
    let seen = is_seen(replayed);
    let Some(found) = replayed.tried.first().filter(|_| seen || expects.is_some()) else {
        let why = "the incident was not seen here, so it can't be adopted as `same`; adopted as `pass` it is kept \
                   as what must never come back";
        return Err(Error::Unseen(why.into()));
    };
    if !seen && replayed.tried.len() > 1 {
        let why = "the incident was not seen here in any of the ways that were tried, so nobody knows which of them \
                   to keep; name its route and its upstream, or adopt it where it is seen";
        return Err(Error::Ambiguous(why.into()));
    }
    let folder = spec.path(FOLDER.as_ref());
    std::fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
    let name = bundle.path.file_name().unwrap_or_default();
    let case = &found.case;
    let setting = Setting {
        flags: Case::from(case.clone()).flags,
        route: Some(case.route.clone()),
        upstream: Some(case.upstream.clone()),
        job: Some(case.job.clone()),
        program: None,
        ..bundle.setting.clone()
    };
    let mut writer = Writer::begin(&folder.join(name), bundle.origin)?;
    writer.write(&Record::Setting(Box::new(setting.into())))?;
    writer.observation(&bundle.observation)?;
    if let Some(judgement) = &bundle.judgement {
        writer.write(&Record::Verdict(Box::new(judgement.into())))?;
    }
    if let Some(expects) = expects {
        writer.write(&Record::Expects(expects))?;
    }
    writer.end()
}
