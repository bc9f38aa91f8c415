//! Procfiles.
//!
//! Source: <https://devcenter.heroku.com/articles/procfile>: each line is a name and a command for a
//! shell. Other variables come from the platform (config vars), or from `.env` if foreman or honcho
//! starts the processes.

use super::command;
use super::files::without_bom;
use super::format::{Content, Input};
use super::process::{Process, Role};
use super::secrets;
use super::variable::Place;
use super::variables::Variables;

/// Reads a manifest.
pub(crate) fn read(input: &Input<'_>) -> Content {
    let mut processes = Vec::new();
    for (number, line) in (1..).zip(without_bom(&input.text).lines()) {
        let Some((name, text)) = line.split_once(':').filter(|(name, _)| is_name(name)) else {
            continue;
        };
        let mut variables = Variables::default();
        let resolve =
            "`heroku config > FILE` and `--secrets FILE`; for foreman and honcho look in `.env`";
        secrets::apply(input, &mut variables, resolve);
        command::apply_script(text, false, &Place::new(&input.name, number), &mut variables);
        let role = if name == "release" { Role::Helper } else { Role::Main };
        let mut process = Process::new(name, role, variables);
        process.command = text.split_whitespace().map(str::to_owned).collect();
        processes.push(process);
    }
    Content::Processes(processes)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}
