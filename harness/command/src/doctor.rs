//! `spanproof doctor`: starts each source of Postgres, lists the cache and what is kept.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::args::Doctor;
use super::{Exit, Failure, output, sources};
use crate::report;
use spanproof_postgres::{Cache, Options, Prefix, Server, Source, kept};

pub(super) fn doctor(args: &Doctor) -> Result<Exit, Failure> {
    let options = postgres_options(&args.config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    let works = runtime.block_on(check_sources(&options));
    output::print(&cache());
    output::print(&kept_folders());
    Ok(if works { Exit::Passed } else { Exit::World })
}

/// Returns the Postgres options of the spec, if it exists, with the source from the environment.
pub(super) fn postgres_options(config: &Path) -> Result<Options, Failure> {
    let mut options = Options::default();
    if config.is_file() {
        let spec = sources::read_spec(config)?;
        options = spec.postgres_options().map_err(Failure::usage)?;
    } else if config != Path::new(spanproof::SPEC_FILE) {
        return Err(Failure::usage(anyhow::anyhow!("no spec file `{}`", config.display())));
    }
    options.with_source_from_env().map_err(Failure::usage)
}

/// Starts a server from each source and prints the result. Returns whether one works.
async fn check_sources(options: &Options) -> bool {
    let sources = match &options.source {
        Source::Auto => vec![Source::Binaries(None), Source::Docker(None)],
        one => vec![one.clone()],
    };
    let mut works = false;
    for source in sources {
        let name = match &source {
            Source::Docker(_) => "Docker",
            Source::Url(_) => "URL",
            _ => "binaries",
        };
        let started = Instant::now();
        let (sign, text) = match start(Options { source, ..options.clone() }).await {
            Ok(origin) => {
                let used = if works { "works, too" } else { "would be used" };
                works = true;
                (
                    "ok",
                    format!("{origin}: {used}; a database in {} ms", started.elapsed().as_millis()),
                )
            }
            Err(error) => {
                ("no", spanproof::mask_secrets(&format!("{:#}", anyhow::Error::new(error))))
            }
        };
        output::print(&format!("{sign}  {name:<9} {text}\n"));
    }
    works
}

/// Starts a server, creates a database, and returns the origin of the server.
async fn start(options: Options) -> Result<String, spanproof_postgres::Error> {
    let server = Server::start_ignoring_env(options).await?;
    let origin = server.origin().to_string();
    server.empty_database().await?.close().await?;
    server.close().await?;
    Ok(origin)
}

fn cache() -> String {
    let Some(cache) = Cache::for_user(&Prefix::default()) else {
        return "--  cache     none: neither XDG_CACHE_HOME nor HOME is set\n".into();
    };
    let entries = cache.entries();
    let folder = cache.folder().display();
    let mut text =
        format!("ok  cache     {folder}: {}\n", report::count(entries.len(), "data directory"));
    for entry in entries {
        let megabytes = entry.bytes / (1024 * 1024);
        let used = SystemTime::now().duration_since(entry.last_used).unwrap_or_default();
        let (label, key) = (entry.label, entry.key);
        let _ok =
            writeln!(text, "              {key} {label}, {megabytes} MB, used {} ago", ago(used));
    }
    text
}

fn kept_folders() -> String {
    let mut text = String::new();
    for folder in kept::folders(&Prefix::default()) {
        let _ok =
            writeln!(text, "--  kept      {}: `spanproof clean` removes it", folder.display());
    }
    text
}

fn ago(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
