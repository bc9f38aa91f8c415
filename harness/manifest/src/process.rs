//! A process of a manifest.

use std::path::PathBuf;

use super::variable::Variable;
use super::variables::Variables;

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It runs for as long as the deployment.
    Main,
    /// It supports the main processes: an init container, a release command.
    Helper,
    /// Stands for the process that gets the values of a file without processes.
    Values,
    /// Stands for one of the programs that read a `.env` file in different ways.
    Reader,
}

/// A process of a manifest, with its variables.
#[derive(Debug, Clone)]
pub struct Process {
    /// The name of the object it belongs to, such as a Deployment; `None` if there is none.
    pub group: Option<String>,
    /// The name of the process in the manifest.
    pub name: String,
    /// What the process is for.
    pub role: Role,
    /// The image that it runs; `None` if the manifest names none.
    pub image: Option<String>,
    /// The words of its entry point and command; empty if they are not known.
    pub command: Vec<String>,
    /// The files and folders that its Dockerfile copies into the image; empty without a local Dockerfile.
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

    /// Returns a variable of the process. If no line sets it, it is unset, or unknown if a source that can't
    /// be read may set it.
    pub fn variable(&self, name: &str) -> Variable {
        self.variables.get(name)
    }

    /// Returns the names of all variables that a line sets or removes.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.variables.names()
    }

    /// Returns how well a service name matches the process; `None` if it does not match. The name of the
    /// process counts most, then its image, its group and its program.
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
        let mut expects_program = true;
        for word in
            self.command.iter().flat_map(|word| word.split_inclusive([' ', ';', '\n', '&', '|']))
        {
            let ends_command = word.ends_with([';', '\n', '&', '|']);
            let word = word.trim_matches([' ', ';', '\n', '&', '|']);
            let name = last_part(word);
            let skipped = word.is_empty()
                || word.starts_with('-')
                || word.contains('=')
                || STARTERS.contains(&name);
            if expects_program && !skipped {
                programs.push(name);
                expects_program = false;
            }
            expects_program |= ends_command;
        }
        programs
    }
}

/// Programs that start another program or run a script.
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
