//! The program of the service: builds it, and creates the command that starts it in each case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Error;
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

    /// Builds the service as the spec says. `show` prints the output of the build.
    pub(super) async fn build(spec: &Spec, show: bool) -> Result<Self, Error> {
        let service = &spec.service;
        if !service.build.is_empty() {
            run(&Run { words: &service.build, folder: &spec.folder, show, env: BTreeMap::new() })
                .await?;
        }
        if let Some(cargo) = &service.cargo {
            return Self::build_cargo(spec, cargo, show).await;
        }
        Self::from_words(spec, &service.command)
    }

    /// Uses a command of the spec: a program and its arguments.
    pub(super) fn from_words(spec: &Spec, words: &[String]) -> Result<Self, Error> {
        let (program, args) = words.split_first().ok_or_else(|| Error::Unknown {
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
        let words = cargo_words(cargo);
        let messages =
            run(&Run { words: &words, folder: &spec.folder, show, env: BTreeMap::new() }).await?;
        let built = String::from_utf8_lossy(&messages).lines().rev().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_target = message.pointer("/target/name")?.as_str()? == cargo.bin;
            let path = message.get("executable")?.as_str()?;
            is_target.then(|| PathBuf::from(path))
        });
        built.map(Self::from_binary).ok_or_else(|| Error::NoBinary { bin: cargo.bin.clone() })
    }

    /// Creates the command that starts the program in one case. `cwd` is the working directory, relative to
    /// the folder of the spec, and `fill` replaces placeholders.
    pub(super) fn launch(
        &self,
        spec: &Spec,
        cwd: Option<&str>,
        environment: BTreeMap<String, String>,
        fill: impl Fn(&str) -> String,
    ) -> Launch {
        let folder =
            cwd.map_or_else(|| spec.folder.clone(), |cwd| spec.path(Path::new(&fill(cwd))));
        Launch {
            program: PathBuf::from(fill(&self.path.to_string_lossy())),
            args: self.args.iter().map(|word| fill(word)).collect(),
            folder: absolute(folder),
            environment,
        }
    }

    /// Returns a hash of the program and of those arguments that are files; `None` if none of them
    /// can be read.
    pub(super) fn identity(&self, spec: &Spec) -> Option<String> {
        let cwd = spec.service.cwd.as_deref();
        self.launch(spec, cwd, BTreeMap::new(), str::to_owned).identity()
    }
}

/// Returns the cargo command that builds a binary and prints the path of the binary.
pub(super) fn cargo_words(cargo: &Cargo) -> Vec<String> {
    let words = ["cargo", "build", "--bin", &cargo.bin, "--message-format"];
    words.into_iter().chain(["json-render-diagnostics"]).map(str::to_owned).collect()
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
