//! Running cases side by side, writing their evidence as they end, and judging them.

use std::path::{Path, PathBuf};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::evidence::{self, Evidence};
use crate::matrix::Case;
use crate::spec::Spec;
use crate::trial::{Trial, World};
use crate::verdict::{Funnel, Judgement, Verdict, judge, judge_all};

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many cases run at once.
    pub workers: usize,
    /// The folder that the evidence goes to, one folder per case.
    pub evidence: PathBuf,
    /// Becomes true when no more cases should start and running ones should be dropped.
    pub cancelled: watch::Receiver<bool>,
}

/// Something to tell whoever watches the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A case has ended; its own verdict, before it is compared with its peers.
    Ended {
        /// The case.
        case: Case,
        /// `pass`, a code or `broken`.
        verdict: String,
        /// Whether it passed.
        passed: bool,
    },
}

/// What came of one case.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// Its judgement.
    pub judgement: Judgement,
    /// What it left behind; nothing when the world did not come up.
    pub evidence: Option<Evidence>,
    /// The folder with its evidence.
    pub folder: Option<PathBuf>,
}

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    /// One outcome per case that was started, in the order of the cases.
    pub outcomes: Vec<Outcome>,
    /// Cases that were not run, because the run was cancelled or could not go on.
    pub not_run: usize,
    /// Why the run could not go on.
    pub halted: Option<String>,
}

type Ended = (usize, Result<(Evidence, PathBuf), String>);

/// Runs cases and judges them.
pub async fn run(
    world: &World,
    cases: &[Case],
    options: Options,
    mut watch: impl FnMut(Event),
) -> Ran {
    let mut waiting = cases.iter().cloned().enumerate();
    let mut running: JoinSet<Ended> = JoinSet::new();
    let mut ended: Vec<Ended> = Vec::new();
    let mut cancelled = options.cancelled.clone();
    let mut halted = None;
    loop {
        while running.len() < options.workers.max(1) && halted.is_none() && !*cancelled.borrow() {
            let Some((at, case)) = waiting.next() else { break };
            let (world, folder) = (world.clone(), options.evidence.clone());
            running.spawn(async move { (at, one(&world, &case, &folder).await) });
        }
        let next = tokio::select! {
            next = running.join_next() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        let Some(joined) = next else { break };
        // A panic of our own code in a case is this run's fault, and the run says so.
        let (at, result) = joined.unwrap_or_else(|error| (usize::MAX, Err(error.to_string())));
        if let Some(case) = cases.get(at) {
            watch(event(world.spec(), case, result.as_ref()));
        } else {
            halted = result.as_ref().err().cloned();
        }
        ended.push((at, result));
        halted = halted.or_else(|| never_up(&ended, options.workers));
    }
    running.shutdown().await;
    finish(world.spec(), cases, ended, halted)
}

async fn one(world: &World, case: &Case, folder: &Path) -> Result<(Evidence, PathBuf), String> {
    let evidence = Trial::run(world, case).await.map_err(|error| chain(&error))?;
    let folder = evidence::write(folder, &evidence).map_err(|error| chain(&error))?;
    Ok((evidence, folder))
}

fn event(spec: &Spec, case: &Case, result: Result<&(Evidence, PathBuf), &String>) -> Event {
    let verdict = result.map(|(evidence, _)| judge(spec, evidence).verdict);
    let (verdict, passed) = match verdict {
        Ok(Verdict::Pass) => ("pass".to_owned(), true),
        Ok(Verdict::Fail(findings)) => {
            (findings.first().map(|f| f.code.to_string()).unwrap_or_default(), false)
        }
        Ok(Verdict::Broken(_)) | Err(_) => ("broken".to_owned(), false),
        Ok(Verdict::Skipped(_)) => ("skipped".to_owned(), true),
    };
    Event::Ended { case: case.clone(), verdict, passed }
}

/// When none of the first cases came up, the others will not either: going on would only take time.
fn never_up(ended: &[Ended], workers: usize) -> Option<String> {
    let up = |(_, result): &Ended| result.as_ref().is_ok_and(|(evidence, _)| evidence.ready.yes());
    if ended.len() < workers.max(2) || ended.iter().any(up) {
        return None;
    }
    Some(format!("none of the first {} cases came up, so the others were not run", ended.len()))
}

fn finish(spec: &Spec, cases: &[Case], ended: Vec<Ended>, halted: Option<String>) -> Ran {
    let mut slots: Vec<Option<Result<(Evidence, PathBuf), String>>> = vec![None; cases.len()];
    for (at, result) in ended {
        if let Some(slot) = slots.get_mut(at) {
            *slot = Some(result);
        }
    }
    let all: Vec<Evidence> =
        slots.iter().flatten().flatten().map(|(evidence, _)| evidence.clone()).collect();
    let mut judgements = judge_all(spec, &all).into_iter();
    let not_run = slots.iter().filter(|slot| slot.is_none()).count();
    let outcomes = cases.iter().zip(slots).filter_map(|(case, slot)| {
        let case = case.clone();
        Some(match slot? {
            Ok((evidence, folder)) => Outcome {
                case,
                judgement: judgements.next()?,
                evidence: Some(evidence),
                folder: Some(folder),
            },
            Err(cause) => Outcome { case, judgement: broken(cause), evidence: None, folder: None },
        })
    });
    Ran { outcomes: outcomes.collect(), not_run, halted }
}

fn broken(cause: String) -> Judgement {
    Judgement {
        verdict: Verdict::Broken(cause),
        funnel: Funnel::default(),
        recording: false,
        spans: 0,
        assertions: 0,
    }
}

/// Judges stored evidence again, without running anything.
///
/// # Errors
/// When a folder holds no evidence that can be read.
pub fn rejudge(spec: &Spec, parent: &Path) -> Result<Ran, evidence::Error> {
    let folders = evidence::list(parent)?;
    let all = folders.iter().map(|f| evidence::read(f)).collect::<Result<Vec<_>, _>>()?;
    let judgements = judge_all(spec, &all);
    let outcomes =
        all.into_iter().zip(folders).zip(judgements).map(|((evidence, folder), judgement)| {
            let case = evidence.case.clone();
            Outcome { case, judgement, evidence: Some(evidence), folder: Some(folder) }
        });
    Ok(Ran { outcomes: outcomes.collect(), ..Ran::default() })
}

/// An error with all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let texts = std::iter::once(error.to_string()).chain(causes.map(ToString::to_string));
    texts.collect::<Vec<_>>().join(": ")
}
