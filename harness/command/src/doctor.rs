//! `spanproof doctor`: where a Postgres would come from, tried and not guessed.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::args::Doctor;
use super::{Exit, Failure, output};
use spanproof::Spec;
use spanproof_postgres::{Cache, Options, Prefix, Server, Source, kept};

pub(super) fn doctor(args: &Doctor) -> Result<Exit, Failure> {
    let wanted = wanted(&args.config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::world)?;
    let works = runtime.block_on(sources(&wanted));
    output::print(&cached());
    output::print(&held());
    Ok(if works { Exit::Passed } else { Exit::World })
}

/// What the spec asks for, where there is one, and the environment over it.
pub(super) fn wanted(config: &Path) -> Result<Options, Failure> {
    let mut options = Options::default();
    if config.is_file() {
        let spec = Spec::read(config).map_err(Failure::usage)?;
        options = spec.postgres_options().map_err(Failure::usage)?;
    } else if config != Path::new(spanproof::SPEC_FILE) {
        return Err(Failure::usage(anyhow::anyhow!("there is no `{}`", config.display())));
    }
    options.overridden().map_err(Failure::usage)
}

/// Starts a server from each source that may be meant. Whether the wanted one works.
async fn sources(wanted: &Options) -> bool {
    let sources = match &wanted.source {
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
        let start = Instant::now();
        let (sign, text) = match tried(Options { source, ..wanted.clone() }).await {
            Ok(picked) => {
                let used = if works { "would do as well" } else { "is used" };
                works = true;
                (
                    "ok",
                    format!("{picked}: {used}; a database in {} ms", start.elapsed().as_millis()),
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

async fn tried(options: Options) -> Result<String, spanproof_postgres::Error> {
    let server = Server::exactly(options).await?;
    let picked = server.origin().to_string();
    server.empty().await?.close().await?;
    server.close().await?;
    Ok(picked)
}

fn cached() -> String {
    let Some(cache) = Cache::of_user(&Prefix::default()) else {
        return "--  cache     none: neither XDG_CACHE_HOME nor HOME is set\n".into();
    };
    let entries = cache.entries();
    let folder = cache.folder().display();
    let mut text = format!("ok  cache     {folder}: {} data directories\n", entries.len());
    for entry in entries {
        let megabytes = entry.bytes / (1024 * 1024);
        let used = SystemTime::now().duration_since(entry.used).unwrap_or_default();
        let (label, key) = (entry.label, entry.key);
        let _ok =
            writeln!(text, "              {key} {label}, {megabytes} MB, used {} ago", ago(used));
    }
    text
}

fn held() -> String {
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
