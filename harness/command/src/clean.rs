//! `spanproof clean`: removes the folders of servers and the databases that earlier runs kept. With
//! `--cache`, also removes cached data directories.

use super::args::Clean;
use super::{Exit, Failure, doctor, output};
use spanproof_postgres::{Cache, Prefix, Server, Source, kept};

pub(super) fn clean(args: &Clean) -> Result<Exit, Failure> {
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let mut count = 0;
    let mut print = |name: String| {
        count += 1;
        output::print(&format!("{verb} {name}\n"));
    };
    let selected = |name: &str| args.names.is_empty() || args.names.iter().any(|arg| arg == name);
    for folder in kept::folders(&Prefix::default()) {
        if !selected(&folder.to_string_lossy()) {
            continue;
        }
        if !args.dry_run {
            kept::remove_folder(&folder).map_err(Failure::world)?;
        }
        print(folder.display().to_string());
    }
    for name in clean_server(args)? {
        print(name);
    }
    if args.cache
        && let Some(cache) = Cache::for_user(&Prefix::default())
    {
        for entry in cache.entries().into_iter().filter(|entry| selected(&entry.key)) {
            if !args.dry_run && !cache.remove(&entry.key).map_err(Failure::world)? {
                output::note(&format!("{} is in use and was not removed", entry.key));
                continue;
            }
            print(format!("cached {} ({})", entry.key, entry.label));
        }
    }
    if count == 0 {
        if let Some(name) = args.names.first() {
            return Err(Failure::usage(anyhow::anyhow!(
                "nothing named `{name}` to remove; `spanproof clean --dry-run --cache` \
                 lists the names, and keys of the cache need `--cache`"
            )));
        }
        output::print("nothing to remove\n");
    }
    Ok(Exit::Passed)
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
        let selected = |name: &String| args.names.is_empty() || args.names.contains(name);
        let mut names = kept::databases(&server).await.map_err(Failure::world)?;
        names.retain(selected);
        if !args.dry_run {
            kept::drop_databases(&server, names.clone()).await.map_err(Failure::world)?;
        }
        server.close().await.map_err(Failure::world)?;
        Ok(names)
    })
}
