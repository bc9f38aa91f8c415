//! The variables that a shell script sets before it starts the service.

use std::collections::{BTreeMap, BTreeSet};

use super::program::{passed_elsewhere, sets_paths_only};
use super::token::{Part, Token, name_length, tokens};
use crate::variable::{Place, Reason, Value};
use crate::variables::{Scope, Setting, Unread, Variables, mentions};

/// Reserved words of the shell.
const KEYWORDS: [&str; 14] = [
    "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "function", "!",
];
/// Commands that may set any variable.
const READERS: [&str; 4] = [".", "source", "eval", "read"];

/// A command of a script: its assignments, its words, and the operator after it.
struct Command {
    assignments: Vec<(String, Vec<Part>)>,
    words: Vec<Vec<Part>>,
    operator: &'static str,
}

/// Applies a script to the variables with which a shell is started. Afterwards, `variables` are those of
/// the last command. Returns the words of that command. `exports_all` is true if the shell exports every
/// variable (`sh -a`).
pub(super) fn evaluate(
    script: &str,
    exports_all: bool,
    place: &Place,
    variables: &mut Variables,
) -> Vec<String> {
    let commands = tokens(script).and_then(commands);
    let Some(commands) = commands.filter(|commands| !commands.is_empty()) else {
        mark_script_unknown(script, place, variables);
        return Vec::new();
    };
    let last = final_command(&commands);
    let mut shell =
        Shell { place, exports_all, unexported: BTreeMap::new(), exported: BTreeSet::new() };
    let mut words = Vec::new();
    for (index, command) in commands.iter().enumerate().take(last + 1) {
        // `test … && export A=1` may run only its first half, and so may `a || b`.
        let before = index.checked_sub(1).map_or(";", |before| commands[before].operator);
        let ends_in_final = (index..last).all(|next| commands[next].operator == "&&");
        let conditional = before == "||" || before == "&&" && !ends_in_final;
        if conditional || index < last && in_subshell(&commands, index) {
            shell.mark_mentioned(command, variables);
        } else if index == last {
            words = shell.start(command, variables);
        } else {
            shell.run(command, variables);
        }
    }
    for command in commands[last + 1..].iter().filter(|command| !command.words.is_empty()) {
        shell.mark_mentioned(command, variables);
    }
    words
}

/// Whether a command runs in its own process: in a pipeline or in the background.
fn in_subshell(commands: &[Command], index: usize) -> bool {
    let is_listed = |command: &&Command| matches!(command.operator, "&&" | "||");
    let end = index + commands[index..].iter().take_while(is_listed).count();
    let in_pipe = |index: usize| commands.get(index).is_some_and(|one| one.operator == "|");
    in_pipe(index)
        || index > 0 && in_pipe(index - 1)
        || commands.get(end).is_some_and(|command| command.operator == "&")
}

/// Makes every variable that a script seems to set unknown.
fn mark_script_unknown(script: &str, place: &Place, variables: &mut Variables) {
    let words: Vec<_> =
        script.split([' ', '\n', ';', '\t']).filter(|word| !word.is_empty()).collect();
    let reads = words.iter().enumerate().any(|(index, word)| {
        let file = words.get(index + 1).copied().unwrap_or_default();
        READERS.contains(word) && *word != "read" && !sets_paths_only(file)
    });
    let scope = if reads { Scope::Any } else { Scope::Assigned(script.to_owned()) };
    mark_unknown(scope, place, variables);
}

/// Makes the variables in `scope` unknown, because the script of the command may set them.
fn mark_unknown(scope: Scope, place: &Place, variables: &mut Variables) {
    let why =
        "the shell script of the command may set it, but spanproof does not evaluate the script";
    let resolve = "print the variable in that script, or read `/proc/PID/environ`";
    variables.add_unread(Unread::new(place.clone(), why, resolve).only(scope));
}

/// Returns the index of the command that becomes the process: the first with `exec`, otherwise the last.
fn final_command(commands: &[Command]) -> usize {
    let executes =
        |command: &Command| plain(command.words.first()) == Some("exec") && command.words.len() > 1;
    commands.iter().position(executes).unwrap_or_else(|| {
        let runs = |command: &Command| !command.words.is_empty();
        commands.iter().rposition(runs).unwrap_or(commands.len() - 1)
    })
}

/// Returns the text of a word; `None` if it has variables.
fn plain(word: Option<&Vec<Part>>) -> Option<&str> {
    match word?.as_slice() {
        [Part::Text { text, .. }] => Some(text),
        _ => None,
    }
}

