//! Running cases side by side, writing their evidence as they end, and judging them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use super::probe::{Counterfactual, probe};
use super::record::Record;
use crate::chain::chain;
use crate::evidence::{self, Evidence};
use crate::matrix::Case;
use crate::postgres::Database;
use crate::spec::{Day, Spec};
use crate::trial::{Trial, World};
use crate::verdict::{Code, Judgement, Verdict, expect, judge, judge_all};

/// Cases of one run that are looked at a second time: what they have in common is told by a few.
const SECOND_LOOKS: usize = 8;

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many cases run at once.
    pub workers: usize,
    /// The folder that the evidence goes to, one folder per case.
    pub evidence: PathBuf,
    /// Which databases stay.
    pub keep: Keep,
    /// Whether the server is a witness in every case; otherwise it is in a second look at cases
    /// whose own evidence does not tell why spans were not written.
    pub witness: bool,
    /// Whether extra cases may be run to find out what alone would make a failing case pass.
    pub probe: bool,
    /// The day by which known failures are accepted.
    pub today: Day,
    /// Becomes true when no more cases should start and running ones should be dropped.
    pub cancelled: watch::Receiver<bool>,
}

/// Which databases outlive the run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// None.
    #[default]
    Nothing,
    /// Those of cases that do not pass by themselves.
    Failing,
    /// All.
    Everything,
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
    /// A command that opens its database, where that was kept.
    pub kept: Option<String>,
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
    /// Extra cases that were run to find out what matters.
    pub probes: Vec<Outcome>,
    /// What alone makes failing cases pass.
    pub counterfactuals: Vec<Counterfactual>,
}

/// What one case left behind, or why its world did not come up.
type Ended = Result<Home, String>;

/// What one case brought home.
#[derive(Debug, Clone)]
struct Home {
    evidence: Evidence,
    folder: PathBuf,
    kept: Option<String>,
}

/// Runs cases and judges them.
///
/// # Errors
/// When the record of the run can't be written.
pub async fn run(
    world: &World,
    cases: &[Case],
    options: Options,
    mut watch: impl FnMut(Event),
) -> Result<Ran, evidence::Error> {
    let mut record = Record::of(cases);
    record.write(&options.evidence)?;
    let mut waiting = order(world.spec(), cases).into_iter();
    let mut running: JoinSet<Ended> = JoinSet::new();
    let mut places: HashMap<Id, usize> = HashMap::new();
    let mut slots: Vec<Option<Ended>> = vec![None; cases.len()];
    let mut cancelled = options.cancelled.clone();
    let looks = Arc::new(AtomicUsize::new(SECOND_LOOKS));
    loop {
        while running.len() < options.workers.max(1)
            && record.halted.is_none()
            && !*cancelled.borrow()
        {
            let Some(at) = waiting.next() else { break };
            let (world, case, options) = (world.clone(), cases[at].clone(), options.clone());
            let looks = Arc::clone(&looks);
            let task = running.spawn(async move { one(&world, &case, &options, &looks).await });
            places.insert(task.id(), at);
        }
        let next = tokio::select! {
            next = running.join_next_with_id() => next,
            _ = cancelled.wait_for(|cancelled| *cancelled) => None,
        };
        let (id, ended) = match next {
            None => break,
            Some(Ok((id, ended))) => (id, ended),
            Some(Err(panicked)) => (panicked.id(), Err(panicked.to_string())),
        };
        let Some(at) = places.remove(&id) else { continue };
        watch(event(world.spec(), &cases[at], ended.as_ref(), options.today));
        if let Err(cause) = &ended {
            record.broken.insert(cases[at].id.clone(), cause.clone());
        }
        slots[at] = Some(ended);
        record.halted = never_up(world.spec(), cases, &slots, options.workers);
    }
    running.shutdown().await;
    record.write(&options.evidence)?;
    let mut ran = finish((world.spec(), options.today), cases, slots, record.halted);
    if options.probe && ran.halted.is_none() {
        Box::pin(probe(world, cases, &mut ran, &options.evidence, &cancelled)).await;
    }
    Ok(ran)
}

/// The order in which cases are started: every value of the tracing flag in turn, so that a
/// service which fails under one value only is seen beside the others early on.
fn order(spec: &Spec, cases: &[Case]) -> Vec<usize> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut turns: Vec<(usize, usize)> = cases
        .iter()
        .enumerate()
        .map(|(at, case)| {
            let value = spec.tracing_flag().map(|flag| case.flag(&flag.name).to_string());
            let turn = seen.entry(value.unwrap_or_default()).or_default();
            *turn += 1;
            (*turn, at)
        })
        .collect();
    turns.sort_unstable();
    turns.into_iter().map(|(_, at)| at).collect()
}

async fn one(world: &World, case: &Case, options: &Options, looks: &AtomicUsize) -> Ended {
    let held = Trial::run_holding(world, case, options.witness).await;
    let (mut evidence, mut database) = held.map_err(|error| chain(&error))?;
    if let Some(second) = second_look(world, case, &evidence, looks).await {
        (evidence, database) = second;
    }
    let folder = evidence::write(&options.evidence, &evidence).map_err(|error| chain(&error))?;
    let keep = match options.keep {
        Keep::Nothing => false,
        Keep::Failing => !matches!(judge(world.spec(), &evidence).verdict, Verdict::Pass),
        Keep::Everything => true,
    };
    let kept =
        if keep { Some(database.keep().await.map_err(|error| chain(&error))?) } else { None };
    Ok(Home { evidence, folder, kept })
}

