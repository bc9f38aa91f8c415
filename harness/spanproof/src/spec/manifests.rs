//! `[manifests.NAME]`: the deploy manifests of one environment, such as production.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use toml::Spanned;

use super::Flag;
use crate::document::{Document, Error, suggestion};

/// The manifests of one environment, and what the flags must do there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifests {
    /// The manifests, relative to the spec. A folder stands for the files in it that are deployed.
    pub files: Vec<PathBuf>,
    /// The process in the manifests that runs the service. By default, spanproof looks for the process that
    /// fits the service.
    pub process: Option<String>,
    /// A file with the names of the variables that are set outside the manifests, as
    /// `fly secrets list` prints them.
    pub secrets: Option<PathBuf>,
    /// What a flag must be in this environment: `on` or `off`. The default for the tracing flag is
    /// `on`.
    #[serde(default)]
    pub expect: BTreeMap<String, Expect>,
    /// The location of the section, as `FILE:LINE`.
    #[serde(skip)]
    pub place: String,
}

/// What a flag must be in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expect {
    /// The flag has a value that switches it on.
    On,
    /// The flag has a value that leaves it off.
    Off,
}

impl Manifests {
    /// Returns what a flag must be; `None` if it may be on or off.
    pub(crate) fn expected(&self, flag: &Flag) -> Option<Expect> {
        self.expect.get(&flag.name).copied().or(flag.tracing.then_some(Expect::On))
    }
}

/// Checks the sections, and sets [`Manifests::place`].
///
/// # Errors
/// If an environment has no files, or its `expect` names a flag that the spec lacks.
pub(super) fn check(
    document: &Document,
    flags: &[Flag],
    sections: BTreeMap<String, Spanned<Manifests>>,
) -> Result<BTreeMap<String, Manifests>, Error> {
    let checked = sections.into_iter().map(|(name, section)| {
        let span = section.span();
        let mut manifests = section.into_inner();
        let fail = |message: String| Err(document.error_at(span.clone(), message));
        if manifests.files.is_empty() {
            return fail(format!("`[manifests.{name}]` has no `files`; name a manifest"));
        }
        for flag in manifests.expect.keys() {
            if flags.iter().all(|known| known.name != *flag) {
                let hint = suggestion(flag, flags.iter().map(|flag| flag.name.as_str()));
                let message = format!("`expect` names `{flag}`, which is not a `[[flag]]`{hint}");
                return fail(message);
            }
        }
        let line = document.line(span.start);
        manifests.place = format!("{}:{line}", document.path().display());
        Ok((name, manifests))
    });
    checked.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::spec::{Spec, example};

    fn read(section: &str) -> Result<Spec, String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spanproof.toml");
        let text = std::fs::read_to_string(path).unwrap() + section;
        let document = Document::new("spanproof.toml", text);
        Spec::from_document(&document).map_err(|error| error.to_string())
    }

    #[test]
    fn the_tracing_flag_must_be_on_unless_the_environment_expects_it_off() {
        let spec = example(|text| {
            text + "\n[manifests.production]\nfiles = ['fly.toml']\n[manifests.preview]\n\
                    files = ['fly.toml']\nexpect = { ENABLE_DB_TRACING = 'off' }\n"
        });
        let expected = |environment: &str, flag: usize| {
            spec.manifests[environment].expected(&spec.flags[flag])
        };
        assert_eq!(expected("production", 0), Some(Expect::On));
        assert_eq!(expected("production", 1), None);
        assert_eq!(expected("preview", 0), Some(Expect::Off));
    }

    #[rstest]
    #[case::no_files("files = []", "`[manifests.production]` has no `files`")]
    #[case::unknown_flag(
        "files = ['a']\nexpect = { ENABLE_DB_TRACE = 'on' }",
        "`expect` names `ENABLE_DB_TRACE`, which is not a `[[flag]]`; did you mean `ENABLE_DB_TRACING`?"
    )]
    #[case::unknown_state(
        "files = ['a']\nexpect = { ENABLE_DB_TRACING = 'true' }",
        "unknown variant `true`, expected `on` or `off`"
    )]
    fn an_invalid_section_is_rejected(#[case] keys: &str, #[case] message: &str) {
        let error = read(&format!("\n[manifests.production]\n{keys}\n")).unwrap_err();
        assert!(error.starts_with("spanproof.toml:14") || error.starts_with("spanproof.toml:15"));
        assert!(error.contains(message), "{error}");
    }
}
