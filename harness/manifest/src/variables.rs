//! The variables of one process, built up in the order in which the deployment applies its sources.

use std::collections::BTreeMap;

use super::variable::{Event, Place, Reason, Step, Value, Variable};

/// The variables that a source may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Any variable.
    Any,
    /// Variables whose name starts with this prefix.
    Prefix(String),
    /// Variables whose name occurs in this text as a whole word.
    Mentioned(String),
    /// Variables that this shell script seems to set or remove.
    Assigned(String),
}

impl Scope {
    fn covers(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Prefix(prefix) => name.starts_with(prefix),
            Self::Mentioned(text) => mentions(text, name),
            Self::Assigned(script) => assigns(script, name),
        }
    }
}

/// Whether `text` contains `name` as a whole word.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    uses(text, name).next().is_some()
}

/// Returns the text before and after each occurrence of a name as a whole word.
fn uses<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(name).filter_map(move |(start, _)| {
        let (before, after) = (&text[..start], &text[start + name.len()..]);
        (!before.ends_with(inside) && !after.starts_with(inside)).then_some((before, after))
    })
}

/// Shell commands and options that set or remove the variables that follow them.
const SETTERS: [&str; 12] = [
    "export", "unset", "read", "declare", "typeset", "local", "readonly", "for", "-u", "-v",
    "mapfile", "getopts",
];

/// Whether a shell script seems to set or remove a variable: `NAME=`, `${NAME:=…}`, `export NAME`.
fn assigns(script: &str, name: &str) -> bool {
    uses(script, name).any(|(before, after)| {
        let is_read = before.ends_with('$');
        let in_braces = before.ends_with("${");
        let line = before.rsplit(['\n', ';', '&', '|']).next().unwrap_or_default();
        let follows_setter = line.split_whitespace().any(|word| SETTERS.contains(&word));
        (after.starts_with('=') && !after.starts_with("==") || after.starts_with("+="))
            && !is_read
            && !in_braces
            || in_braces && (after.starts_with(":=") || after.starts_with('='))
            || follows_setter && !is_read && !in_braces
    })
}

/// A source of variables that can't be read, such as a missing file.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    /// The variables that the source may set.
    pub(crate) scope: Scope,
    pub(crate) reason: Reason,
    pub(crate) place: Place,
}

/// A value that a source gives to a variable.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: Value,
    /// Where the setting is in its file, such as `services.runner.environment`; may be empty.
    pub(crate) location: String,
    pub(crate) place: Place,
    /// The lines that supplied parts of the value.
    pub(crate) parts: Vec<Step>,
}

impl Setting {
    pub(crate) fn new(name: &str, value: Value, location: &str, place: Place) -> Self {
        let (name, location) = (name.to_owned(), location.to_owned());
        Self { name, value, location, place, parts: Vec::new() }
    }
}

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    /// Each variable that some line sets or removes.
    known: BTreeMap<String, Variable>,
    /// Sources that can't be read, any of which may set further variables.
    unread: Vec<Unread>,
    /// Lines that name a variable but do not reach the process.
    dropped: BTreeMap<String, Vec<Step>>,
}

impl Variables {
    /// Sets a variable. This shadows earlier settings.
    pub(crate) fn set(&mut self, setting: Setting) {
        let Setting { name, value, location, place, parts } = setting;
        let mut steps = self.shadowed(&name);
        steps.extend(parts);
        let (event, note) = match &value {
            Value::Literal(text) => (Event::Set, format!("`{text}`")),
            Value::Unset => (Event::Removed, "it is not passed on".to_owned()),
            Value::Elsewhere(reason) | Value::Unknown(reason) | Value::Refused(reason) => {
                (Event::Set, reason.why.clone())
            }
        };
        steps.push(Step::new(place, event, note));
        self.known.insert(name, Variable { value, location, steps });
    }

    /// Takes the steps of a variable, and marks those that set or removed it as shadowed.
    fn shadowed(&mut self, name: &str) -> Vec<Step> {
        let mut steps = self.known.remove(name).map(|known| known.steps).unwrap_or_default();
        for step in &mut steps {
            if matches!(step.event, Event::Set | Event::Removed) {
                step.event = Event::Shadowed;
            }
        }
        steps
    }

    /// Removes a variable.
    pub(crate) fn remove(&mut self, name: &str, place: Place, note: &str) {
        let mut steps = self.shadowed(name);
        steps.push(Step::new(place, Event::Removed, note));
        let variable = Variable { value: Value::Unset, location: String::new(), steps };
        self.known.insert(name.to_owned(), variable);
    }

    /// Removes every variable.
    pub(crate) fn remove_all(&mut self, place: &Place, note: &str) {
        self.unread.clear();
        let names: Vec<_> = self.known.keys().cloned().collect();
        for name in names {
            self.remove(&name, place.clone(), note);
        }
    }

    /// Records that a line names a variable but does not reach the process.
    pub(crate) fn add_dropped(&mut self, name: &str, place: Place, note: &str) {
        let step = Step::new(place, Event::Dropped, note);
        self.dropped.entry(name.to_owned()).or_default().push(step);
    }

    /// Adds a source that can't be read. The source may replace earlier settings; later settings replace
    /// the source's.
    pub(crate) fn add_unread(&mut self, source: Unread) {
        for (name, variable) in &mut self.known {
            if source.scope.covers(name) {
                variable.value = Value::Unknown(source.reason.clone());
                variable.steps.push(source.step());
            }
        }
        self.unread.push(source);
    }

