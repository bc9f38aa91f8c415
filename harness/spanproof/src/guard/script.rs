//! Scripts that the command of a process runs. What a script does with its variables is not computed;
//! here it is only recognised that it may change one.

use std::path::{Path, PathBuf};

use regex::Regex;
use spanproof_manifest::Files;

/// A line of a script that may change a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScriptLine {
    /// The path of the script.
    pub(super) file: String,
    /// The line number, from 1.
    pub(super) line: usize,
}

/// Returns the first line that may change a variable, in the scripts that a command names. A script is
/// looked for beside the manifest: a container has it elsewhere.
pub(super) fn changing_line(
    files: &dyn Files,
    manifest: &str,
    command: &[String],
    variable: &str,
) -> Option<ScriptLine> {
    let words = command.iter().flat_map(|word| word.split([' ', ';', '&', '|', '\n']));
    let scripts = scripts(files, manifest, words);
    if scripts.is_empty() {
        return None;
    }
    let name = regex::escape(variable);
    let pattern = format!(
        r"(?:^|[\s;&|(]){name}=|\bunset\b[^;&|]*\b{name}\b|\benv\s[^;&|]*-u\s*{name}\b|\benv\s+-(?:i\b|\s)|\bsudo\b|\bsu\s|\bexec\s+-c\b"
    );
    let pattern = Regex::new(&pattern).ok()?;
    scripts.into_iter().find_map(|(path, text)| {
        let is_code = |line: &str| !line.trim_start().starts_with('#');
        let mut lines = text.lines().zip(1..);
        let (_, line) = lines.find(|(line, _)| is_code(line) && pattern.is_match(line))?;
        Some(ScriptLine { file: path.display().to_string(), line })
    })
}

/// Returns the scripts among the words of a command, with their texts.
fn scripts<'a>(
    files: &dyn Files,
    manifest: &str,
    words: impl Iterator<Item = &'a str>,
) -> Vec<(PathBuf, String)> {
    let folder = Path::new(manifest).parent().unwrap_or(Path::new(""));
    let mut found: Vec<(PathBuf, String)> = Vec::new();
    for word in words.filter(|word| !word.starts_with('-') && !word.is_empty()) {
        let inside = Path::new(word.trim_start_matches("./").trim_start_matches('/'));
        let name = inside.file_name().map(Path::new);
        for path in [Some(inside), name].into_iter().flatten().map(|path| folder.join(path)) {
            if found.iter().any(|(known, _)| *known == path) {
                continue;
            }
            let Ok(bytes) = files.read(&path) else { continue };
            let Ok(text) = String::from_utf8(bytes) else { continue };
            if text.starts_with("#!") || path.extension().is_some_and(|end| end == "sh") {
                found.push((path, text));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use spanproof_manifest::MemoryFiles;

    use super::*;

    #[rstest]
    #[case::assigned("TRACING=false exec app", true)]
    #[case::exported("export TRACING=1", true)]
    #[case::unset("unset COLOUR TRACING", true)]
    #[case::dropped("exec env -i app", true)]
    #[case::one_dropped("exec env -u TRACING app", true)]
    #[case::another_user("exec sudo -u shop app", true)]
    #[case::printed("echo \"tracing: $TRACING\"", false)]
    #[case::in_a_comment("# TRACING=false", false)]
    #[case::another_variable("NO_TRACING=1 TRACING_SAMPLER=x", false)]
    #[case::set_by_env("exec env COLOUR=blue app", false)]
    fn a_line_that_may_change_the_variable_is_found(#[case] line: &str, #[case] found: bool) {
        let script = format!("#!/bin/sh\n{line}\n");
        let files = MemoryFiles::default().with("deploy/run.sh", script);
        let command = ["sh".to_owned(), "-c".to_owned(), "/app/run.sh --fast".to_owned()];
        let line = changing_line(&files, "deploy/compose.yaml", &command, "TRACING");
        assert_eq!(line.is_some(), found);
        assert_eq!(line.map(|line| line.line), found.then_some(2));
    }
}
