//! Opens the worlds of the tests. A world holds what trials (runs of the service) share: the spec,
//! the program of the runner and the Postgres server. All tests of this binary share one server, and
//! one world for each of the two runners.

use std::path::{Path, PathBuf};

use spanproof::{World, WorldBuilder};
use tokio::sync::OnceCell;

/// Returns a path in this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// Returns the world of the healthy runner.
pub(crate) async fn healthy() -> World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    open(&WORLD, env!("CARGO_BIN_EXE_runner")).await
}

/// Returns the world of the faulty runner, which has the defect that the variable `FAULT` names.
pub(crate) async fn faulty() -> World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    open(&WORLD, env!("CARGO_BIN_EXE_faulty-runner")).await
}

/// Opens a world of the faulty runner in which every run has the defect `fault`.
pub(crate) async fn faulty_with(fault: &str) -> World {
    let world = world(env!("CARGO_BIN_EXE_faulty-runner"));
    world.env("FAULT", fault).open().await.unwrap()
}

/// Returns the world in `cell`. Opens it if no test has done so before.
async fn open(cell: &OnceCell<World>, binary: &str) -> World {
    cell.get_or_try_init(|| world(binary).open()).await.unwrap().clone()
}

/// Returns a builder for a world of one of the runners.
fn world(binary: &str) -> WorldBuilder {
    let world = World::new(repository("spanproof.toml")).binary(binary).shared_server();
    // Both runners write all spans before the job ends. So a missing span would not arrive later, and a
    // short wait is enough.
    world.set("service.flush-ms", "500")
}