/// Groups tokens into commands. `None` if a command starts with a reserved word.
fn commands(tokens: Vec<Token>) -> Option<Vec<Command>> {
    let mut commands = Vec::new();
    let mut command = Command { assignments: Vec::new(), words: Vec::new(), operator: ";" };
    for token in tokens.into_iter().chain([Token::Operator(";")]) {
        match token {
            Token::Word(parts) => {
                if command.words.is_empty() {
                    if plain(Some(&parts)).is_some_and(|text| KEYWORDS.contains(&text)) {
                        return None;
                    }
                    if let Some(assignment) = assignment(&parts) {
                        command.assignments.push(assignment);
                        continue;
                    }
                }
                command.words.push(parts);
            }
            Token::Operator(operator) => {
                command.operator = operator;
                let next = Command { assignments: Vec::new(), words: Vec::new(), operator: ";" };
                let done = std::mem::replace(&mut command, next);
                if !done.words.is_empty() || !done.assignments.is_empty() {
                    commands.push(done);
                }
            }
        }
    }
    Some(commands)
}

/// Splits `NAME=value`. `None` for any other word.
fn assignment(parts: &[Part]) -> Option<(String, Vec<Part>)> {
    let Some(Part::Text { text, quoted }) = parts.first() else { return None };
    let (name, value) = text.split_once('=')?;
    if name.is_empty() || name_length(name) != name.len() {
        return None;
    }
    let mut value_parts = vec![Part::Text { text: value.to_owned(), quoted: *quoted }];
    value_parts.extend(parts[1..].iter().cloned());
    Some((name.to_owned(), value_parts))
}

/// The state of a shell.
struct Shell<'a> {
    place: &'a Place,
    /// Whether every variable is exported.
    exports_all: bool,
    /// Shell variables that commands do not get.
    unexported: BTreeMap<String, Value>,
    /// Names that are exported but have no value yet.
    exported: BTreeSet<String>,
}

