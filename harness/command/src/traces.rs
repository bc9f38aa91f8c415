//! `spanproof traces`.

use std::io::IsTerminal as _;

use super::args::{Shape, Traces};
use super::sources::{self, refused};
use super::{Exit, Failure, environment, output, runtime};
use crate::report::{self, Canvas};
use spanproof::Spec;
use spanproof::{Session, TraceMatches, TraceQuery, find_traces};

/// The width where there is no terminal to ask.
const WIDTH: usize = 100;
/// A terminal that is narrower is drawn on as if it were not.
const NARROWEST: usize = 40;

pub(super) fn traces(args: &Traces) -> Result<Exit, Failure> {
    let spec = sources::spec(&args.config)?;
    let url = sources::needed_database(args.database.as_ref())?;
    let runtime = runtime()?;
    let looked = runtime.block_on(looked(args, &spec, &url))?;
    output::print(&match args.format {
        Shape::Human => report::waterfall(&looked.document(), canvas(args)),
        Shape::Json => output::json(&looked.document())?,
        Shape::Otlp => format!("{}\n", looked.otlp()),
    });
    Ok(Exit::Passed)
}

async fn looked(args: &Traces, spec: &Spec, url: &str) -> Result<TraceMatches, Failure> {
    let query = match (&args.job, &args.execution, &args.trace) {
        (Some(job), ..) => TraceQuery::Job(job.clone()),
        (_, Some(unit), _) => TraceQuery::Unit(unit.clone()),
        (_, _, Some(trace)) => TraceQuery::Trace(trace.clone()),
        _ => TraceQuery::Newest(usize::from(args.last)),
    };
    let window = sources::window(args.since, args.until)?;
    let mut session = Session::open(url, "traces").await.map_err(refused)?;
    let looked = find_traces(&mut session, spec, &query, window).await;
    session.close().await;
    looked.map_err(refused)
}

/// How to draw: plain where nobody sees it.
fn canvas(args: &Traces) -> Canvas {
    let terminal = std::io::stdout().is_terminal();
    let able = terminal && !environment::is_dumb();
    let width = args
        .width
        .map(usize::from)
        .or_else(|| terminal.then(output::size).flatten().map(|(columns, _)| columns));
    Canvas {
        width: width.unwrap_or(WIDTH).max(NARROWEST),
        colour: (able || environment::forces_colour()) && !environment::refuses_colour(),
        blocks: able,
    }
}
