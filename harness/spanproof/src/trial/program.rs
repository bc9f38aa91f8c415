//! The service as the spec declares it: building it, and how each case starts it.

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
    /// A binary that is there already.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, args: Vec::new() }
    }

    /// Builds the service as the spec says and gives its program.
    pub(super) async fn build(spec: &Spec, show: bool) -> Result<Self, Error> {
        let service = &spec.service;
        if !service.build.is_empty() {
            run(&Run { words: &service.build, folder: &spec.folder, show }).await?;
        }
        if let Some(cargo) = &service.cargo {
            return Self::cargo(spec, cargo, show).await;
        }
        let (program, args) = service.command.split_first().ok_or_else(|| Error::Unknown {
            kind: "command",
            found: String::new(),
            hint: String::new(),
        })?;
        let path = PathBuf::from(program);
        // A bare name is looked up in PATH; a path is relative to the spec.
        let path = if path.components().count() > 1 { absolute(spec.path(&path)) } else { path };
        Ok(Self { path, args: args.to_vec() })
    }

    async fn cargo(spec: &Spec, cargo: &Cargo, show: bool) -> Result<Self, Error> {
        let words = ["cargo", "build", "--bin", &cargo.bin, "--message-format"];
        let words: Vec<String> =
            words.into_iter().chain(["json-render-diagnostics"]).map(str::to_owned).collect();
        let messages = run(&Run { words: &words, folder: &spec.folder, show }).await?;
        let built = String::from_utf8_lossy(&messages).lines().rev().find_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let named = message.pointer("/target/name")?.as_str()? == cargo.bin;
            let path = message.get("executable")?.as_str()?;
            named.then(|| PathBuf::from(path))
        });
        built.map(Self::at).ok_or_else(|| Error::NoBinary { bin: cargo.bin.clone() })
    }

    /// How to start it in one case.
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

/// What differs from case to case, by the name that stands for it in the spec.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    pub(super) database: String,
    pub(super) upstream: String,
    pub(super) port: u16,
}

impl Addresses {
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{database.url}", &self.database)
            .replace("{upstream.url}", &self.upstream)
            .replace("{port}", &self.port.to_string())
    }

    /// Placeholders for a snapshot, longest value first so that none hides in another.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        let database = crate::mask::text(&self.database);
        let mut names = vec![
            ("DATABASE".to_owned(), database),
            ("UPSTREAM".to_owned(), self.upstream.clone()),
            ("PORT".to_owned(), self.port.to_string()),
        ];
        names.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        names
    }

    /// The whole environment of a case: what the spec says and nothing else.
    pub(super) fn environment(&self, spec: &Spec, case: &Case) -> BTreeMap<String, String> {
        let fixed = spec.service.env.iter().map(|(name, text)| (name.clone(), self.fill(text)));
        let flags = case.flags.iter().filter_map(|(name, value)| {
            let text = value.text()?;
            Some((name.clone(), text.to_owned()))
        });
        fixed.chain(flags).collect()
    }
}
