//! A process of a manifest.

use std::path::PathBuf;

use super::variable::Variable;
use super::variables::Variables;

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It runs as long as the deployment.
    Main,
    /// It ends before or beside the main processes: an init container, a release command.
    Helper,
    /// The file has values and no processes. This stands for whoever gets the values.
    Values,
    /// The file has lines that programs read in different ways. This stands for one such program.
    Reader,
}

/// A process of a manifest, with its variables.
#[derive(Debug, Clone)]
pub struct Process {
    /// The name of what it belongs to, such as a Deployment; `None` if there is no such thing.
    pub group: Option<String>,
    /// The name of the process in the manifest.
    pub name: String,
    /// What the process is for.
    pub role: Role,
    /// The image that it runs; `None` if the manifest names none.
    pub image: Option<String>,
    /// The words of its command, after the entry point of its image; empty if the manifest has none.
    pub command: Vec<String>,
    /// The files and folders that a Dockerfile copies into its image; empty if no Dockerfile is at hand.
    pub copied: Vec<PathBuf>,
    pub(crate) variables: Variables,
}

impl Process {
    pub(crate) fn new(name: &str, role: Role, variables: Variables) -> Self {
        Self {
            name: name.to_owned(),
            group: None,
            role,
            image: None,
            command: Vec::new(),
            copied: Vec::new(),
            variables,
        }
    }

    /// Returns a variable of the process. It is unset if no source sets it.
    pub fn variable(&self, name: &str) -> Variable {
        self.variables.get(name)
    }

    /// Returns the names of all variables that a line sets or removes.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.variables.names()
    }

    /// Returns how well a name fits the process; `None` if it does not fit. The name of the process
    /// fits best, then its image, then what it belongs to, then its program.
    pub(crate) fn fit(&self, service: &str) -> Option<u8> {
        if self.name == service || last_part(&self.name) == service {
            return Some(4);
        }
        let image = self.image.as_deref().map(last_part).unwrap_or_default();
        if image.split([':', '@']).next() == Some(service) {
            return Some(3);
        }
        if self.group.as_deref() == Some(service) {
            return Some(2);
        }
        self.programs().contains(&service).then_some(1)
    }

    /// Returns the names of the programs that the command starts.
    fn programs(&self) -> Vec<&str> {
        let mut programs = Vec::new();
        let mut expected = true;
        for word in
            self.command.iter().flat_map(|word| word.split_inclusive([' ', ';', '\n', '&', '|']))
        {
            let ends = word.ends_with([';', '\n', '&', '|']);
            let word = word.trim_matches([' ', ';', '\n', '&', '|']);
            let name = last_part(word);
            let skipped = word.is_empty()
                || word.starts_with('-')
                || word.contains('=')
                || STARTERS.contains(&name);
            if expected && !skipped {
                programs.push(name);
                expected = false;
            }
            expected |= ends;
        }
        programs
    }
}

/// Programs that start another one.
const STARTERS: [&str; 22] = [
    "exec",
    "env",
    "sh",
    "bash",
    "ash",
    "dash",
    "zsh",
    "nohup",
    "tini",
    "dumb-init",
    "gosu",
    "su-exec",
    "python",
    "python3",
    "node",
    "ruby",
    "perl",
    "time",
    "nice",
    "setsid",
    "catatonit",
    "busybox",
];

fn last_part(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or_default()
}
