//! The variables and the command of an image that a Dockerfile builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::command;
use crate::error::Error;
use crate::files::{folder, join, without_bom};
use crate::format::{Content, Input};
use crate::process::{Process, Role};
use crate::variable::{Place, Reason, Value};
use crate::variables::{Setting, Variables};

use super::instruction::{Instruction, escape_character, instructions};
use super::word;

/// The image that a stage of a Dockerfile builds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Image {
    /// The name of the stage; empty if it has none.
    pub(crate) name: String,
    /// The variables that `ENV` sets.
    pub(crate) variables: Variables,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    /// The files and folders that any stage copies from the build context, relative to the context.
    copied: Vec<String>,
    /// The line of the last `CMD` or `ENTRYPOINT`.
    place: Option<Place>,
    shell: Vec<String>,
    /// The instructions of `ONBUILD`.
    triggers: Vec<Instruction>,
}

/// Reads a Dockerfile that is given alone. Build arguments are not known.
pub(crate) fn read(input: &Input<'_>) -> Result<Content, Error> {
    let image = build(&input.name, &input.text, None, None)?;
    let mut variables = image.variables.clone();
    image.apply_command(&mut variables);
    let name = if image.name.is_empty() { "image" } else { &image.name };
    let mut process = Process::new(name, Role::Main, variables);
    process.command = image.words();
    // The context is often the folder of the Dockerfile, or the current folder.
    process.copied = image.copied(&[&folder(&input.path), Path::new("")]);
    Ok(Content::Processes(vec![process]))
}

/// Returns the image that a Dockerfile builds with these build arguments. `target` names a stage; the
/// default is the last one.
pub(crate) fn image(
    file: &str,
    text: &str,
    target: Option<&str>,
    arguments: &[(String, Option<String>)],
) -> Result<Image, Error> {
    build(file, text, target, Some(arguments))
}

impl Image {
    /// Returns the words of the entry point and the command.
    pub(crate) fn words(&self) -> Vec<String> {
        [self.entrypoint.clone(), self.command.clone()].concat()
    }

    /// Returns the paths of the copied files and folders, in each folder that may be the build context.
    pub(crate) fn copied(&self, contexts: &[&Path]) -> Vec<PathBuf> {
        let paths = |context: &&Path| {
            let context = (*context).to_owned();
            self.copied.iter().map(move |source| join(&context, source.trim_start_matches('/')))
        };
        contexts.iter().flat_map(paths).collect()
    }

    /// Applies the command of the image to variables.
    pub(crate) fn apply_command(&self, variables: &mut Variables) {
        if let Some(place) = &self.place {
            command::apply(&self.words(), place, variables);
        }
    }
}

type Arguments<'a> = Option<&'a [(String, Option<String>)]>;

/// Builds the stages up to the one that `target` names, or all of them. `arguments` is `None` if the build
/// arguments are not known.
fn build(
    file: &str,
    text: &str,
    target: Option<&str>,
    arguments: Arguments<'_>,
) -> Result<Image, Error> {
    let text = without_bom(text);
    let escape = escape_character(text);
    let mut stages: Vec<Image> = Vec::new();
    let mut builder = Builder {
        file,
        escape,
        arguments,
        global: BTreeMap::new(),
        declared: BTreeMap::new(),
        image: Image::default(),
        copied: Vec::new(),
    };
    let all = instructions(text, escape);
    // A Dockerfile without `FROM` is an excerpt, and read as part of a stage.
    let mut in_stage = all.iter().all(|instruction| instruction.keyword != "FROM");
    for instruction in all {
        if instruction.keyword != "FROM" {
            builder.apply(&instruction, in_stage);
            continue;
        }
        if in_stage {
            stages.push(std::mem::take(&mut builder.image));
            let last = stages.len() - 1;
            if target.is_some_and(|target| stages[last].name.eq_ignore_ascii_case(target)) {
                return Ok(Image { copied: builder.copied, ..stages.remove(last) });
            }
        }
        in_stage = true;
        builder.begin(&instruction, &stages);
    }
    match target {
        Some(target) if !builder.image.name.eq_ignore_ascii_case(target) => {
            Err(Error::parse(file, format!("it has no stage `{target}`")))
        }
        _ => Ok(Image { copied: builder.copied, ..builder.image }),
    }
}

