//! The variables that a command sets with its words before the service starts.

use super::program::{CLEARERS, PROVIDERS, SHELLS, STARTERS, started_elsewhere};
use super::script::evaluate;
use crate::variable::{Place, Value};
use crate::variables::{Setting, Unread, Variables};

const READ_ENVIRON: &str = "read `/proc/PID/environ` of the running process";

/// Maximum number of programs in a command that start another program.
const MAX_STARTERS: usize = 50;

/// Applies the words of a command to the variables with which it is started. Afterwards, `variables`
/// are those of the program that it runs.
pub(crate) fn apply(words: &[String], place: &Place, variables: &mut Variables) {
    let Some((first, rest)) = words.split_first() else { return };
    let program = first.rsplit('/').next().unwrap_or(first);
    let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if words.iter().filter(|word| starts_another(word)).count() > MAX_STARTERS {
        let why = format!("the command starts its program through more than {MAX_STARTERS} others");
        variables.add_unread(Unread::new(place.clone(), why, READ_ENVIRON));
    } else if program == "env" {
        env(rest, place, variables);
    } else if SHELLS.contains(&program) {
        shell(program, rest, place, variables);
    } else if let Some((_, skip)) = STARTERS.iter().find(|(starter, _)| *starter == program) {
        let options = rest.iter().take_while(|word| word.starts_with('-')).count();
        apply(rest.get(options + skip..).unwrap_or_default(), place, variables);
    } else if PROVIDERS.contains(&program) || program == "dotenv" {
        let why = format!("`{program}` starts the process and adds variables");
        variables.add_unread(Unread::new(place.clone(), why, READ_ENVIRON));
    } else if CLEARERS.contains(&program) || name == "php-fpm" {
        let why = format!("`{program}` does not pass on all of its variables");
        variables.add_unread(Unread::new(place.clone(), why, READ_ENVIRON));
    } else if let Some(unread) = started_elsewhere(program, place) {
        variables.add_unread(unread);
    } else if program == "gunicorn" {
        gunicorn(rest, place, variables);
    } else if let Some(option) = rest.iter().find(|word| word.starts_with("--env-file")) {
        let why = format!("the command reads variables from a file (`{option}`)");
        variables.add_unread_fallback(Unread::new(place.clone(), why, READ_ENVIRON));
    } else if program == "$" {
        let why = "the program of the command is known only when it runs";
        variables.add_unread_fallback(Unread::new(place.clone(), why, READ_ENVIRON));
    }
}

/// Whether a word may be a program that starts another program.
fn starts_another(word: &str) -> bool {
    let program = word.rsplit('/').next().unwrap_or(word);
    program == "env" || STARTERS.iter().any(|(starter, _)| *starter == program)
}

/// Applies a script to the variables with which a shell is started. Afterwards, `variables` are those of
/// the last program that it runs. `exports_all` is true if the shell exports every variable (`sh -a`).
pub(crate) fn apply_script(
    script: &str,
    exports_all: bool,
    place: &Place,
    variables: &mut Variables,
) {
    let words = evaluate(script, exports_all, place, variables);
    apply(&words, place, variables);
}

/// Applies the script of a workflow step. Its last program need not be the service, so the program is
/// applied only if it is `env` or a shell.
pub(crate) fn apply_step(script: &str, place: &Place, variables: &mut Variables) {
    let words = evaluate(script, false, place, variables);
    let first = words.first().map(|word| word.rsplit('/').next().unwrap_or_default());
    if first.is_some_and(|word| word == "env" || SHELLS.contains(&word)) {
        apply(&words, place, variables);
    }
}

/// Applies `env [-i] [-u NAME] [NAME=VALUE]… COMMAND`.
fn env(words: &[String], place: &Place, variables: &mut Variables) {
    let mut words = words.iter();
    while let Some(word) = words.clone().next() {
        match word.as_str() {
            "-i" | "-" | "--ignore-environment" => {
                variables.remove_all(place, "`env -i` in the command");
            }
            "-u" | "--unset" => {
                words.next();
                if let Some(name) = words.clone().next() {
                    variables.remove(name, place.clone(), "`env -u` in the command");
                }
            }
            "-C" | "--chdir" => drop(words.next()),
            "-S" | "--split-string" => {
                let why = "the command uses `env -S`, which spanproof does not evaluate";
                variables.add_unread(Unread::new(place.clone(), why, READ_ENVIRON));
            }
            _ if word.starts_with("--unset=") => {
                variables.remove(
                    &word["--unset=".len()..],
                    place.clone(),
                    "`env -u` in the command",
                );
            }
            _ if word.starts_with('-') => {}
            _ => match word.split_once('=') {
                Some((name, value)) => {
                    let value = Value::Literal(value.to_owned());
                    variables.set(Setting::new(name, value, "", place.clone()));
                }
                None => break,
            },
        }
        words.next();
    }
    let rest: Vec<_> = words.cloned().collect();
    apply(&rest, place, variables);
}

/// Applies `sh [-abc] SCRIPT`.
fn shell(program: &str, words: &[String], place: &Place, variables: &mut Variables) {
    let words = if program == "busybox" { words.get(1..).unwrap_or_default() } else { words };
    let mut exports_all = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if !word.starts_with(['-', '+']) {
            // A script file is part of the image and can't be read.
            return;
        }
        if word == "-o" {
            exports_all |= words.next().is_some_and(|option| option == "allexport");
        } else if !word.starts_with("--") {
            exports_all |= word.contains('a');
            if word.contains('c') {
                // Options may follow `-c`.
                if let Some(script) = words.find(|word| !word.starts_with('-')) {
                    apply_script(script, exports_all, place, variables);
                }
                return;
            }
        }
    }
}

