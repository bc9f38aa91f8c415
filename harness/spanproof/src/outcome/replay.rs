//! Replays of incidents, and stored evidence that was judged again.

use spanproof_format as format;
use spanproof_format::{Incident, Rejudged, Replay};

use crate::incident::{Adopted, Bundle, Faithful, Replayed, Reproduction};
use crate::verdict::Judgement;

/// Returns the document of a replay.
pub fn replay(bundle: &Bundle, replayed: &Replayed) -> Replay {
    let faithful = match replayed.faithful {
        Faithful::Reproduced => format::Faithful::Reproduced,
        Faithful::Perhaps => format::Faithful::Perhaps,
        Faithful::Differs => format::Faithful::Differs,
        Faithful::Broken => format::Faithful::Broken,
    };
    let mut document = Replay::new(bundle.path.display().to_string(), faithful);
    document.expects.clone_from(&bundle.expects);
    document.tried = replayed.tried.iter().map(reproduction).collect();
    document.lacking.clone_from(&replayed.lacking);
    document
}

fn reproduction(one: &Reproduction) -> format::Reproduction {
    let Reproduction { case, judgement, differences } = one;
    format::Reproduction::new(case.clone().into(), judgement.into(), differences.clone())
}

/// Returns the document of an adopted incident.
pub fn incident(adopted: &Adopted) -> Incident {
    Incident::new(replay(&adopted.bundle, &adopted.replayed), adopted.is_back())
}

/// Returns the document of evidence that was judged again.
pub fn rejudged(bundle: &Bundle, judgement: &Judgement, differences: &[String]) -> Rejudged {
    let path = bundle.path.display().to_string();
    let mut document = Rejudged::new(path, judgement.into(), differences.to_vec());
    document.doubts.clone_from(&bundle.doubts);
    document
}
