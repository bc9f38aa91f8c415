//! Scripts that the command of a process runs. Scripts are not interpreted: this module only finds lines
//! that may change a variable.

use std::path::{Path, PathBuf};

use regex::Regex;
use spanproof_manifest::{Files, Process, Reason};

/// A line of a script that may change a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScriptLine {
    /// The path of the script.
    pub(crate) file: String,
    /// The line number, from 1.
    pub(crate) line: usize,
}

impl ScriptLine {
    /// Returns why a value that the line may change is not known.
    pub(crate) fn reason(&self) -> Reason {
        let Self { file, line } = self;
        let why =
            format!("the process runs the script `{file}`, which may change it (line {line})");
        let resolve = "look at this line, or read it in the running process: `printenv`";
        Reason { why, resolve: resolve.to_owned() }
    }
}

/// The scripts that a process runs before the service or in its place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scripts {
    /// Path and text of each script that was found.
    found: Vec<(PathBuf, String)>,
    /// The names of scripts that were not found.
    pub(crate) missing: Vec<String>,
}

impl Scripts {
    /// Finds the scripts that the command of a process names. Searches beside the manifest, and among the
    /// files that a Dockerfile copies to other paths. Skips the scripts in `known`, the spec's own command,
    /// because the cases that showed what the values of a flag do also ran these scripts.
    pub(crate) fn find(
        files: &dyn Files,
        manifest: &str,
        process: &Process,
        known: &[String],
    ) -> Self {
        let mut scripts = Self::default();
        let folder = Path::new(manifest).parent().unwrap_or(Path::new("")).to_owned();
        let places: Vec<_> =
            std::iter::once(folder).chain(process.copied.iter().cloned()).collect();
        let is_known = |word: &str| known.iter().any(|one| file_name(one) == file_name(word));
        let command = process.command.iter().flat_map(|word| word.split(SEPARATORS));
        let words = command.filter(|word| !word.starts_with('-') && !word.is_empty());
        for word in words.filter(|word| !is_known(word)) {
            if !scripts.add(files, &places, word) && looks_like_a_script(word) {
                scripts.missing.push(word.to_owned());
            }
        }
        scripts
    }

    /// Reads the script that a word names, and the scripts that this script sources. Returns whether the
    /// script was found.
    fn add(&mut self, files: &dyn Files, places: &[PathBuf], word: &str) -> bool {
        for path in candidates(places, word) {
            if self.found.iter().any(|(known, _)| *known == path) {
                return true;
            }
            let text = files.read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(text) = text.filter(|text| is_script(&path, text)) else { continue };
            let sourced: Vec<_> =
                text.lines().filter_map(sourced_file).map(str::to_owned).collect();
            self.found.push((path, text));
            for word in sourced {
                if !self.add(files, places, &word) && !sets_paths_only(&word) {
                    self.missing.push(word);
                }
            }
            return true;
        }
        false
    }

    /// Returns the first line that may change a variable.
    pub(crate) fn changing_line(&self, variable: &str) -> Option<ScriptLine> {
        let pattern = CHANGE.replace("NAME", &regex::escape(variable));
        let pattern = Regex::new(&pattern).ok()?;
        self.found.iter().find_map(|(path, text)| {
            let is_code = |line: &str| !line.trim_start().starts_with(['#', '/']);
            let changes = |line: &str| is_code(line) && pattern.is_match(line);
            let (_, line) = text.lines().zip(1..).find(|(line, _)| changes(line))?;
            Some(ScriptLine { file: path.display().to_string(), line })
        })
    }
}

