//! Reads a manifest in memory and describes one variable of a process.

use std::path::PathBuf;

use spanproof_manifest::{Manifest, MemoryFiles, Options, Process, Value, Variable, read};

/// Reads manifests from files in memory.
pub(crate) fn manifests(files: &[(&str, &str)], paths: &[&str]) -> Vec<Manifest> {
    let files =
        files.iter().fold(MemoryFiles::default(), |files, (path, text)| files.with(path, *text));
    let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
    read(&files, &paths, &Options::default()).unwrap()
}

/// Returns `FLAG` of a process in the first file as text: the value and the line that decides it, such as
/// `true @ compose.yaml:4`. The value is `-` if it is unset, and starts with `?` if it is not known.
pub(crate) fn flag(files: &[(&str, &str)], process: &str) -> String {
    flag_of(files, &[files[0].0], process)
}

/// Returns `FLAG` of a process in the manifests at `paths` as text, like [`flag`].
pub(crate) fn flag_of(files: &[(&str, &str)], paths: &[&str], process: &str) -> String {
    let manifests = manifests(files, paths);
    if let Some(reason) = &manifests[0].unresolved {
        return format!("unresolved: {}", reason.why);
    }
    let named = manifests[0].named(process);
    let [one] = named.as_slice() else {
        let names: Vec<_> =
            manifests[0].processes.iter().map(|process| process.name.as_str()).collect();
        return format!("{} processes named `{process}` in {names:?}", named.len());
    };
    describe(one)
}

fn describe(process: &Process) -> String {
    let variable: Variable = process.variable("FLAG");
    let place = variable.place().map(|place| format!(" @ {place}")).unwrap_or_default();
    match &variable.value {
        Value::Literal(text) => format!("{text}{place}"),
        Value::Unset => format!("-{place}"),
        Value::Elsewhere(_) => format!("?elsewhere{place}"),
        Value::Unknown(_) => format!("?unknown{place}"),
        Value::Refused(_) => format!("?refused{place}"),
    }
}
