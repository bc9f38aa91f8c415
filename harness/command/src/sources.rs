//! What a command is to look at: a spec, a database or a dump of one, a log.

use std::fs::File;
use std::path::Path;

use anyhow::anyhow;

use super::args::There;
use super::{Exit, Failure, environment};
use spanproof::Observation;
use spanproof::suggestion;
use spanproof::{Dump, Existing, LogStream, Moment, Rowset, Session, Subject, Window};
use spanproof::{FlagSetting, SettingValue};
use spanproof::{Spec, Value};

/// Reads the spec of a command that runs nothing.
pub(super) fn spec(config: &Path) -> Result<Spec, Failure> {
    if !config.is_file() {
        let text = "there is no `{}` here, which says what the tables and the lines of the service are called; \
                    name one with `--config FILE`";
        let text = text.replace("{}", &config.display().to_string());
        return Err(Failure::usage(anyhow!(text)));
    }
    Spec::read(config).map_err(Failure::usage)
}

/// The database's URL: as given, or from the environment.
pub(super) fn database(given: Option<&String>) -> Option<String> {
    given.cloned().or_else(environment::database_url)
}

/// The same, for a command that looks at nothing else.
pub(super) fn needed_database(given: Option<&String>) -> Result<String, Failure> {
    database(given).ok_or_else(|| {
        let text = "there is no database to look at: name one by `--database URL`, or in the variable \
                    `DATABASE_URL`";
        Failure::usage(anyhow!(text))
    })
}

/// What is asked about, checked against the spec.
fn subject(there: &There, spec: &Spec) -> Result<Subject, Failure> {
    for (name, _) in &there.flags {
        if spec.flags().iter().all(|flag| flag.name() != name) {
            let hint = suggestion(name, spec.flags().iter().map(spanproof::Flag::name));
            return Err(Failure::usage(anyhow!("no flag of the spec is named `{name}`{hint}")));
        }
    }
    Ok(Subject {
        jobs: there.jobs.clone(),
        last: usize::from(there.last),
        window: window(there.since, there.until)?,
        flags: flags(there, spec)?,
    })
}

/// A window of time, which must have room for something.
pub(super) fn window(since: Option<Moment>, until: Option<Moment>) -> Result<Window, Failure> {
    let now = chrono::Utc::now();
    let [since, until] = [since, until].map(|moment| moment.map(|moment| moment.at(now)));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Failure::usage(anyhow!(
            "nothing is between `--since` and `--until`: {since} is not before {until}"
        )));
    }
    Ok(Window { since, until })
}

/// What a manifest says about a flag.
pub(super) fn settings(path: &Path, flag: &str) -> Result<Vec<FlagSetting>, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(anyhow!("the manifest `{name}` could not be read: {error}"))
    })?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    spanproof::manifest_settings(&file, &text, flag)
        .map_err(|why| Failure::usage(anyhow!("the manifest `{name}` can't be understood: {why}")))
}

/// The flags that are known: said one by one, or else by manifests.
fn flags(there: &There, spec: &Spec) -> Result<Vec<(String, Value)>, Failure> {
    let mut flags = there.flags.clone();
    for (path, flag) in
        there.manifests.iter().flat_map(|path| spec.flags().iter().map(move |flag| (path, flag)))
    {
        let found = settings(path, flag.name())?;
        let values = found.into_iter().filter_map(|setting| match setting.value {
            SettingValue::Literal(value) => Some(Value::Set(value)),
            SettingValue::Elsewhere(_) => None,
        });
        for value in values {
            match flags.iter().find(|(name, _)| *name == flag.name()) {
                None => flags.push((flag.name().to_owned(), value)),
                Some((_, known)) if *known == value => {}
                Some(_) if there.flags.iter().any(|(name, _)| *name == flag.name()) => {}
                Some((_, known)) => {
                    let (name, file) = (flag.name(), path.display());
                    let text = format!(
                        "{name} is `{known}`, and `{value}` in `{file}`: say which by `--flag {name}=…`"
                    );
                    return Err(Failure::usage(anyhow!(text)));
                }
            }
        }
    }
    Ok(flags)
}

