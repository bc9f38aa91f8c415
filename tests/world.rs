//! The worlds that tests share: one server for this whole program, one world per binary.

use std::path::{Path, PathBuf};

use spanproof::World;
use tokio::sync::OnceCell;

/// A path of this repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// The world of the healthy runner.
pub(crate) async fn healthy() -> World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    open(&WORLD, env!("CARGO_BIN_EXE_runner")).await
}

/// The world of the runner with a fault, which `FAULT` names.
pub(crate) async fn faulty() -> World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    open(&WORLD, env!("CARGO_BIN_EXE_faulty-runner")).await
}

async fn open(cell: &OnceCell<World>, binary: &str) -> World {
    let open = || World::of(repository("spanproof.toml")).binary(binary).shared_server().open();
    cell.get_or_try_init(open).await.unwrap().clone()
}
