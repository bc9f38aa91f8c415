//! Creates the tables of the template database if SQL files alone do not: by a command of the spec, or by
//! the service at its start. Each trial (one run of the service) gets a copy of the template database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use spanproof_postgres::{Address, Migrations};

use super::address::address_value;
use super::helper_start::start_helpers;
use super::overrides::{EffectiveTimeouts, Timeouts};
use super::processes::stop_helpers;
use super::progress::Progress;
use super::resources::Resources;
use super::service::{RunningService, ServiceOptions};
use super::stopwatch::Stopwatch;
use super::{Error, World};
use crate::matrix::Case;
use crate::observation::WaitResult;
use crate::process::{Run, run};
use crate::spec::{Spec, placeholder};

/// An error of the command that creates the tables.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Lines of the service's output that an error shows.
const TAIL: usize = 10;

/// Returns the migrations of a spec: its SQL files, and then its command, if it has one.
///
/// # Errors
/// When a file can't be read.
pub(super) fn migrations(spec: &Spec) -> Result<Migrations, Error> {
    let files = spec.migrations()?;
    if spec.database.migrate.is_empty() {
        return Ok(files);
    }
    let fingerprint = fingerprint(spec)?;
    let (words, folder) = (spec.database.migrate.clone(), spec.folder.clone());
    Ok(files.then(fingerprint, move |url| {
        let (words, folder) = (words.clone(), folder.clone());
        Box::pin(async move { migrate(&words, folder, &url).await })
    }))
}

/// Runs the command of the spec on the database at `url`. The command inherits the environment of spanproof,
/// with `DATABASE_URL` and libpq's variables set to this database.
async fn migrate(words: &[String], folder: PathBuf, url: &str) -> Result<(), Cause> {
    let address = Address::parse(url)?;
    let value = |name: &str| address_value(&address, url, name);
    let words: Vec<String> = words.iter().map(|word| placeholder::fill(word, value)).collect();
    let env = BTreeMap::from([
        ("DATABASE_URL".to_owned(), url.to_owned()),
        ("PGHOST".to_owned(), address.host.clone()),
        ("PGPORT".to_owned(), address.port.to_string()),
        ("PGDATABASE".to_owned(), address.database.clone()),
        ("PGUSER".to_owned(), address.user.clone()),
        ("PGPASSWORD".to_owned(), address.password.clone()),
    ]);
    run(&Run { words: &words, folder: &folder, show: false, env }).await?;
    Ok(())
}

/// Returns a hash of the command and of the files that it reads. If the spec lists no such files, the
/// result differs each time, so the command always runs.
fn fingerprint(spec: &Spec) -> Result<String, Error> {
    let database = &spec.database;
    if database.inputs.is_empty() {
        return Ok(uuid::Uuid::new_v4().to_string());
    }
    let mut hash = Sha256::new();
    hash.update(database.migrate.join("\0"));
    for pattern in &database.inputs {
        let invalid =
            |reason: String| Error::File { what: "`inputs`", path: PathBuf::from(pattern), reason };
        let full = spec.path(pattern.as_ref());
        let found =
            glob::glob(&full.to_string_lossy()).map_err(|error| invalid(error.to_string()))?;
        let mut files = 0;
        for path in found {
            let path = path.map_err(|error| invalid(error.to_string()))?;
            if !path.is_file() {
                continue;
            }
            let content = std::fs::read(&path).map_err(|error| invalid(error.to_string()))?;
            hash.update(path.to_string_lossy().as_bytes());
            hash.update(Sha256::digest(&content));
            files += 1;
        }
        if files == 0 {
            return Err(invalid("no file matches it".to_owned()));
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}

/// Adds a migration that starts the service once with the template database, and stops it as soon as it is
/// ready. `case` has every flag at its default.
pub(super) fn by_service(world: World, case: Case, migrations: Migrations) -> Migrations {
    let fingerprint = uuid::Uuid::new_v4().to_string();
    migrations.then(fingerprint, move |url| {
        let (world, case) = (world.clone(), case.clone());
        Box::pin(async move { Ok(start_once(&world, &case, &url).await?) })
    })
}

async fn start_once(world: &World, case: &Case, url: &str) -> Result<(), Error> {
    let spec = world.spec();
    let resources = Arc::new(Resources::new(spec, world.shared_resources())?);
    let helpers = start_helpers(world, case, url, &resources).await?;
    let timeouts = EffectiveTimeouts::new(&spec.service, Timeouts::default());
    let options = ServiceOptions {
        case,
        behaviour: world.behaviour(&case.upstream)?,
        database: url,
        resources: &resources,
        env: &BTreeMap::new(),
        job: world.job(&case.job)?,
        ready_timeout: timeouts.ready,
    };
    let mut stopwatch = Stopwatch::start(Progress::default());
    let service = RunningService::start(world, &options, &mut stopwatch).await?;
    let ready = service.ready.clone();
    let stopped = service.stop(world, timeouts.grace).await?;
    stop_helpers(helpers).await?;
    match ready {
        WaitResult::Reached => Ok(()),
        WaitResult::NotReached(reason) => {
            let tail = stopped.run.output.tail(TAIL);
            Err(Error::Migrate { reason, tail }.masked(spec))
        }
    }
}