/// Opens the log.
pub(super) fn log(path: &Path) -> Result<LogStream<'static>, Failure> {
    let name = path.display().to_string();
    if name == "-" {
        return Ok(LogStream { name, bytes: Box::new(std::io::stdin().lock()) });
    }
    let file = File::open(path).map_err(|error| {
        Failure::usage(anyhow!("the log `{name}` could not be opened: {error}"))
    })?;
    if file.metadata().is_ok_and(|meta| meta.is_dir()) {
        return Err(Failure::usage(anyhow!("the log `{name}` is a folder")));
    }
    Ok(LogStream { name, bytes: Box::new(file) })
}

/// What is there, opened.
pub(super) struct Opened {
    pub(super) subject: Subject,
    session: Option<Session>,
    dump: Option<Dump>,
    log: Option<LogStream<'static>>,
}

impl Opened {
    /// Opens what a command is to look at.
    pub(super) async fn open(there: &There, spec: &Spec, command: &str) -> Result<Self, Failure> {
        let subject = subject(there, spec)?;
        let both = there.log.as_deref() == Some(Path::new("-")) && there.dump == there.log;
        if both {
            return Err(Failure::usage(anyhow!(
                "`--dump -` and `--log -` can't both be standard input"
            )));
        }
        let url = database(there.database.as_ref()).filter(|_| there.dump.is_none());
        let dump = there.dump.as_deref().map(Dump::open).transpose().map_err(refused)?;
        if url.is_none() && dump.is_none() && there.log.is_none() {
            let text = "there is nothing to look at: name a database (`--database URL`, or the variable \
                        `DATABASE_URL`), a dump (`--dump FILE`) or a log (`--log FILE`)";
            return Err(Failure::usage(anyhow!(text)));
        }
        if url.is_none() && dump.is_none() && !there.jobs.is_empty() {
            return Err(Failure::usage(anyhow!(
                "`--job` needs a database or a dump: a log does not name jobs"
            )));
        }
        let log = there.log.as_deref().map(log).transpose()?;
        let session = match &url {
            Some(url) => Some(Session::open(url, command).await.map_err(refused)?),
            None => None,
        };
        Ok(Self { subject, session, dump, log })
    }

    /// The source of an observation, to be read once.
    pub(super) fn existing<'a>(&'a mut self, spec: &'a Spec, subject: &'a Subject) -> Existing<'a> {
        let rows = match (&mut self.session, &self.dump) {
            (Some(session), _) => Rowset::Live(session),
            (None, Some(dump)) => Rowset::Dumped(dump),
            (None, None) => Rowset::None,
        };
        Existing { spec, subject, rows, log: self.log.take() }
    }

    /// Ends the session.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}

/// Observes what is there.
pub(super) async fn observation(
    there: &There,
    spec: &Spec,
    command: &str,
) -> Result<Observation, Failure> {
    let mut opened = Opened::open(there, spec, command).await?;
    let subject = opened.subject.clone();
    let observed = opened.existing(spec, &subject).read().await;
    opened.close().await;
    observed.map_err(refused)
}

/// What can't be reached is the world's fault, what is not there is the question's.
pub(super) fn refused(error: spanproof::DeploymentError) -> Failure {
    match error {
        spanproof::DeploymentError::Login { .. } | spanproof::DeploymentError::Gone { .. } => {
            Failure::world(error)
        }
        spanproof::DeploymentError::Ambiguous { message, example } => {
            let text = format!("{message}; name one, for instance by `--job {example}`");
            Failure { exit: Exit::Nothing, text }
        }
        spanproof::DeploymentError::Convertible { input, .. } => {
            Failure::usage(error).with(&format!("`--{input} -` reads standard input"))
        }
        spanproof::DeploymentError::Missing(_) => {
            Failure { exit: Exit::Nothing, text: error.to_string() }
        }
        _ => Failure::usage(error),
    }
}