/// Builds the stages.
struct Builder<'a> {
    file: &'a str,
    escape: char,
    /// The build arguments; `None` if they are not known.
    arguments: Arguments<'a>,
    /// Each `ARG` before the first `FROM`.
    global: BTreeMap<String, Value>,
    /// Each `ARG` of the stage.
    declared: BTreeMap<String, Value>,
    image: Image,
    /// The paths that the stages so far copied from the context.
    copied: Vec<String>,
}

impl Builder<'_> {
    /// Starts a stage.
    fn begin(&mut self, instruction: &Instruction, stages: &[Image]) {
        let words: Vec<_> =
            instruction.rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        let global = |name: &str| self.global.get(name).cloned().unwrap_or(Value::Unset);
        let base = words.first().map(|word| word::expand(word, self.escape, &global));
        let base = base.as_ref().and_then(Value::literal).unwrap_or_default();
        let stage = stages
            .iter()
            .rev()
            .find(|stage| !stage.name.is_empty() && stage.name.eq_ignore_ascii_case(base));
        self.image = stage.cloned().unwrap_or_default();
        self.image.name = match words.as_slice() {
            [_, keyword, name, ..] if keyword.eq_ignore_ascii_case("as") => (*name).to_owned(),
            _ => String::new(),
        };
        self.declared.clear();
        for trigger in std::mem::take(&mut self.image.triggers) {
            self.apply(&trigger, true);
        }
    }

    fn apply(&mut self, instruction: &Instruction, in_stage: bool) {
        match instruction.keyword.as_str() {
            "ARG" => self.argument(instruction, in_stage),
            "ENV" => self.environment(instruction),
            "ENTRYPOINT" => {
                self.image.entrypoint = self.words(&instruction.rest);
                self.image.command.clear();
                self.image.place = Some(Place::new(self.file, instruction.line));
            }
            "CMD" => {
                self.image.command = self.words(&instruction.rest);
                self.image.place = Some(Place::new(self.file, instruction.line));
            }
            "SHELL" => {
                self.image.shell = serde_json::from_str(&instruction.rest).unwrap_or_default();
            }
            "COPY" | "ADD" => self.copy(&instruction.rest),
            "ONBUILD" => {
                let (keyword, rest) = instruction.rest.split_once(' ').unwrap_or_default();
                let (keyword, rest) = (keyword.to_uppercase(), rest.trim_start().to_owned());
                self.image.triggers.push(Instruction { keyword, rest, ..instruction.clone() });
            }
            _ => {}
        }
    }

    /// Records what is copied from the context, but not from a different stage, a URL or a here-document.
    fn copy(&mut self, rest: &str) {
        let is_flag = |word: &&str| word.starts_with("--");
        let words = rest.split_whitespace();
        if words.clone().take_while(is_flag).any(|flag| flag.starts_with("--from=")) {
            return;
        }
        let rest = words.skip_while(is_flag).collect::<Vec<_>>().join(" ");
        let words = serde_json::from_str(&rest)
            .unwrap_or_else(|_| rest.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let Some((_, sources)) = words.split_last() else { return };
        let is_local = |source: &&String| !source.contains("://") && !source.starts_with("<<");
        // For `scripts/*.sh`, the folder is recorded.
        let without_glob = |source: &String| match source.split_once('*') {
            Some((start, _)) => start.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned(),
            None => source.clone(),
        };
        self.copied.extend(sources.iter().filter(is_local).map(without_glob));
    }

    /// Returns the words of a command: a JSON list, or a string for the shell.
    fn words(&self, text: &str) -> Vec<String> {
        serde_json::from_str(text.trim()).unwrap_or_else(|_| {
            let shell = &self.image.shell;
            let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
            let mut words = if shell.is_empty() { default() } else { shell.clone() };
            words.push(text.to_owned());
            words
        })
    }

    /// Returns the value of a variable while the image is built.
    fn lookup(&self, name: &str) -> Value {
        match self.image.variables.known(name) {
            Some(value) => value.clone(),
            None => self.declared.get(name).cloned().unwrap_or(Value::Unset),
        }
    }

    fn argument(&mut self, instruction: &Instruction, in_stage: bool) {
        for (at, word) in word::split(&instruction.rest, self.escape) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => {
                    (name, Some(word::expand(default, self.escape, &|name| self.lookup(name))))
                }
                None => (word, None),
            };
            let default = default.or_else(|| self.global.get(name).cloned().filter(|_| in_stage));
            let value = self.argument_value(name, default);
            let place = Place::new(self.file, instruction.line_at(at));
            self.image.variables.add_dropped(
                name,
                place,
                "`ARG` exists only while the image is built",
            );
            if in_stage {
                self.declared.insert(name.to_owned(), value);
            } else {
                self.global.insert(name.to_owned(), value);
            }
        }
    }

    fn argument_value(&self, name: &str, default: Option<Value>) -> Value {
        let argument =
            self.arguments.map(|arguments| arguments.iter().find(|(known, _)| known == name));
        let unknown = |text: String| {
            Value::Unknown(Reason::new(
                text,
                "`docker inspect IMAGE` shows the variables of the image",
            ))
        };
        match argument {
            Some(Some((_, Some(value)))) => Value::Literal(value.clone()),
            Some(Some((_, None))) => {
                unknown(format!("the build takes `{name}` from the shell that builds"))
            }
            Some(None) => default.unwrap_or(Value::Unset),
            None => match default {
                Some(Value::Literal(text)) => unknown(format!(
                    "it is filled in when the image is built: the default of `ARG {name}` is `{text}`, and `--build-arg` may change it"
                )),
                Some(Value::Unknown(reason)) => Value::Unknown(reason),
                _ => unknown(format!(
                    "it is filled in when the image is built, from `--build-arg {name}`"
                )),
            },
        }
    }

    fn environment(&mut self, instruction: &Instruction) {
        let words = word::split(&instruction.rest, self.escape);
        let Some((_, first)) = words.first() else { return };
        let pairs: Vec<(usize, &str, &str)> = if first.contains('=') {
            words
                .iter()
                .filter_map(|(at, word)| {
                    word.split_once('=').map(|(name, value)| (*at, name, value))
                })
                .collect()
        } else {
            let rest = instruction.rest.trim_start();
            let (name, value) = rest.split_at(first.len());
            vec![(0, name, value.trim())]
        };
        let settings: Vec<_> = pairs
            .into_iter()
            .map(|(at, name, value)| {
                let value = word::expand(value, self.escape, &|name| self.lookup(name));
                let name = word::expand(name, self.escape, &|name| self.lookup(name));
                let place = Place::new(self.file, instruction.line_at(at));
                Setting::new(name.literal().unwrap_or_default(), value, "", place)
            })
            .collect();
        for setting in settings {
            self.image.variables.set(setting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the value and line of `FLAG` in the image; `-` if it is unset, `?` if it is unknown.
    fn flag(text: &str, arguments: Arguments<'_>) -> String {
        let image = build("Dockerfile", text, None, arguments).unwrap();
        let mut variables = image.variables.clone();
        image.apply_command(&mut variables);
        let variable = variables.get("FLAG");
        let line = variable.place().map(|place| format!("@{}", place.line)).unwrap_or_default();
        match variable.value {
            Value::Literal(text) => text + &line,
            Value::Unset => "-".to_owned(),
            _ => "?".to_owned(),
        }
    }

    #[test]
    fn only_env_of_the_last_stage_reaches_the_container() {
        for (text, expected) in [
            ("FROM x\nENV FLAG=true", "true@2"),
            ("FROM x\nENV A='1 2' FLAG=\"tr ue\" B=2", "tr ue@2"),
            ("FROM x\nENV FLAG true # y", "true # y@2"),
            ("FROM x\nenv A=1 \\\n  # c\n\n  FLAG=on \\\n  B=2", "on@5"),
            ("FROM x\nARG FLAG=true\nRUN make", "-"),
            ("FROM x AS a\nENV FLAG=1\nFROM y\nCOPY --from=a / /", "-"),
            ("FROM x AS a\nENV FLAG=1\nFROM A\nUSER z", "1@2"),
            ("FROM x\nENV FLAG=1\nENV A=2 FLAG=$A", "@3"),
            ("FROM x\nENV A=2\nENV A=3 FLAG=$A", "2@3"),
            ("FROM x\nENV FLAG=${NONE:-on}${NONE}", "on@2"),
            ("ARG FLAG=true\nFROM x\nENV FLAG=$FLAG", "@3"),
            ("ARG FLAG=true\nFROM x\nARG FLAG\nENV FLAG=$FLAG", "?"),
            ("FROM x\nARG FLAG=true\nENV FLAG=$FLAG", "?"),
            ("FROM x\nENV FLAG=1\nARG FLAG=2\nENV FLAG=$FLAG", "1@4"),
            ("FROM x\nRUN <<EOF\nENV FLAG=true\nEOF\nCMD [\"x\"]", "-"),
            ("FROM x\nRUN cat <<-'A' <<B\nENV FLAG=1\n\tA\nENV FLAG=1\nB\nENV FLAG=2", "2@7"),
            ("# escape=`\nFROM x\nENV FLAG=a`\n  B=1\nENV C=c:\\x", "a@3"),
            ("FROM x\nENV FLAG=a\\ b", "a b@2"),
            ("FROM x\nENV FLAG=a\\\\\nENV B=1", "a\\@2"),
            ("FROM x\nENV FLAG=\\$A", "$A@2"),
            ("FROM x\nENV FLAG='$A'", "$A@2"),
            ("FROM x\nCMD FLAG=true ./runner", "true@2"),
            ("FROM x\nENTRYPOINT [\"env\", \"FLAG=1\", \"./runner\"]", "1@2"),
            ("FROM x\nLABEL FLAG=1", "-"),
            ("FROM x AS a\nONBUILD ENV FLAG=1\nFROM a", "1@2"),
            ("\u{feff}FROM x\r\nENV FLAG=true\r\n", "true@2"),
        ] {
            assert_eq!(flag(text, None), expected, "{text}");
        }
    }

    #[test]
    fn paths_copied_from_the_build_context_are_recorded() {
        let text = "FROM x AS a\nCOPY --chown=1 run.sh lib/ /app/\nADD https://y/z /z\n\
                    FROM y\nCOPY --from=a /app /app\nCOPY [\"bin/*.sh\", \"/bin/\"]\nCOPY <<E /e\nE\n";
        let image = build("d/Dockerfile", text, None, None).unwrap();
        let paths = ["run.sh", "lib", "bin"].map(|name| Path::new("d").join(name));
        assert_eq!(image.copied(&[Path::new("d")]), paths);
    }

    #[test]
    fn build_arguments_are_filled_in() {
        let text = "FROM x\nARG FLAG=false\nENV FLAG=$FLAG";
        let given = |value: Option<&str>| vec![("FLAG".to_owned(), value.map(str::to_owned))];
        assert_eq!(flag(text, Some(&given(Some("true")))), "true@3");
        assert_eq!(flag(text, Some(&[])), "false@3");
        assert_eq!(flag(text, Some(&given(None))), "?");
        assert_eq!(flag("ENV FLAG=1", None), "1@1");
        assert!(build("Dockerfile", "FROM x AS a\nFROM y", Some("b"), None).is_err());
    }
}
