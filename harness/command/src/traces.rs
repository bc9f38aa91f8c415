//! `spanproof traces`: finds traces in the database of an existing system and prints them. The
//! option `--execution` takes the id of a unit: a row of the unit table.

use std::io::IsTerminal as _;

use super::args::{TraceFormat, Traces};
use super::sources::{self, deployment_failure};
use super::{Exit, Failure, environment, output, runtime};
use crate::report::{self, Canvas};
use spanproof::Spec;
use spanproof::{Session, TraceMatches, TraceQuery, find_traces};

/// Columns per line if standard output is not a terminal.
const DEFAULT_WIDTH: usize = 100;
/// Minimum columns per line, even on a narrower terminal.
const MIN_WIDTH: usize = 40;

pub(super) fn traces(args: &Traces) -> Result<Exit, Failure> {
    let spec = sources::spec_with_jobs(&args.config)?;
    let url = sources::required_database_url(args.database.as_ref())?;
    let runtime = runtime()?;
    let matches = runtime.block_on(find(args, &spec, &url))?;
    match args.format {
        TraceFormat::Human => {
            output::print_coloured(&report::waterfall(&matches.document(), canvas(args)));
        }
        TraceFormat::Json => output::print(&output::json(&matches.document())?),
        TraceFormat::Otlp => output::print(&output::visible_json(&matches.otlp().to_string())),
    }
    Ok(Exit::Passed)
}

async fn find(args: &Traces, spec: &Spec, url: &str) -> Result<TraceMatches, Failure> {
    let query = match (&args.job, &args.execution, &args.trace) {
        (Some(job), ..) => TraceQuery::Job(job.clone()),
        (_, Some(unit), _) => TraceQuery::Unit(unit.clone()),
        (_, _, Some(trace)) => TraceQuery::Trace(trace.clone()),
        _ => TraceQuery::Newest(usize::from(args.last)),
    };
    let window = sources::window(args.since, args.until)?;
    let mut session = Session::open(url, "traces").await.map_err(deployment_failure)?;
    let matches = find_traces(&mut session, spec, &query, window).await;
    session.close().await;
    matches.map_err(deployment_failure)
}

/// Returns the width and the style of the waterfall. By default, a terminal gets block characters
/// and colours, and a pipe, a file or a dumb terminal gets ASCII without colours. Environment
/// variables can force or disable colours.
fn canvas(args: &Traces) -> Canvas {
    let terminal = std::io::stdout().is_terminal();
    let has_blocks = terminal && !environment::is_dumb_terminal();
    let width = args
        .width
        .map(usize::from)
        .or_else(|| terminal.then(output::terminal_size).flatten().map(|(columns, _)| columns));
    Canvas {
        width: width.unwrap_or(DEFAULT_WIDTH).max(MIN_WIDTH),
        colour: (has_blocks || environment::is_colour_forced())
            && !environment::is_colour_disabled(),
        blocks: has_blocks,
    }
}
