//! Compares the flags of each environment with the flags of an earlier commit, the base: a flag that was on
//! at the base must still be on. The proof is the file with what passing cases showed about each value of
//! each flag.

use spanproof_format::{Comparison, DeployedValue, FlagProof, GuardResult};
use spanproof_manifest::Files;

use super::GuardError;
use super::deployed::{Deployed, Setting, read_environment};
use super::environment::judge_all;
use super::judged::JudgedFlag;
use crate::document::suggestion;
use crate::spec::{Expect, Spec, Value};

/// The base: the spec, the manifests and the proof of another commit.
#[derive(Debug)]
pub struct GuardBase<'a> {
    /// The name of the commit, such as `origin/main`.
    pub name: String,
    /// The spec of the base; `None` if it had none.
    pub spec: Option<Spec>,
    /// The files of the base.
    pub files: &'a dyn Files,
    /// The proof of the base; `None` if it had none.
    pub proof: Option<FlagProof>,
}

/// The processes of an environment at the base, with their flags.
pub(super) struct BaseEnvironment {
    pub(super) environment: String,
    pub(super) deployed: Vec<Deployed>,
}

impl GuardBase<'_> {
    /// Reads the environments of the base. Also returns a note for each environment that can't be read there.
    pub(super) fn read(&self, spec: &Spec) -> (Vec<BaseEnvironment>, Vec<String>) {
        let base_spec = self.spec.as_ref();
        let names = base_spec.map(|base| base.manifests.keys()).into_iter().flatten();
        let mut names: Vec<_> = names.chain(spec.manifests.keys()).cloned().collect();
        names.sort();
        names.dedup();
        let (mut found, mut notes) = (Vec::new(), Vec::new());
        for environment in names {
            // An environment that only the new spec declares may have had the same files at the base.
            let declares = |spec: &&Spec| spec.manifests.contains_key(&environment);
            let declaring = base_spec.filter(declares).unwrap_or(spec);
            match self.read_environment(declaring, &environment) {
                Ok(deployed) => found.push(BaseEnvironment { environment, deployed }),
                Err(error) => {
                    let why = crate::chain::chain(&error);
                    notes.push(format!("`{environment}` in {}: {why}", self.name));
                }
            }
        }
        (found, notes)
    }

    /// Reads an environment. If the file that the spec names as `secrets` can't be read, the environment is
    /// read without it, because this file is often not in the repository.
    fn read_environment(
        &self,
        spec: &Spec,
        environment: &str,
    ) -> Result<Vec<Deployed>, GuardError> {
        let found = read_environment(spec, environment, self.files);
        let Err(GuardError::Secrets { .. }) = found else { return found };
        let mut spec = spec.clone();
        for manifests in spec.manifests.values_mut() {
            manifests.secrets = None;
        }
        read_environment(&spec, environment, self.files)
    }

    /// Compares the flags of an environment that were on at the base (`before`) with the current flags
    /// (`now`). `now` is `Err` if the manifests of the environment can no longer be read. `proof` is the
    /// current proof; `None` if it can't be used.
    pub(super) fn compare(
        &self,
        spec: &Spec,
        before: &BaseEnvironment,
        now: Result<&[Deployed], &GuardError>,
        proof: Option<&FlagProof>,
    ) -> Vec<Comparison> {
        let missing = Err("there is no usable proof");
        let old_proof = self.proof.as_ref().or(proof).map_or(missing, Ok);
        let new_proof = proof.or(self.proof.as_ref()).map_or(missing, Ok);
        let declaring =
            self.spec.as_ref().filter(|own| own.manifests.contains_key(&before.environment));
        let old_spec = declaring.unwrap_or(spec);
        let Some(manifests) = old_spec.manifests.get(&before.environment) else {
            return Vec::new();
        };
        let name = before.environment.as_str();
        let old = judge_all(old_spec, (name, manifests), &before.deployed, old_proof);
        let new = match (spec.manifests.get(name), now) {
            (Some(manifests), Ok(deployed)) => {
                judge_all(spec, (name, manifests), deployed, new_proof)
            }
            _ => Vec::new(),
        };
        let expects_off = |flag: &str| {
            let flag = spec.flags.iter().find(|one| one.name == flag);
            let manifests = spec.manifests.get(name);
            flag.zip(manifests).is_some_and(|(flag, all)| all.expected(flag) == Some(Expect::Off))
        };
        let is_declared = |flag: &str| spec.flags.iter().any(|one| one.name == flag);
        let mut comparisons = Vec::new();
        for was in old.iter().filter(|was| was.on == Some(true)) {
            let flag = &was.flag.name;
            if !is_declared(flag) || expects_off(flag) {
                continue;
            }
            let same_flag = || new.iter().filter(|is| is.flag.name == *flag);
            let same = same_flag().find(|is| is.deployed.process == was.deployed.process);
            let comparison = match same.or_else(|| same_flag().next()) {
                Some(is) => self.compare_flag(was, is),
                None => self.dropped_flag(was, now.err()),
            };
            if !comparisons.contains(&comparison) {
                comparisons.push(comparison);
            }
        }
        comparisons
    }

    /// Compares a flag that was on at the base (`was`) with its current value (`is`).
    fn compare_flag(&self, was: &JudgedFlag<'_>, is: &JudgedFlag<'_>) -> Comparison {
        let mut comparison = is.comparison();
        comparison.with_base = true;
        let had = self.describe_base(was);
        if is.on == Some(true) {
            comparison.result = GuardResult::Ok;
            comparison.found = format!("{had}, and it is still on");
            comparison.next = String::new();
            return comparison;
        }
        let same = was.flag.setting == is.flag.setting;
        comparison.found = match (&is.flag.setting, is.result) {
            (Setting::Known(Value::Unset), _) => {
                let hint = rename_hint(was, is);
                format!("dropped: {had}, and now {}{hint}", is.found)
            }
            (Setting::Known(_), GuardResult::Disabled) => {
                format!("disabled: {had}, and now {}", is.found)
            }
            _ if same => format!("{had}, and it still has this value; {}", is.found),
            _ => format!("changed: {had}, and now {}", is.found),
        };
        if is.on == Some(false) {
            comparison.result = GuardResult::Disabled;
            if comparison.next.is_empty() {
                comparison.next = accept_hint(was);
            }
        }
        comparison
    }

    /// Returns the comparison for a flag that the environment no longer has.
    fn dropped_flag(&self, was: &JudgedFlag<'_>, error: Option<&GuardError>) -> Comparison {
        let why = match error {
            Some(error) => crate::chain::chain(error),
            None => {
                format!("the spec has no `[manifests.{}]` with a process for it", was.environment)
            }
        };
        let found = format!("dropped: {}, and now {why}", self.describe_base(was));
        let mut comparison = Comparison::new(
            was.environment,
            &was.flag.name,
            DeployedValue::NotKnown,
            GuardResult::Disabled,
            found,
        );
        comparison.with_base = true;
        comparison.files.clone_from(&was.deployed.files);
        let section = format!("`[manifests.{}]`", was.environment);
        comparison.next = match error {
            // The file may be gone, damaged, or without the process that the spec names.
            Some(_) => format!("correct the manifest, or name the current one in {section}"),
            None => format!("name the current manifest in {section}"),
        };
        comparison
    }

    /// Returns the value at the base, as the start of a sentence:
    /// `origin/main had true (FILE:LINE), which is on`.
    fn describe_base(&self, was: &JudgedFlag<'_>) -> String {
        let value = was.flag.setting.value().map(ToString::to_string).unwrap_or_default();
        let place = was.flag.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        format!("{} had {value}{place}, which is on", self.name)
    }
}

/// Returns a hint if the process has a variable with a similar name that it lacked at the base; empty
/// otherwise.
fn rename_hint(was: &JudgedFlag<'_>, is: &JudgedFlag<'_>) -> String {
    let is_new = |name: &&String| !was.deployed.variables.contains(name);
    let names = is.deployed.variables.iter().filter(is_new).map(String::as_str);
    let hint = suggestion(&was.flag.name, names);
    hint.replace("did you mean", "was it renamed to")
}

/// Returns how to accept a flag that is off on purpose.
fn accept_hint(was: &JudgedFlag<'_>) -> String {
    format!(
        "if this is on purpose, add `expect = {{ {} = \"off\" }}` to `[manifests.{}]`",
        was.flag.name, was.environment
    )
}
