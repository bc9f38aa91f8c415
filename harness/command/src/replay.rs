//! `spanproof replay`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::args::Replay;
use super::capture::failure;
use super::{Exit, Failure, output, runtime, sources};
use crate::report;
use spanproof::Spec;
use spanproof::World;
use spanproof::{Bundle, IncidentError};
use spanproof_format::{Faithful, Replay as ReplayDocument, Reproduction, Verdict};

pub(super) fn replay(args: &Replay) -> Result<Exit, Failure> {
    let ended = replayed(args);
    if !args.bisect {
        return ended;
    }
    // Whatever keeps a commit from being tested says nothing about it.
    Ok(match ended {
        Ok(exit @ (Exit::Passed | Exit::Findings)) => exit,
        Ok(_) => Exit::Skip,
        Err(failure) => {
            output::error(&failure.text);
            Exit::Skip
        }
    })
}

fn replayed(args: &Replay) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let mut bundles = Vec::new();
    for path in paths(&args.incident)? {
        let bundle = Bundle::read(&path, args.assumed.edited).map_err(failure)?;
        let (route, upstream) = (&args.assumed.route, &args.assumed.upstream);
        bundles.push(bundle.assuming(route.as_deref(), upstream.as_deref()));
    }
    if args.assert_only {
        let runtime = runtime()?;
        let judged = bundles.iter().map(|bundle| runtime.block_on(assert_only(&spec, bundle)));
        return Ok(worst(judged));
    }
    if args.adopt.is_some() && bundles.len() != 1 {
        return Err(Failure::usage(anyhow!("`--adopt` takes one incident, not a folder")));
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    runtime.block_on(async {
        let world = open(args, spec).await?;
        let mut exits = Vec::new();
        for bundle in &bundles {
            exits.push(Box::pin(one(args, &world, bundle)).await?);
        }
        world.close().await.map_err(Failure::world)?;
        Ok(worst(exits.into_iter()))
    })
}

/// The incident, or all of a folder, in the order of their names.
fn paths(given: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !given.is_dir() {
        return Ok(vec![given.to_owned()]);
    }
    let paths = spanproof::list_incidents(given).map_err(failure)?;
    if paths.is_empty() {
        let text = format!(
            "`{}` holds no incident; `spanproof replay FILE --adopt` puts one there",
            given.display()
        );
        return Err(Failure { exit: Exit::Nothing, text });
    }
    Ok(paths)
}

/// The world's fault comes first, then findings, then doubt.
fn worst(exits: impl Iterator<Item = Exit>) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::World => 0,
        Exit::Findings => 1,
        Exit::Unfaithful => 2,
        _ => 3,
    };
    exits.min_by_key(rank).unwrap_or(Exit::Nothing)
}

async fn open(args: &Replay, spec: Spec) -> Result<World, Failure> {
    let world = |error: spanproof::WorldError| failure(IncidentError::World(error));
    let mut builder = World::of(&args.config).show_build();
    match &args.binary {
        Some(binary) => {
            builder = builder.binary(std::path::absolute(binary).map_err(Failure::usage)?);
        }
        None if spec.builds() => output::note(&format!("building {}", spec.service_name())),
        None => {}
    }
    let opened = builder.open_spec(spec).await.map_err(world)?;
    output::note(&opened.server().origin().to_string());
    Ok(opened)
}

async fn assert_only(spec: &Spec, bundle: &Bundle) -> Exit {
    let rejudged = spanproof::rejudge_incident(spec, bundle).await;
    output::print(&report::rejudge(&rejudged));
    match (rejudged.differences.is_empty(), rejudged.doubts.is_empty()) {
        (false, _) => Exit::Findings,
        (true, false) => Exit::Unfaithful,
        (true, true) => Exit::Passed,
    }
}

async fn one(args: &Replay, world: &World, bundle: &Bundle) -> Result<Exit, Failure> {
    let any_program = args.assumed.any_program || args.bisect || bundle.expects.is_some();
    let replayed = spanproof::replay(world, bundle, any_program).await.map_err(failure)?;
    output::print(&report::replay(&replayed));
    if let Some(expected) = &args.adopt {
        let path = spanproof::adopt(world.spec(), bundle, &replayed, expected).map_err(failure)?;
        output::print(&format!(
            "adopted as {}, with what must come of it: {expected}\n",
            path.display()
        ));
        return Ok(if spanproof::is_as_expected(expected, &replayed) {
            Exit::Passed
        } else {
            Exit::Findings
        });
    }
    if args.bisect {
        return Ok(bisected(&replayed));
    }
    Ok(match replayed.faithful {
        Faithful::Reproduced => Exit::Passed,
        Faithful::Perhaps if bundle.expects.is_some() => Exit::Passed,
        Faithful::Perhaps => Exit::Unfaithful,
        Faithful::Differs => Exit::Findings,
        Faithful::Broken => Exit::World,
    })
}

/// What `git bisect run` is told: whether the incident is there.
fn bisected(replayed: &ReplayDocument) -> Exit {
    match replayed.faithful {
        Faithful::Reproduced | Faithful::Perhaps => Exit::Findings,
        Faithful::Broken => Exit::Skip,
        Faithful::Differs => {
            let passes = |one: &Reproduction| one.judgement.verdict == Verdict::Pass;
            // Another failure says nothing about this one.
            if replayed.tried.iter().any(passes) { Exit::Passed } else { Exit::Skip }
        }
    }
}
