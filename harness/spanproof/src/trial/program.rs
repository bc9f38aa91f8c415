//! Builds the service, and creates the command and environment that each case starts it with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Error;
use crate::matrix::Case;
use crate::process::{Launch, Run, run};
use crate::spec::{Cargo, Spec};

/// The program to start, with its arguments.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    args: Vec<String>,
}

impl Program {
    /// Uses an existing binary.
    pub(super) fn from_binary(path: PathBuf) -> Self {
        Self { path, args: Vec::new() }
    }

    /// Builds the service by the rules of the spec. `show` prints the output of the build.
    pub(super) async fn build(spec: &Spec, show: bool) -> Result<Self, Error> {
        let service = &spec.service;
        if !service.build.is_empty() {
            run(&Run { words: &service.build, folder: &spec.folder, show }).await?;
        }
        if let Some(cargo) = &service.cargo {
            return Self::build_cargo(spec, cargo, show).await;
        }
        let (program, args) = service.command.split_first().ok_or_else(|| Error::Unknown {
            kind: "command",
            found: String::new(),
            hint: String::new(),
        })?;
        let path = PathBuf::from(program);
        // A bare name is looked up in `PATH`; a path is relative to the spec.
        let path = if path.components().count() > 1 { absolute(spec.path(&path)) } else { path };
        Ok(Self { path, args: args.to_vec() })
    }

    async fn build_cargo(spec: &Spec, cargo: &Cargo, show: bool) -> Result<Self, Error> {
        let words = ["cargo", "build", "--bin", &cargo.bin, "--message-format"];
        let words: Vec<String> =
            words.into_iter().chain(["json-render-diagnostics"]).map(str::to_owned).collect();
        let messages = run(&Run { words: &words, folder: &spec.folder, show }).await?;
        let built = String::from_utf8_lossy(&messages).lines().rev().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_target = message.pointer("/target/name")?.as_str()? == cargo.bin;
            let path = message.get("executable")?.as_str()?;
            is_target.then(|| PathBuf::from(path))
        });
        built.map(Self::from_binary).ok_or_else(|| Error::NoBinary { bin: cargo.bin.clone() })
    }

    /// Creates the launch of one case.
    pub(super) fn launch(&self, spec: &Spec, environment: BTreeMap<String, String>) -> Launch {
        Launch {
            program: self.path.clone(),
            args: self.args.clone(),
            folder: absolute(spec.folder.clone()),
            environment,
        }
    }
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The values of the placeholders in the spec, which differ from trial to trial.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) database: String,
    pub(super) upstream: String,
    pub(super) port: u16,
}

impl Addresses {
    /// Replaces the placeholders in a text of the spec.
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{database.url}", &self.database)
            .replace("{upstream.url}", &self.upstream)
            .replace("{port}", &self.port.to_string())
    }

    /// Returns the values that snapshots replace, each after the name of its placeholder. The longest
    /// value comes first, because a shorter one may be part of it.
    pub(super) fn placeholders(&self) -> Vec<(String, String)> {
        let database = crate::mask::text(&self.database);
        let mut placeholders = vec![
            ("DATABASE".to_owned(), database),
            ("UPSTREAM".to_owned(), self.upstream.clone()),
            ("PORT".to_owned(), self.port.to_string()),
        ];
        placeholders.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        placeholders
    }

    /// Returns the whole environment of a case: the variables of the spec and the flags of the case.
    pub(super) fn environment(&self, spec: &Spec, case: &Case) -> BTreeMap<String, String> {
        let fixed = spec.service.env.iter().map(|(name, text)| (name.clone(), self.fill(text)));
        let flags = case.flags.iter().filter_map(|(name, value)| {
            let text = value.text()?;
            Some((name.clone(), text.to_owned()))
        });
        fixed.chain(flags).collect()
    }
}