    /// Adds a source that can't be read, and that sets only variables that are not set yet.
    pub(crate) fn add_unread_fallback(&mut self, source: Unread) {
        for (name, variable) in &mut self.known {
            if variable.value == Value::Unset && source.scope.covers(name) {
                variable.value = Value::Unknown(source.reason.clone());
                variable.steps.push(source.step());
            }
        }
        self.unread.push(source);
    }

    /// Applies other variables, which override these.
    pub(crate) fn overlay(&mut self, other: &Self) {
        for source in &other.unread {
            self.add_unread(source.clone());
        }
        for (name, variable) in &other.known {
            let mut steps = self.shadowed(name);
            steps.extend(variable.steps.iter().cloned());
            self.known.insert(name.clone(), Variable { steps, ..variable.clone() });
        }
        for (name, steps) in &other.dropped {
            self.dropped.entry(name.clone()).or_default().extend(steps.iter().cloned());
        }
    }

    /// Returns a variable. If no source sets it, it is unset, or unknown if an unread source may set it.
    pub(crate) fn get(&self, name: &str) -> Variable {
        let dropped = self.dropped.get(name).cloned().unwrap_or_default();
        if let Some(known) = self.known.get(name) {
            let mut variable = known.clone();
            variable.steps.splice(0..0, dropped);
            return variable;
        }
        let unread: Vec<_> = self.unread.iter().filter(|one| one.scope.covers(name)).collect();
        let mut steps = dropped;
        steps.extend(unread.iter().map(|source| source.step()));
        let value = match unread.as_slice() {
            [] => Value::Unset,
            [one] => Value::Unknown(one.reason.clone()),
            several => {
                let join = |text: fn(&Unread) -> &String| {
                    let mut texts: Vec<&str> = Vec::new();
                    for source in several {
                        if !texts.contains(&text(source).as_str()) {
                            texts.push(text(source));
                        }
                    }
                    texts.join("; or ")
                };
                Value::Unknown(Reason::new(
                    join(|one| &one.reason.why),
                    join(|one| &one.reason.resolve),
                ))
            }
        };
        Variable { value, location: String::new(), steps }
    }

    /// Returns the value of a variable; `None` if no line sets or removes it.
    pub(crate) fn known(&self, name: &str) -> Option<&Value> {
        self.known.get(name).map(|variable| &variable.value)
    }

    /// Returns the number of sources that can't be read.
    pub(crate) fn unread_count(&self) -> usize {
        self.unread.len()
    }

    /// Returns the names of the variables that some line sets or removes.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }
}

impl Unread {
    pub(crate) fn new(place: Place, why: impl Into<String>, resolve: impl Into<String>) -> Self {
        Self { scope: Scope::Any, reason: Reason::new(why, resolve), place }
    }

    /// Limits the source to the variables of a scope.
    pub(crate) fn only(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    fn step(&self) -> Step {
        Step::new(self.place.clone(), Event::Unread, &self.reason.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: usize) -> Place {
        Place::new("f", line)
    }

    fn literal(name: &str, value: &str, line: usize) -> Setting {
        Setting::new(name, Value::Literal(value.into()), "", place(line))
    }

    #[test]
    fn a_later_setting_shadows_an_earlier_one() {
        let mut variables = Variables::default();
        variables.set(literal("A", "1", 1));
        variables.set(literal("A", "2", 2));
        let variable = variables.get("A");
        assert_eq!(variable.value, Value::Literal("2".into()));
        assert_eq!(variable.steps[0].event, Event::Shadowed);
        assert_eq!(variable.place(), Some(&place(2)));
    }

    #[test]
    fn an_unread_source_makes_earlier_values_unknown_and_keeps_later_ones() {
        let mut variables = Variables::default();
        variables.set(literal("BEFORE", "1", 1));
        let source = Unread::new(place(2), "it is in a file", "read it");
        variables.add_unread(source.clone().only(Scope::Prefix("B".into())));
        variables.set(literal("BOTH", "3", 3));
        assert!(matches!(variables.get("BEFORE").value, Value::Unknown(_)));
        assert!(matches!(variables.get("BX").value, Value::Unknown(_)));
        assert_eq!(variables.get("BOTH").value, Value::Literal("3".into()));
        assert_eq!(variables.get("OTHER").value, Value::Unset);
        variables.add_unread_fallback(source);
        assert_eq!(variables.get("BOTH").value, Value::Literal("3".into()));
        assert!(matches!(variables.get("OTHER").value, Value::Unknown(_)));
        variables.remove_all(&place(4), "cleared");
        assert_eq!(variables.get("OTHER").value, Value::Unset);
        assert_eq!(variables.get("BOTH").value, Value::Unset);
    }

    #[test]
    fn only_a_whole_word_mentions_a_name() {
        assert!(mentions("export FLAG=1", "FLAG"));
        assert!(!mentions("export MY_FLAG=1 FLAGS=2", "FLAG"));
    }

    #[test]
    fn a_script_that_only_reads_a_variable_does_not_assign_it() {
        for (script, expected) in [
            ("FLAG=1 x", true),
            ("export A FLAG", true),
            ("echo ${FLAG:=1}", true),
            ("read -r FLAG < x", true),
            ("echo \"FLAG=1\" >> x", true),
            ("x $FLAG \"${FLAG}\" ${FLAG:-1}", false),
            ("[ \"$FLAG\" = 1 ]", false),
            ("if [ $FLAG == 1 ]; then export A=$FLAG; fi", false),
            ("export MY_FLAG=1", false),
        ] {
            assert_eq!(assigns(script, "FLAG"), expected, "{script}");
        }
    }
}
