//! The worlds of the tests. A world is what trials share: the spec, the program of the runner and
//! the Postgres server. All tests of this binary share one server, and one world per runner.

use std::path::{Path, PathBuf};

use spanproof::World;
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

/// Returns the world of the faulty runner; `FAULT` names the fault.
pub(crate) async fn faulty() -> World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    open(&WORLD, env!("CARGO_BIN_EXE_faulty-runner")).await
}

async fn open(cell: &OnceCell<World>, binary: &str) -> World {
    let open = || {
        let world = World::new(repository("spanproof.toml")).binary(binary).shared_server();
        // Both runners write each span before its job ends, so a missing one does not come later.
        world.set("service.flush-ms", "500").open()
    };
    cell.get_or_try_init(open).await.unwrap().clone()
}
