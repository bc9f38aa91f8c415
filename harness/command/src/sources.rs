//! The inputs of a command: a spec, a database or a dump, a log.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::args::SystemArgs;
use super::{Exit, Failure, environment, output};
use spanproof::Observation;
use spanproof::suggestion;
use spanproof::{
    DeploymentError, Dump, ExistingSystem, JobSelection, LogStream, RowSource, Session, TimeBound,
    Window,
};
use spanproof::{ManifestFlag, Spec, Value};
use spanproof_manifest::{DiskFiles, Manifest, Options, Secrets};

/// Reads the spec, which must exist, and prints its warnings.
pub(super) fn spec(config: &Path) -> Result<Spec, Failure> {
    if !config.is_file() {
        return Err(Failure::usage(anyhow!(
            "no spec file `{}`; use `--config FILE`",
            config.display()
        )));
    }
    read_spec(config)
}

/// Reads the spec of a command that looks up jobs. `Err` if the spec names no table of jobs.
pub(super) fn spec_with_jobs(config: &Path) -> Result<Spec, Failure> {
    let spec = spec(config)?;
    if spec.job_table().is_empty() {
        return Err(Failure::usage(anyhow!(
            "`{}` has no table of jobs, and this command looks up jobs there; name one as `table` under \
             `[tables.jobs]`",
            config.display()
        )));
    }
    Ok(spec)
}

/// Reads a spec and prints its warnings.
pub(super) fn read_spec(config: &Path) -> Result<Spec, Failure> {
    let spec = Spec::read(config).map_err(Failure::usage)?;
    for warning in spec.warnings() {
        output::warning(warning);
    }
    Ok(spec)
}

/// Returns the database URL from the argument or the environment.
pub(super) fn database_url(argument: Option<&String>) -> Option<String> {
    argument.cloned().or_else(environment::database_url)
}

/// Returns the database URL from the argument or the environment; `Err` if neither has a URL.
pub(super) fn required_database_url(argument: Option<&String>) -> Result<String, Failure> {
    database_url(argument).ok_or_else(|| {
        Failure::usage(anyhow!("no database: use `--database URL` or set `DATABASE_URL`"))
    })
}

/// Returns which jobs the arguments select; `Err` if the spec lacks a flag that they name.
fn selection(system: &SystemArgs, spec: &Spec) -> Result<JobSelection, Failure> {
    for (name, _) in &system.flags {
        if spec.flags().iter().all(|flag| flag.name() != name) {
            let hint = suggestion(name, spec.flags().iter().map(spanproof::Flag::name));
            return Err(Failure::usage(anyhow!("no flag of the spec is named `{name}`{hint}")));
        }
    }
    Ok(JobSelection {
        jobs: system.jobs.clone(),
        last: usize::from(system.last),
        window: window(system.since, system.until)?,
        flags: flags(system, spec)?,
    })
}

/// Returns the window from `since` until `until`; `Err` if the window is empty.
pub(super) fn window(
    since: Option<TimeBound>,
    until: Option<TimeBound>,
) -> Result<Window, Failure> {
    let now = chrono::Utc::now();
    let [since, until] = [since, until].map(|bound| bound.map(|bound| bound.resolve(now)));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Failure::usage(anyhow!(
            "`--since` must be before `--until`, but {since} is not before {until}"
        )));
    }
    Ok(Window { since, until })
}

/// Reads deploy manifests. `secrets` is a file with the names of variables that are set outside of them.
pub(super) fn manifests(
    paths: &[PathBuf],
    secrets: Option<&Path>,
) -> Result<Vec<Manifest>, Failure> {
    let mut options = Options::default();
    if let Some(path) = secrets {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(anyhow!("could not read the secrets `{name}`: {error}"))
        })?;
        options.secrets = Some(Secrets::parse(&name, &text));
    }
    spanproof_manifest::read(&DiskFiles, paths, &options).map_err(Failure::usage)
}

/// Returns the flags whose values are known. An argument `--flag` takes precedence over manifests.
fn flags(system: &SystemArgs, spec: &Spec) -> Result<Vec<(String, Value)>, Failure> {
    let mut flags = system.flags.clone();
    let manifests = manifests(&system.manifests, None)?;
    for (manifest, flag) in
        manifests.iter().flat_map(|manifest| spec.flags().iter().map(move |flag| (manifest, flag)))
    {
        let found = ManifestFlag::new(spec, manifest, flag.name(), None, &DiskFiles);
        let Some(value) = found.value().map(|value| Value::Set(value.to_owned())) else { continue };
        match flags.iter().find(|(name, _)| *name == flag.name()) {
            None => flags.push((flag.name().to_owned(), value)),
            Some((_, known)) if *known == value => {}
            Some(_) if system.flags.iter().any(|(name, _)| *name == flag.name()) => {}
            Some((_, known)) => {
                let (name, file) = (flag.name(), manifest.files.join("`, `"));
                let text = format!(
                    "`{name}` is `{known}` in one manifest and `{value}` in `{file}`; \
                     choose one with `--flag {name}=…`"
                );
                return Err(Failure::usage(anyhow!(text)));
            }
        }
    }
    Ok(flags)
}