impl Shell<'_> {
    /// Makes the variables that a command may set unknown.
    fn mark_mentioned(&mut self, command: &Command, variables: &mut Variables) {
        let mut names: Vec<&str> =
            command.assignments.iter().map(|(name, _)| name.as_str()).collect();
        let is_harmless = plain(command.words.get(1)).is_some_and(sets_paths_only);
        if !is_harmless && plain(command.words.first()).is_some_and(|word| READERS.contains(&word))
        {
            let why = "a script that its command reads may set it";
            variables.add_unread(Unread::new(self.place.clone(), why, "read `/proc/PID/environ`"));
        }
        if plain(command.words.first())
            .is_some_and(|word| matches!(word, "export" | "unset" | "env" | "exec"))
        {
            let texts = command.words.iter().flatten().map(|part| match part {
                Part::Text { text, .. } | Part::Variable(text) => text.as_str(),
            });
            names.extend(texts);
        }
        if !names.is_empty() {
            self.unexported.retain(|name, _| !names.iter().any(|text| mentions(text, name)));
            mark_unknown(Scope::Mentioned(names.join(" ")), self.place, variables);
        }
    }

    /// Applies a command that certainly runs and does not become the process.
    fn run(&mut self, command: &Command, variables: &mut Variables) {
        let Some(first) = command.words.first() else {
            for (name, value) in &command.assignments {
                let value = self.expand(value, variables);
                self.assign(name, value, variables);
            }
            return;
        };
        match plain(Some(first)) {
            Some("export") => self.export(&command.words[1..], variables),
            Some("unset") => {
                for name in command.words[1..].iter().filter_map(|word| plain(Some(word))) {
                    self.unexported.remove(name);
                    self.exported.remove(name);
                    variables.remove(name, self.place.clone(), "`unset` in the command");
                }
            }
            Some("set") => {
                let words: Vec<_> =
                    command.words.iter().filter_map(|word| plain(Some(word))).collect();
                let switches = |sign: &str| {
                    words.iter().any(|word| {
                        word.starts_with(sign)
                            && !word.starts_with("--")
                            && word.contains('a')
                            && *word != "allexport"
                    }) || words.contains(&"allexport")
                        && words.contains(&format!("{sign}o").as_str())
                };
                self.exports_all = (self.exports_all || switches("-")) && !switches("+");
            }
            Some("." | "source") if plain(command.words.get(1)).is_some_and(sets_paths_only) => {}
            Some(reader) if READERS.contains(&reader) => {
                let why = format!("the command runs `{reader}`, which may set it");
                let resolve = "read `/proc/PID/environ` of the running process";
                variables.add_unread(Unread::new(self.place.clone(), why, resolve));
            }
            _ if !command.assignments.is_empty() => self.mark_mentioned(command, variables),
            Some(program) => {
                let words = command.words[1..].iter().flatten().map(|part| match part {
                    Part::Text { text, .. } | Part::Variable(text) => text.clone(),
                });
                if let Some(unread) =
                    passed_elsewhere(program, &words.collect::<Vec<_>>(), self.place)
                {
                    variables.add_unread(unread);
                }
            }
            None => {}
        }
    }

    /// Starts the last command. Returns its words.
    fn start(&mut self, command: &Command, variables: &mut Variables) -> Vec<String> {
        let builtin = ["export", "unset", "set"].iter().chain(&READERS);
        let first = plain(command.words.first());
        if command.words.is_empty() || builtin.clone().any(|word| first == Some(word)) {
            self.run(command, variables);
            return Vec::new();
        }
        for (name, value) in &command.assignments {
            let value = self.expand(value, variables);
            variables.set(Setting::new(name, value, "", self.place.clone()));
        }
        let expanded = command.words.iter().map(|word| match self.expand(word, variables) {
            Value::Literal(text) => text,
            _ => "$".to_owned(),
        });
        expanded.collect()
    }

    fn assign(&mut self, name: &str, value: Value, variables: &mut Variables) {
        // A variable from the environment of the shell stays exported.
        let value = match variables.get(name).value {
            _ if self.exports_all || self.exported.contains(name) => value,
            Value::Literal(_) => value,
            Value::Unset => {
                variables.add_dropped(name, self.place.clone(), "the shell does not export it");
                self.unexported.insert(name.to_owned(), value);
                return;
            }
            // It is not known whether the shell exports it.
            other => other,
        };
        self.set(name, value, variables);
    }

    /// Sets a variable that commands get.
    fn set(&mut self, name: &str, value: Value, variables: &mut Variables) {
        self.unexported.remove(name);
        variables.set(Setting::new(name, value, "", self.place.clone()));
    }

    fn export(&mut self, words: &[Vec<Part>], variables: &mut Variables) {
        for word in words {
            if let Some((name, value)) = assignment(word) {
                let value = self.expand(&value, variables);
                self.set(&name, value, variables);
            } else if let Some(name) = plain(Some(word))
                && let Some(value) = self.unexported.get(name).cloned()
            {
                self.set(name, value, variables);
            } else if let Some(name) = plain(Some(word)) {
                self.exported.insert(name.to_owned());
            } else {
                let why = "the command exports variables whose names are known only when it runs";
                variables.add_unread(Unread::new(
                    self.place.clone(),
                    why,
                    "read `/proc/PID/environ`",
                ));
            }
        }
    }

    /// Fills in the variables of a word.
    fn expand(&self, parts: &[Part], variables: &Variables) -> Value {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text { text: part, .. } => text.push_str(part),
                Part::Variable(inside) => match self.variable(inside, variables) {
                    Value::Literal(value) => text.push_str(&value),
                    other => return other,
                },
            }
        }
        Value::Literal(text)
    }

    /// Returns the value of `${…}`.
    fn variable(&self, inside: &str, variables: &Variables) -> Value {
        let end = name_length(inside);
        let (name, operation) = inside.split_at(end);
        let unknown = || {
            let why = format!("the command fills in `${{{inside}}}` when it runs");
            Value::Unknown(Reason::new(why, "read `/proc/PID/environ` of the running process"))
        };
        if name.is_empty() {
            return unknown();
        }
        let value = self.unexported.get(name).cloned().unwrap_or_else(|| variables.get(name).value);
        match (value, operation) {
            (Value::Literal(text), "") => Value::Literal(text),
            (Value::Unset, "") => Value::Literal(String::new()),
            (Value::Literal(text), _) if operation.starts_with([':', '-']) && !text.is_empty() => {
                if operation.starts_with(":-") || operation.starts_with('-') {
                    Value::Literal(text)
                } else {
                    unknown()
                }
            }
            (Value::Literal(text), _) if text.is_empty() || operation.starts_with('-') => {
                match operation.strip_prefix(":-") {
                    Some(default) => Value::Literal(default.to_owned()),
                    None if operation.starts_with('-') => Value::Literal(text),
                    None => unknown(),
                }
            }
            (Value::Unset, _) => match operation.strip_prefix(":-").or(operation.strip_prefix('-'))
            {
                Some(default) => Value::Literal(default.to_owned()),
                None => unknown(),
            },
            (other @ (Value::Unknown(_) | Value::Elsewhere(_)), _) => other,
            _ => unknown(),
        }
    }
}
