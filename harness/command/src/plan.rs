//! `spanproof plan`, which checks the spec with its files and lists the cases, and `spanproof
//! schema`, which prints the JSON Schema of a spec. A case is one combination of flags and other
//! inputs with which the service is started.

use super::args::Plan;
use super::check::{select_cases, world_failure};
use super::{Exit, Failure, output, runtime};
use crate::report;
use spanproof::{DatabaseCheck, Spec, World};

pub(super) fn plan(args: &Plan) -> Result<Exit, Failure> {
    let (spec, cases) = select_cases(&args.cases)?;
    if args.database {
        check_database(args, &spec)?;
    } else {
        let builder = World::new(&args.cases.config);
        builder.check_inputs(spec.clone()).map_err(world_failure)?;
    }
    output::print(&report::plan(&spanproof::plan(&spec, &cases)));
    Ok(Exit::Passed)
}

pub(super) fn schema() -> Result<Exit, Failure> {
    output::print(&output::json(&spanproof::spec_schema())?);
    Ok(Exit::Passed)
}

/// Checks the files and, on a disposable server, the migrations and the tables.
fn check_database(args: &Plan, spec: &Spec) -> Result<(), Failure> {
    let check = World::new(&args.cases.config).check_database(spec.clone());
    let check = runtime()?.block_on(Box::pin(check)).map_err(world_failure)?;
    let DatabaseCheck { origin, columns } = check;
    output::note(&origin);
    output::note(&match columns {
        Some(columns) => {
            let columns = spanproof_format::count(columns, "column");
            format!("every table and all {columns} of `[tables]` exist")
        }
        None => "`[tables]` was not checked, because the service creates its tables at its start; \
                 `spanproof check` starts it"
            .to_owned(),
    });
    Ok(())
}
