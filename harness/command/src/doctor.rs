//! `spanproof doctor`: starts a server from the source of Postgres that the spec names, or from server
//! binaries and from Docker. Lists the cached data directories and the kept folders of servers.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::args::Doctor;
use super::{Exit, Failure, output, sources};
use spanproof_postgres::{Cache, Options, Prefix, Server, Source, kept};

pub(super) fn doctor(args: &Doctor) -> Result<Exit, Failure> {
    let options = postgres_options(&args.config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    let works = runtime.block_on(check_sources(&options));
    output::print(&cache_text());
    output::print(&kept_folders_text());
    Ok(if works { Exit::Passed } else { Exit::World })
}

/// Returns the Postgres options of the spec, or the defaults if there is no spec. The environment
/// variable `SPANPROOF_POSTGRES` takes precedence over the source in the spec.
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

/// Starts a server from the source of the options, or from each source that [`Source::Auto`] tries. Prints
/// the results. Returns whether any source works.
async fn check_sources(options: &Options) -> bool {
    let sources = match &options.source {
        Source::Auto => vec![Source::Binaries(None), Source::Docker(None)],
        source => vec![source.clone()],
    };
    let mut any_works = false;
    for source in sources {
        let name = match &source {
            Source::Docker(_) => "Docker",
            Source::Url(_) => "URL",
            _ => "binaries",
        };
        let (sign, text) = match start(Options { source, ..options.clone() }).await {
            Ok((origin, ready)) => {
                let used = if any_works { "also works" } else { "would be used" };
                any_works = true;
                let ready = ready.as_millis();
                ("ok", format!("{origin}: {used}; a new database was ready after {ready} ms"))
            }
            Err(error) => {
                ("no", spanproof::mask_secrets(&format!("{:#}", anyhow::Error::new(error))))
            }
        };
        output::print(&format!("{sign}  {name:<9} {text}\n"));
    }
    any_works
}

/// Starts a server, creates a database, and stops the server. Returns its origin, and the time until the database was
/// ready.
async fn start(options: Options) -> Result<(String, Duration), spanproof_postgres::Error> {
    let started = Instant::now();
    let server = Server::start_ignoring_env(options).await?;
    let origin = server.origin().to_string();
    let database = server.empty_database().await?;
    let ready = started.elapsed();
    database.close().await?;
    server.close().await?;
    Ok((origin, ready))
}

/// Returns the lines about the cache: its folder and its data directories.
fn cache_text() -> String {
    let Some(cache) = Cache::for_user(&Prefix::default()) else {
        return "--  cache     none: neither XDG_CACHE_HOME nor HOME is an absolute path\n".into();
    };
    let entries = cache.entries();
    let folder = cache.folder().display();
    let mut text = format!(
        "ok  cache     {folder}: {}\n",
        spanproof_format::count(entries.len(), "data directory")
    );
    for entry in entries {
        let megabytes = entry.bytes / (1024 * 1024);
        let used = SystemTime::now().duration_since(entry.last_used).unwrap_or_default();
        let (label, key) = (entry.label, entry.key);
        let _infallible = writeln!(
            text,
            "              {key} {label}, {megabytes} MB, used {} ago",
            rounded(used)
        );
    }
    text
}

/// Returns a line for each kept folder.
fn kept_folders_text() -> String {
    let mut text = String::new();
    for folder in kept::folders(&Prefix::default()) {
        let _infallible =
            writeln!(text, "--  kept      {}: `spanproof clean` removes it", folder.display());
    }
    text
}

/// Returns a duration as text, rounded down to seconds, minutes or hours.
fn rounded(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