/// The same case with the server as a witness, where that can tell more. It takes the place of the
/// first run when it shows the same thing: what happened once only is not explained by it.
async fn second_look(
    world: &World,
    case: &Case,
    first: &Evidence,
    looks: &AtomicUsize,
) -> Option<(Evidence, Database)> {
    let code = judge(world.spec(), first).code()?;
    let open = [Code::Undetermined, Code::WriteFailedSilent, Code::WriteFailedReported];
    let looked = first.witness.is_some() || case.fault.is_some();
    if looked || !open.contains(&code) {
        return None;
    }
    let left = |left: usize| left.checked_sub(1);
    looks.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).ok()?;
    let (second, database) = Trial::run_holding(world, case, true).await.ok()?;
    let unaided = Evidence { witness: None, ..second.clone() };
    let same = judge(world.spec(), &unaided).code() == Some(code);
    (same && second.witness.is_some()).then_some((second, database))
}

fn event(spec: &Spec, case: &Case, ended: Result<&Home, &String>, today: Day) -> Event {
    let verdict = ended.map(|home| {
        let mut judgement = judge(spec, &home.evidence);
        expect(spec, &home.evidence.case, &mut judgement, today);
        judgement.verdict
    });
    let (verdict, passed) = match verdict {
        Ok(Verdict::Pass) => ("pass".to_owned(), true),
        Ok(Verdict::Fail(findings)) => {
            (findings.first().map(|f| f.code.to_string()).unwrap_or_default(), false)
        }
        Ok(Verdict::Broken(_)) | Err(_) => ("broken".to_owned(), false),
        Ok(Verdict::Known(_)) => ("known".to_owned(), true),
        Ok(Verdict::Skipped(_)) => ("skipped".to_owned(), true),
    };
    Event::Ended { case: case.clone(), verdict, passed }
}

/// When none of the first cases came up, with tracing on and with tracing off, the others will not
/// either: going on would only take time.
fn never_up(
    spec: &Spec,
    cases: &[Case],
    slots: &[Option<Ended>],
    workers: usize,
) -> Option<String> {
    let up = |ended: &Ended| ended.as_ref().is_ok_and(|home| home.evidence.ready.yes());
    let records = |case: &Case| case.records(spec);
    let ended = || cases.iter().zip(slots).filter_map(|(case, slot)| Some((case, slot.as_ref()?)));
    let all_kinds = [true, false].into_iter().all(|kind| {
        let wanted = cases.iter().any(|case| records(case) == kind);
        !wanted || ended().any(|(case, _)| records(case) == kind)
    });
    let count = ended().count();
    if count < workers.max(2) || !all_kinds || ended().any(|(_, ended)| up(ended)) {
        return None;
    }
    Some(format!("none of the first {count} cases came up, so the others were not run"))
}

fn finish(
    (spec, today): (&Spec, Day),
    cases: &[Case],
    slots: Vec<Option<Ended>>,
    halted: Option<String>,
) -> Ran {
    let found: Vec<&Evidence> =
        slots.iter().flatten().flatten().map(|home| &home.evidence).collect();
    let mut judgements = judge_all(spec, &found);
    for (evidence, judgement) in found.iter().zip(&mut judgements) {
        expect(spec, &evidence.case, judgement, today);
    }
    let mut judgements = judgements.into_iter();
    let not_run = slots.iter().filter(|slot| slot.is_none()).count();
    let outcomes = cases.iter().zip(slots).filter_map(|(case, slot)| {
        Some(match slot? {
            // The case as the evidence has it: with its secrets masked.
            Ok(Home { evidence, folder, kept }) => Outcome {
                case: evidence.case.clone(),
                judgement: judgements.next()?,
                evidence: Some(evidence),
                folder: Some(folder),
                kept,
            },
            Err(cause) => {
                let (case, judgement) = (case.clone(), Judgement::broken(cause));
                Outcome { case, judgement, evidence: None, folder: None, kept: None }
            }
        })
    });
    let outcomes = outcomes.collect();
    Ran { outcomes, not_run, halted, ..Ran::default() }
}

/// Judges stored evidence again, without running anything. Cases that were planned and left no
/// evidence are broken or not run, as they were.
///
/// # Errors
/// When there is no evidence, or some can't be read.
pub fn rejudge(spec: &Spec, parent: &Path, today: Day) -> Result<Ran, evidence::Error> {
    let Some(record) = Record::read(parent)? else {
        let folders = evidence::list(parent)?;
        let found = folders.iter().map(|folder| evidence::read(folder));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let cases: Vec<_> = found.iter().map(|evidence| evidence.case.clone()).collect();
        let home = |(evidence, folder)| Some(Ok(Home { evidence, folder, kept: None }));
        let slots = found.into_iter().zip(folders).map(home);
        return Ok(finish((spec, today), &cases, slots.collect(), None));
    };
    let slot = |case: &Case| -> Result<Option<Ended>, evidence::Error> {
        let folder = parent.join(&case.id);
        if let Some(cause) = record.broken.get(&case.id) {
            return Ok(Some(Err(cause.clone())));
        }
        if !folder.is_dir() {
            return Ok(None);
        }
        Ok(Some(Ok(Home { evidence: evidence::read(&folder)?, folder, kept: None })))
    };
    let slots = record.planned.iter().map(slot).collect::<Result<Vec<_>, _>>()?;
    Ok(finish((spec, today), &record.planned, slots, record.halted))
}