/// Applies gunicorn's `-e NAME=VALUE` (its setting `raw_env`), which overrides the environment.
fn gunicorn(words: &[String], place: &Place, variables: &mut Variables) {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let pair = match word.as_str() {
            "-e" | "--env" => words.next().map(String::as_str),
            _ => word.strip_prefix("--env="),
        };
        if let Some((name, value)) = pair.and_then(|pair| pair.split_once('=')) {
            let value = Value::Literal(value.to_owned());
            variables.set(Setting::new(name, value, "", place.clone()));
        }
        if matches!(word.as_str(), "-c" | "--config") || word.starts_with("--config=") {
            let why = "the configuration file of gunicorn may set it (`raw_env`)";
            variables.add_unread(Unread::new(
                place.clone(),
                why,
                "look for `raw_env` in that file",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the value of `FLAG` after a command: `-` if unset, `?` if unknown.
    fn flag(words: &[&str], before: Option<&str>) -> String {
        let mut variables = Variables::default();
        let place = Place::new("f", 1);
        if let Some(value) = before {
            variables.set(Setting::new("FLAG", Value::Literal(value.into()), "", place.clone()));
        }
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        apply(&words, &place, &mut variables);
        match variables.get("FLAG").value {
            Value::Literal(text) => text,
            Value::Unset => "-".into(),
            _ => "?".into(),
        }
    }

    #[test]
    fn a_script_decides_the_variables_of_its_last_command() {
        for (script, before, expected) in [
            ("FLAG=true exec runner", None, "true"),
            ("FLAG='tr ue' runner", None, "tr ue"),
            ("export FLAG=true; exec runner", None, "true"),
            ("export FLAG=true && ./migrate && runner", None, "true"),
            ("./migrate && FLAG=on ./runner", None, "on"),
            ("FLAG=true; exec runner", None, "-"),
            ("FLAG=true; export FLAG; exec runner", None, "true"),
            ("FLAG=true; exec runner", Some("x"), "true"),
            ("set -a; FLAG=true; runner", None, "true"),
            ("set -ea\nFLAG=true\nrunner", None, "true"),
            ("unset FLAG; runner", Some("x"), "-"),
            ("FLAG=true ./a; ./b", None, "?"),
            ("FLAG=true ./a & ./b", None, "?"),
            ("FLAG=true ./a | tee log", None, "?"),
            ("[ -n \"$X\" ] && export FLAG=true; runner", None, "?"),
            ("if x; then export FLAG=true; fi; runner", None, "?"),
            ("if x; then export OTHER=true; fi; runner", None, "-"),
            ("if [ $FLAG = x ]; then y; fi; runner", Some("x"), "x"),
            ("if y; then . ./env; fi; runner", Some("x"), "?"),
            ("for i in 1 2; do runner; done", Some("x"), "x"),
            (". ./env; runner", Some("x"), "?"),
            ("export FLAG=$(cat x); runner", None, "?"),
            ("export FLAG=${X:-true}; runner", None, "true"),
            ("export FLAG=${FLAG:-true}; runner", Some("x"), "x"),
            ("export FLAG=${FLAG:-true}; runner", Some(""), "true"),
            ("export FLAG=\"$FLAG\"y; runner", Some("x"), "xy"),
            ("exec env -u FLAG runner", Some("x"), "-"),
            ("env -i runner", Some("x"), "-"),
            ("echo FLAG=true; runner", None, "-"),
            ("# FLAG=true\nrunner", None, "-"),
            ("runner --x FLAG=true", None, "-"),
            ("FLAG=true runner 2>&1", None, "true"),
            ("docker run -e FLAG=true x", None, "?"),
            ("docker compose up", Some("x"), "?"),
            (". .venv/bin/activate && exec runner", Some("x"), "x"),
            ("if y; then source venv/bin/activate; fi; runner", Some("x"), "x"),
            ("docker build .; docker run -e FLAG x; echo done", None, "?"),
            ("kubectl set env deploy/x OTHER=1", None, "?"),
            ("kubectl set env deploy/x OTHER=1; runner", None, "-"),
            ("exec doppler run -- runner", Some("x"), "?"),
        ] {
            assert_eq!(flag(&["sh", "-c", script], before), expected, "{script}");
        }
    }

    #[test]
    fn the_number_of_programs_that_start_another_is_limited() {
        for (count, expected) in [(40, "x"), (20_000, "?")] {
            let words: Vec<_> = ["env"].repeat(count).into_iter().chain(["runner"]).collect();
            assert_eq!(flag(&words, Some("x")), expected);
        }
    }

    #[test]
    fn the_words_of_a_command_set_variables() {
        for (words, before, expected) in [
            (&["env", "A=1", "FLAG=true", "runner"][..], None, "true"),
            (&["/usr/bin/env", "-u", "FLAG", "runner"], Some("x"), "-"),
            (&["tini", "--", "env", "FLAG=1", "runner"], None, "1"),
            (&["bash", "-ec", "FLAG=1 exec x"], None, "1"),
            (&["bash", "-o", "allexport", "-c", "FLAG=1; x"], None, "1"),
            (&["FLAG=true", "runner"], None, "-"),
            (&["gunicorn", "-e", "FLAG=true", "app"], Some("x"), "true"),
            (&["node", "--env-file=.env", "x.js"], None, "?"),
            (&["node", "--env-file=.env", "x.js"], Some("x"), "x"),
            (&["sudo", "runner"], Some("x"), "?"),
            (&["sh", "start.sh"], Some("x"), "x"),
            (&["gosu", "app", "env", "FLAG=2", "x"], None, "2"),
        ] {
            assert_eq!(flag(words, before), expected, "{words:?}");
        }
    }
}
