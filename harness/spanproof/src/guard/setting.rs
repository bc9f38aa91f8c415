//! The values of each flag in the processes of each environment, for the document that
//! `spanproof flags` prints.

use spanproof_format::FlagSetting;
use spanproof_manifest::Files;

use super::GuardError;
use super::deployed::{Deployed, DeployedFlag, Setting, read_environment};
use crate::spec::{Spec, Value};

impl Spec {
    /// Returns the values of each flag (a variable that the service reads) in the manifests of each
    /// environment (`[manifests.NAME]`), with the name of the flag. Processes of one manifest with the same
    /// value share one setting. Values that may be secrets are masked.
    ///
    /// # Errors
    /// If a manifest can't be read, or lacks the process that the spec names.
    pub fn flag_settings(
        &self,
        files: &dyn Files,
    ) -> Result<Vec<(String, FlagSetting)>, GuardError> {
        let mut all = Vec::new();
        for environment in self.manifests.keys() {
            let deployed = read_environment(self, environment, files)?;
            for flag in &self.flags {
                let settings = settings(environment, &flag.name, &deployed);
                all.extend(settings.into_iter().map(|setting| (flag.name.clone(), setting)));
            }
        }
        Ok(all)
    }
}

fn settings(environment: &str, name: &str, deployed: &[Deployed]) -> Vec<FlagSetting> {
    let mut all: Vec<FlagSetting> = Vec::new();
    for process in deployed {
        let flag = process.flags.iter().find(|flag| flag.name == name);
        let Some(new) = flag.map(|flag| setting(environment, process, flag)) else { continue };
        let what = |one: &FlagSetting| (one.manifest.clone(), one.value.clone(), one.place.clone());
        match all.iter_mut().find(|known| what(known) == what(&new)) {
            Some(known) => known.processes.extend(new.processes),
            None => all.push(new),
        }
    }
    all
}

fn setting(environment: &str, process: &Deployed, flag: &DeployedFlag) -> FlagSetting {
    let (text, known) = match &flag.setting {
        Setting::Known(Value::Unset) => ("not set".to_owned(), true),
        Setting::Known(value) => (value.to_string(), true),
        // `Refused`: the deploy tool would refuse the manifest because of this flag.
        Setting::Refused(reason) | Setting::Unknown(reason) => (reason.why.clone(), false),
    };
    let names = Some(process.process.clone()).filter(|name| !name.is_empty());
    let mut setting = FlagSetting::new(process.files.join(", "), names.into_iter().collect(), text);
    setting.environment = Some(environment.to_owned());
    setting.place = flag.place.clone().unwrap_or_default();
    setting.known = known;
    setting
}
