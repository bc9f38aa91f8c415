//! `spanproof clean`: what was kept, what dead runs left, what is cached.

use super::args::Clean;
use super::{Exit, Failure, doctor, output};
use spanproof_postgres::{Cache, Prefix, Server, Source, kept};

pub(super) fn clean(args: &Clean) -> Result<Exit, Failure> {
    let verb = if args.dry_run { "would remove" } else { "removed" };
    let mut count = 0;
    let mut removed = |what: String| {
        count += 1;
        output::print(&format!("{verb} {what}\n"));
    };
    let meant = |name: &str| args.names.is_empty() || args.names.iter().any(|one| one == name);
    for folder in kept::folders(&Prefix::default()) {
        if !meant(&folder.to_string_lossy()) {
            continue;
        }
        if !args.dry_run {
            kept::remove(&folder).map_err(Failure::world)?;
        }
        removed(folder.display().to_string());
    }
    for name in databases(args)? {
        removed(name);
    }
    if args.cache
        && let Some(cache) = Cache::of_user(&Prefix::default())
    {
        for entry in cache.entries().into_iter().filter(|entry| meant(&entry.key)) {
            if !args.dry_run && !cache.remove(&entry.key).map_err(Failure::world)? {
                output::note(&format!("{} is being read and stays", entry.key));
                continue;
            }
            removed(format!("cached {} ({})", entry.key, entry.label));
        }
    }
    if count == 0 {
        if let Some(name) = args.names.first() {
            return Err(Failure::usage(anyhow::anyhow!("nothing named `{name}` is kept")));
        }
        output::print("nothing is kept\n");
    }
    Ok(Exit::Passed)
}

/// Databases that were kept on a server which is not ours.
fn databases(args: &Clean) -> Result<Vec<String>, Failure> {
    let wanted = doctor::wanted(&args.config)?;
    if !matches!(wanted.source, Source::Url(_)) {
        return Ok(Vec::new());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    runtime.block_on(async {
        let server = Server::start(wanted).await.map_err(Failure::world)?;
        let meant = |name: &String| args.names.is_empty() || args.names.contains(name);
        let mut names = kept::databases(&server).await.map_err(Failure::world)?;
        names.retain(meant);
        if !args.dry_run {
            kept::drop(&server, names.clone()).await.map_err(Failure::world)?;
        }
        server.close().await.map_err(Failure::world)?;
        Ok(names)
    })
}
