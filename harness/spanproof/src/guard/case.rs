//! The case of an environment: the first case of the matrix without a fault, with the flags from the
//! environment's manifests.

use spanproof_manifest::Files;

use super::GuardError;
use super::deployed::{Deployed, Setting, environment_section, read_environment};
use crate::matrix::{Case, cases};
use crate::spec::{Expect, Spec, Value};

/// The case that runs the service with the flags of an environment.
#[derive(Debug, Clone)]
pub struct DeployedCase {
    /// The name of the environment.
    pub environment: String,
    /// The case.
    pub case: Case,
    /// Whether the environment must record spans; `None` if the spec has no tracing flag.
    pub must_record: Option<bool>,
}

impl DeployedCase {
    /// Returns the case with the flags of an environment, which may have values that the spec does not
    /// list. Route, upstream and job are those of the first case of the matrix without a fault.
    ///
    /// # Errors
    /// If a manifest can't be read, or the value of a flag is not known.
    pub fn read(spec: &Spec, environment: &str, files: &dyn Files) -> Result<Self, GuardError> {
        let section = environment_section(spec, environment)?;
        let deployed = read_environment(spec, environment, files)?;
        let flags = spec.flags.iter().map(|flag| {
            let value = value(environment, &flag.name, &deployed)?;
            Ok((flag.name.clone(), value))
        });
        let flags = flags.collect::<Result<Vec<_>, GuardError>>()?;
        let all = cases(spec)?;
        let Some(first) = all.iter().find(|case| case.fault.is_none()) else {
            return Err(GuardError::Nothing { missing: "case without a fault" });
        };
        let case = Case::new(spec, flags, [&first.route, &first.upstream, &first.job]);
        let expected = spec.tracing_flag().and_then(|flag| section.expected(flag));
        let must_record = expected.map(|expected| expected == Expect::On);
        Ok(Self { environment: environment.to_owned(), case, must_record })
    }
}

/// Returns the value of a flag, which all processes of an environment must share.
fn value(environment: &str, name: &str, deployed: &[Deployed]) -> Result<Value, GuardError> {
    let fail = |reason: String, resolve: &str| {
        Err(GuardError::NotKnown {
            environment: environment.to_owned(),
            reason,
            resolve: resolve.to_owned(),
        })
    };
    let mut value: Option<(&Value, &str)> = None;
    let flags = deployed.iter().flat_map(|one| one.flags.iter().map(move |flag| (one, flag)));
    for (process, flag) in flags.filter(|(_, flag)| flag.name == name) {
        let found = match &flag.setting {
            Setting::Known(found) => found,
            Setting::Refused(reason) | Setting::Unknown(reason) => {
                return fail(format!("`{name}`: {}", reason.why), &reason.resolve);
            }
        };
        let Some(raw) = &flag.raw else { continue };
        match value {
            Some((known, other)) if known != raw => {
                let reason = format!(
                    "`{name}` is {found} in the process `{}`, but different in `{other}`",
                    process.process
                );
                let resolve = format!("name the process in `[manifests.{environment}]`");
                return fail(reason, &resolve);
            }
            _ => value = Some((raw, &process.process)),
        }
    }
    match value {
        Some((value, _)) => Ok(value.clone()),
        None => fail(format!("no process gets `{name}`"), "name the manifest of the service"),
    }
}