/// Characters that separate the words of a shell command.
const SEPARATORS: [char; 6] = [' ', ';', '&', '|', '\n', '"'];
/// Matches a line that may change the variable NAME, in a script in shell, Python, JavaScript or Ruby.
const CHANGE: &str = r#"(?x)
    (?:^|[\s;&|(])NAME=
    | \bunset\b[^;&|]*\bNAME\b
    | \benv\s[^;&|]*-u\s*NAME\b | \benv\s+-(?:i\b|\s) | \bexec\s+-c\b
    | \bsudo\b | \bsu\s
    | \beval\b | \bexport\s+["']?\$
    | environ\[["']NAME["']\]\s*=[^=] | environ\.(?:pop|setdefault)\(\s*["']NAME
    | process\.env(?:\.NAME\b|\[["']NAME["']\])\s*=[^=] | \bENV\[["']NAME["']\]\s*=[^=]
    | \b(?:del|delete)\s[^;]*\bNAME\b
"#;

fn file_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a word is the name of a script by convention.
fn looks_like_a_script(word: &str) -> bool {
    let name = file_name(word);
    [".sh", ".bash", ".ksh"].iter().any(|end| name.ends_with(end)) || name.contains("entrypoint")
}

/// Whether a file is a script: by its first line or by its name.
fn is_script(path: &Path, text: &str) -> bool {
    let ends = ["sh", "bash", "ksh", "py", "js", "mjs", "rb"];
    text.starts_with("#!") || path.extension().is_some_and(|end| ends.iter().any(|one| end == *one))
}

/// Returns the file that a line of a shell script sources; `None` for any other line.
fn sourced_file(line: &str) -> Option<&str> {
    let mut words = line.trim_start().split([' ', ';', '"', '\'']).filter(|word| !word.is_empty());
    matches!(words.next(), Some("." | "source")).then(|| words.next())?
}

/// Whether a file with this name, by convention, only changes `PATH` and similar variables.
fn sets_paths_only(word: &str) -> bool {
    ["activate", "nvm.sh", "env", "profile", ".bashrc"].contains(&file_name(word))
}

/// Returns the possible paths of a file that a command names: the last parts of its path below each place,
/// and the place itself if it has the same file name.
fn candidates(places: &[PathBuf], word: &str) -> Vec<PathBuf> {
    let inside = Path::new(word.trim_start_matches("./").trim_start_matches('/'));
    let parts: Vec<_> = inside.components().collect();
    let mut found = Vec::new();
    for place in places {
        let below =
            (0..parts.len()).map(|skip| place.join(parts[skip..].iter().collect::<PathBuf>()));
        found.extend(below);
        if place.file_name().is_some() && place.file_name() == inside.file_name() {
            found.push(place.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use spanproof_manifest::{MemoryFiles, Options};

    use super::*;

    #[rstest]
    #[case::assigned("TRACING=false exec app", true)]
    #[case::exported("export TRACING=1", true)]
    #[case::unset("unset COLOUR TRACING", true)]
    #[case::empty_environment("exec env -i app", true)]
    #[case::removed_by_env("exec env -u TRACING app", true)]
    #[case::another_user("exec sudo -u shop app", true)]
    #[case::printed("echo \"tracing: $TRACING\"", false)]
    #[case::in_a_comment("# TRACING=false", false)]
    #[case::another_variable("NO_TRACING=1 TRACING_SAMPLER=x", false)]
    #[case::set_by_env("exec env COLOUR=blue app", false)]
    #[case::from_a_file("export $(grep -v '^#' .env | xargs)", true)]
    #[case::evaluated("eval \"$(vault read)\"", true)]
    #[case::python("os.environ['TRACING'] = '0'", true)]
    #[case::python_compares("if os.environ['TRACING'] == '1':", false)]
    #[case::node("delete process.env.TRACING", true)]
    fn a_line_that_may_change_the_variable_is_found(#[case] line: &str, #[case] found: bool) {
        let script = format!("#!/bin/sh\n{line}\n");
        let files = MemoryFiles::default().with("deploy/run.sh", script);
        let compose = "services:\n  app:\n    image: x\n    command: sh -c '/app/run.sh --fast'\n";
        let scripts = scripts(&files.with("deploy/compose.yaml", compose), &[]);
        let line = scripts.changing_line("TRACING");
        assert_eq!(line.is_some(), found);
        assert_eq!(line.map(|line| line.line), found.then_some(2));
    }

    /// Finds the scripts of the service `app` in `deploy/compose.yaml`.
    fn scripts(files: &MemoryFiles, known: &[String]) -> Scripts {
        let manifest = "deploy/compose.yaml";
        let read = spanproof_manifest::read(files, &[manifest.into()], &Options::default());
        Scripts::find(files, manifest, &read.unwrap()[0].processes[0], known)
    }

    const UNSET: &str = "#!/bin/sh\nunset TRACING\nexec \"$@\"\n";

    #[rstest]
    #[case::to_the_root("COPY start.sh /", "[\"/start.sh\"]", "app/start.sh")]
    #[case::to_a_path(
        "COPY docker/start.sh /usr/local/bin/",
        "[\"start.sh\"]",
        "app/docker/start.sh"
    )]
    #[case::everything("COPY . /srv", "[\"/srv/bin/start.sh\"]", "app/bin/start.sh")]
    #[case::from_a_stage(
        "COPY . /src\nFROM y\nCOPY --from=0 /src /srv",
        "bin/start.sh",
        "app/bin/start.sh"
    )]
    #[case::several(
        "ADD --chmod=755 bin/*.sh conf /srv/",
        "[\"/srv/start.sh\", \"app\"]",
        "app/bin/start.sh"
    )]
    fn a_script_is_found_where_a_dockerfile_copies_it_from(
        #[case] copy: &str,
        #[case] entry: &str,
        #[case] path: &str,
    ) {
        let dockerfile = format!("FROM x\n{copy}\nENTRYPOINT {entry}\nCMD [\"app\"]\n");
        let files = MemoryFiles::default()
            .with("deploy/compose.yaml", "services:\n  app:\n    build: ../app\n")
            .with("app/Dockerfile", dockerfile)
            .with(path, UNSET);
        let scripts = scripts(&files, &[]);
        let line = ScriptLine { file: path.to_owned(), line: 2 };
        assert_eq!(scripts.changing_line("TRACING"), Some(line));
        assert_eq!(scripts.missing, [] as [&str; 0]);
    }

    #[test]
    fn a_script_that_is_not_found_is_listed_as_missing() {
        let compose =
            "services:\n  app:\n    image: x\n    command: /docker-entrypoint.sh app --log.sh=1\n";
        let files = MemoryFiles::default().with("deploy/compose.yaml", compose);
        let found = scripts(&files, &[]);
        assert_eq!(found.missing, ["/docker-entrypoint.sh"]);
        assert_eq!(found.changing_line("TRACING"), None);
        // The spec's command also runs this script, so it is skipped.
        let known = ["bin/docker-entrypoint.sh".to_owned()];
        assert_eq!(scripts(&files, &known).missing, [] as [&str; 0]);
    }

    #[test]
    fn the_lines_of_a_sourced_script_are_searched() {
        let compose = "services:\n  app:\n    image: x\n    command: ./start.sh\n";
        let files = MemoryFiles::default()
            .with("deploy/compose.yaml", compose)
            .with("deploy/start.sh", "#!/bin/sh\n. ./common.sh\n. /venv/bin/activate\n. /etc/app\n")
            .with("deploy/common.sh", "export TRACING=0\n");
        let found = scripts(&files, &[]);
        let line = ScriptLine { file: "deploy/common.sh".to_owned(), line: 1 };
        assert_eq!(found.changing_line("TRACING"), Some(line));
        assert_eq!(found.missing, ["/etc/app"]);
    }
}