/// Opens a log. The path `-` means standard input.
pub(super) fn log(path: &Path) -> Result<LogStream<'static>, Failure> {
    let name = path.display();
    if path != Path::new("-") {
        std::fs::File::open(path)
            .map_err(|error| Failure::usage(anyhow!("could not open the log `{name}`: {error}")))?;
        if path.is_dir() {
            return Err(Failure::usage(anyhow!("the log `{name}` is a folder, expected a file")));
        }
    }
    LogStream::open(path).map_err(deployment_failure)
}

/// The opened inputs of a command.
pub(super) struct Inputs {
    pub(super) selection: JobSelection,
    session: Option<Session>,
    dump: Option<Dump>,
    log: Option<LogStream<'static>>,
}

impl Inputs {
    /// Opens the inputs. `command` is the name of the command; the database session gets the same
    /// name.
    pub(super) async fn open(
        system: &SystemArgs,
        spec: &Spec,
        command: &str,
    ) -> Result<Self, Failure> {
        let selection = selection(system, spec)?;
        if system.log.as_deref() == Some(Path::new("-")) && system.dump == system.log {
            return Err(Failure::usage(anyhow!(
                "`--dump -` and `--log -` can't both read standard input"
            )));
        }
        let url = database_url(system.database.as_ref()).filter(|_| system.dump.is_none());
        let dump =
            system.dump.as_deref().map(Dump::open).transpose().map_err(deployment_failure)?;
        let dump = dump.map(|dump| match &system.dump_database {
            Some(name) => dump.with_database(name),
            None => dump,
        });
        if url.is_none() && dump.is_none() && system.log.is_none() {
            return Err(Failure::usage(anyhow!(
                "no database, dump or log: use `--database URL` (or set `DATABASE_URL`), \
                 `--dump FILE` or `--log FILE`"
            )));
        }
        if url.is_none() && dump.is_none() && !system.jobs.is_empty() {
            return Err(Failure::usage(anyhow!(
                "`--job` needs a database or a dump; a log has no job ids"
            )));
        }
        let log = system.log.as_deref().map(log).transpose()?;
        let log = log.map(|log| LogStream {
            zone: system.log_zone,
            format: system.log_format.clone(),
            ..log
        });
        let session = match &url {
            Some(url) => Some(Session::open(url, command).await.map_err(deployment_failure)?),
            None => None,
        };
        Ok(Self { selection, session, dump, log })
    }

    /// Returns the existing system for reading. A second call returns the system without the log,
    /// because the log can be read only once.
    pub(super) fn existing_system<'a>(
        &'a mut self,
        spec: &'a Spec,
        selection: &'a JobSelection,
    ) -> ExistingSystem<'a> {
        let rows = match (&mut self.session, &self.dump) {
            (Some(session), _) => RowSource::Session(session),
            (None, Some(dump)) => RowSource::Dump(dump),
            (None, None) => RowSource::None,
        };
        ExistingSystem { spec, selection, rows, log: self.log.take() }
    }

    /// Closes the session.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

/// Reads the rows and the log of an existing system. `command` is as in [`Inputs::open`].
pub(super) async fn observe(
    system: &SystemArgs,
    spec: &Spec,
    command: &str,
) -> Result<Observation, Failure> {
    let mut inputs = Inputs::open(system, spec, command).await?;
    let selection = inputs.selection.clone();
    let observation = inputs.existing_system(spec, &selection).read().await;
    inputs.close().await;
    observation.map_err(deployment_failure)
}

/// Converts an error to an exit code and a message. The code is [`Exit::World`] if the database can't
/// be reached, and [`Exit::Nothing`] if the selected job is missing or ambiguous.
pub(super) fn deployment_failure(error: DeploymentError) -> Failure {
    match error {
        DeploymentError::Login { .. } | DeploymentError::ConnectionLost { .. } => {
            Failure::world(error)
        }
        DeploymentError::Ambiguous { message, example } => {
            let text = format!("{message}; choose one, for example with `--job {example}`");
            Failure { exit: Exit::Nothing, text }
        }
        DeploymentError::NeedsConversion { input, .. } => {
            Failure::usage(error).with_hint(&format!("`--{input} -` reads standard input"))
        }
        DeploymentError::SeveralDatabases { .. } => {
            Failure::usage(error).with_hint("choose one with `--dump-database NAME`")
        }
        DeploymentError::NotFound(_) => Failure { exit: Exit::Nothing, text: error.to_string() },
        _ => Failure::usage(error),
    }
}
