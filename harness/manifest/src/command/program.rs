//! Programs that change the variables of the program that they start.

use crate::variable::Place;
use crate::variables::{Scope, Unread};

pub(super) const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "busybox"];
/// Programs that start another program with the same variables, and the number of arguments before it.
pub(super) const STARTERS: [(&str, usize); 12] = [
    ("exec", 0),
    ("nohup", 0),
    ("tini", 0),
    ("dumb-init", 0),
    ("catatonit", 0),
    ("docker-init", 0),
    ("setsid", 0),
    ("time", 0),
    ("stdbuf", 0),
    ("gosu", 1),
    ("su-exec", 1),
    ("timeout", 1),
];
/// Programs that add variables from elsewhere.
pub(super) const PROVIDERS: [&str; 16] = [
    "doppler",
    "infisical",
    "chamber",
    "op",
    "aws-vault",
    "aws-env",
    "envconsul",
    "sops",
    "teller",
    "dotenvx",
    "envchain",
    "envdir",
    "s6-envdir",
    "chpst",
    "honcho",
    "foreman",
];
/// Programs that do not pass on all of their variables.
pub(super) const CLEARERS: [&str; 14] = [
    "sudo",
    "su",
    "doas",
    "runuser",
    "supervisord",
    "cron",
    "crond",
    "php-fpm",
    "init",
    "s6-svscan",
    "runsvdir",
    "runit",
    "systemd",
    "start-stop-daemon",
];
/// Whether a file that a script sources is known to set only paths.
pub(super) fn sets_paths_only(file: &str) -> bool {
    ["bin/activate", ".cargo/env", "nvm.sh", "asdf.sh"].iter().any(|end| file.ends_with(end))
}

/// Programs that start a process elsewhere, with only the variables that their arguments name.
const LAUNCHERS: [&str; 17] = [
    "docker",
    "docker-compose",
    "podman",
    "nerdctl",
    "buildah",
    "kubectl",
    "oc",
    "helm",
    "fly",
    "flyctl",
    "heroku",
    "gcloud",
    "aws",
    "az",
    "ssh",
    "nomad",
    "systemd-run",
];

/// Returns the unread variables of the process that a program starts elsewhere; `None` if it starts none.
pub(super) fn started_elsewhere(program: &str, place: &Place) -> Option<Unread> {
    let why = format!("`{program}` starts a process elsewhere, which does not get these variables");
    let resolve = "give the manifest of that process, or print the variable in it: `printenv`";
    LAUNCHERS.contains(&program).then(|| Unread::new(place.clone(), why, resolve))
}

/// Returns the variables that a command passes to a process elsewhere; `None` if it starts none.
pub(super) fn passed_elsewhere(program: &str, words: &[String], place: &Place) -> Option<Unread> {
    if !LAUNCHERS.contains(&program) {
        return None;
    }
    let why = format!("`{program}` passes it to a different process");
    let resolve = "look at that process, or print the variable in it: `printenv`";
    let unread = Unread::new(place.clone(), why, resolve);
    Some(unread.only(Scope::Mentioned(words.join(" "))))
}
