//! `spanproof clean`: removes the folders of servers and the databases that earlier runs kept. With
//! `--cache`, also removes cached data directories.

use super::args::Clean;
use super::{Exit, Failure, doctor, output};
use spanproof_postgres::{Cache, Prefix, Server, Source, kept};

pub(super) fn clean(args: &Clean) -> Result<Exit, Failure> {
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let mut found = Vec::new();
    let mut print = |name: String, label: &str| {
        output::print(&format!("{verb} {label}\n"));
        found.push(name);
    };
    for folder in kept::folders(&Prefix::default()) {
        let name = folder.to_string_lossy().into_owned();
        if !selected(args, &name) {
            continue;
        }
        if !args.dry_run {
            kept::remove_folder(&folder).map_err(Failure::world)?;
        }
        print(name.clone(), &name);
    }
    for name in clean_server(args)? {
        print(name.clone(), &name);
    }
    let mut in_use = Vec::new();
    if args.cache
        && let Some(cache) = Cache::for_user(&Prefix::default())
    {
        for entry in cache.entries().into_iter().filter(|entry| selected(args, &entry.key)) {
            if !args.dry_run && !cache.remove(&entry.key).map_err(Failure::world)? {
                output::note(&format!("{} is in use and was not removed", entry.key));
                in_use.push(entry.key);
                continue;
            }
            let label = format!("cached {} ({})", entry.key, entry.label);
            print(entry.key, &label);
        }
    }
    let is_known = |name: &String| found.contains(name) || in_use.contains(name);
    if let Some(name) = args.names.iter().find(|name| !is_known(name)) {
        return Err(Failure::usage(anyhow::anyhow!(
            "nothing named `{name}` to remove; `spanproof clean --dry-run --cache` lists the names, and \
             keys of the cache need `--cache`"
        )));
    }
    if found.is_empty() && in_use.is_empty() {
        output::print("nothing to remove\n");
    }
    let named_in_use = !args.names.is_empty() && !in_use.is_empty();
    Ok(if named_in_use { Exit::World } else { Exit::Passed })
}

/// Returns whether the arguments name `name` or no names at all.
fn selected(args: &Clean, name: &str) -> bool {
    args.names.is_empty() || args.names.iter().any(|arg| arg == name)
}

/// Removes kept databases from the server that the spec names by URL, and returns their names. With
/// `--dry-run`, only returns the names. Empty if the spec has no URL.
fn clean_server(args: &Clean) -> Result<Vec<String>, Failure> {
    let options = doctor::postgres_options(&args.config)?;
    if !matches!(options.source, Source::Url(_)) {
        return Ok(Vec::new());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    runtime.block_on(async {
        let server = Server::start(options).await.map_err(Failure::world)?;
        let mut names = kept::databases(&server).await.map_err(Failure::world)?;
        names.retain(|name| selected(args, name));
        if !args.dry_run {
            kept::drop_databases(&server, names.clone()).await.map_err(Failure::world)?;
        }
        server.close().await.map_err(Failure::world)?;
        Ok(names)
    })
}
