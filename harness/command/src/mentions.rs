//! Searches the files of a service for the names of flags: who documents a flag, and who reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};
use regex::Regex;

/// Maximum size of a file that is searched, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;
/// Maximum number of places of one kind that are kept for a name.
const MAX_PLACES: usize = 5;
/// Folders that do not contain the source of a service.
const SKIPPED: [&str; 6] = [".git", ".spanproof", "target", "node_modules", "__pycache__", ".venv"];
/// Files that list variables with examples of their values.
const EXAMPLES: [&str; 6] =
    [".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", "example.env"];
/// Suffixes of the names of files that are not source code.
const NOT_SOURCE: [&str; 23] = [
    "md", "rst", "txt", "adoc", "toml", "yaml", "yml", "json", "jsonl", "lock", "snap", "csv",
    "html", "css", "svg", "log", "sql", "xml", "ini", "cfg", "conf", "service", "env",
];
/// Variables that are set by the system and are not flags.
const SYSTEM_VARIABLES: [&str; 9] =
    ["PATH", "HOME", "PWD", "USER", "SHELL", "LANG", "TERM", "TMPDIR", "HOSTNAME"];
/// Matches expressions that read a variable, in several languages. The group that matches is the variable's
/// name.
const READS: &str = r#"(?x)
    (?: environ (?:\.get)? \s* [\[(]
      | [gG]etenv \(
      | env::var (?:_os)? \(
      | LookupEnv \(
      | GetEnvironmentVariable \(
      | \b ENV (?:\.fetch)? \s* [\[(]
      | process\.env \[
    ) \s* ["'`] (?<quoted> [A-Z][A-Z0-9_]+ ) ["'`]
  | (?: process\.env | import\.meta\.env ) \. (?<field> [A-Z][A-Z0-9_]+ )
  | \$ENV\{ ["']? (?<perl> [A-Z][A-Z0-9_]+ )
"#;
/// Matches a line that sets a variable in an example, even in a comment. The group is the variable's name.
const SETS: &str = r"^\s*#?\s*(?:export\s+)?(?<name>[A-Z][A-Z0-9_]+)\s*=";

/// The places that name flags, as `file:line`.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// Places in documentation and examples.
    pub(super) documented: BTreeMap<String, Vec<String>>,
    /// Places in the source that read the variable.
    pub(super) read: BTreeMap<String, Vec<String>>,
    /// Other places in the source that name the variable.
    pub(super) named: BTreeMap<String, Vec<String>>,
}

impl Mentions {
    /// Searches folders for names. Files that git ignores are left out, as are files with the values of
    /// variables.
    pub(super) fn search(
        folders: &[PathBuf],
        names: &BTreeSet<&str>,
    ) -> Result<Self, regex::Error> {
        let search = Search { names, reads: Regex::new(READS)?, sets: Regex::new(SETS)? };
        let mut mentions = Self::default();
        for folder in folders {
            let mut walk = WalkBuilder::new(folder);
            walk.hidden(false).require_git(false).sort_by_file_path(Path::cmp);
            walk.filter_entry(|entry| !is_skipped(entry));
            let files = walk.build().flatten().filter(|entry| {
                entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_SIZE)
            });
            for entry in files {
                let Some(kind) = Kind::from_path(entry.path()) else { continue };
                // A file that is not UTF-8 is not source code.
                let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
                let place = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                search.file(kind, &place.display().to_string(), &text, &mut mentions);
            }
        }
        Ok(mentions)
    }

    /// Returns the names in examples and source code that are not in `known`.
    pub(super) fn others<'a>(&'a self, known: &BTreeSet<&str>) -> BTreeSet<&'a str> {
        let all = self.documented.keys().chain(self.read.keys()).map(String::as_str);
        all.filter(|name| !known.contains(name) && !SYSTEM_VARIABLES.contains(name)).collect()
    }
}

/// Whether an entry is not part of the service. A folder with a spec of its own is another service.
fn is_skipped(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let is_other_service = || entry.path().join(spanproof::SPEC_FILE).is_file();
    entry.depth() > 0 && (SKIPPED.contains(&name.as_ref()) || is_other_service())
}

/// The kind of a file that is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file with examples of values; every variable that it sets is a mention.
    Example,
    /// Documentation; only known names are mentions.
    Readme,
    /// Source code; every read of a variable is a mention, and every known name.
    Source,
}

impl Kind {
    /// Returns the kind of a file by its name; `None` for a file that is not searched.
    fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        if EXAMPLES.contains(&name.as_str()) {
            return Some(Self::Example);
        }
        if name.starts_with("readme") {
            return Some(Self::Readme);
        }
        let end = name.rsplit('.').next().unwrap_or_default();
        let is_env = name.starts_with(".env");
        let is_deployed = ["dockerfile", "procfile", "makefile"].contains(&name.as_str());
        (!is_env && !is_deployed && !NOT_SOURCE.contains(&end)).then_some(Self::Source)
    }
}

struct Search<'a> {
    names: &'a BTreeSet<&'a str>,
    reads: Regex,
    sets: Regex,
}

impl Search<'_> {
    fn file(&self, kind: Kind, file: &str, text: &str, mentions: &mut Mentions) {
        for (number, line) in (1..).zip(text.lines()) {
            let add = |places: &mut BTreeMap<String, Vec<String>>, name: &str| {
                let places = places.entry(name.to_owned()).or_default();
                let place = format!("{file}:{number}");
                if places.len() < MAX_PLACES && !places.contains(&place) {
                    places.push(place);
                }
            };
            match kind {
                Kind::Example => {
                    if let Some(found) = self.sets.captures(line) {
                        add(&mut mentions.documented, &found["name"]);
                    }
                }
                Kind::Readme => {
                    for name in words(line).filter(|word| self.names.contains(word)) {
                        add(&mut mentions.documented, name);
                    }
                }
                Kind::Source => {
                    let mut read = BTreeSet::new();
                    for found in self.reads.captures_iter(line) {
                        let name = found.iter().skip(1).flatten().next();
                        read.extend(name.map(|name| name.as_str()));
                    }
                    for name in &read {
                        add(&mut mentions.read, name);
                    }
                    let is_named = |word: &&str| self.names.contains(word) && !read.contains(word);
                    for name in words(line).filter(is_named) {
                        add(&mut mentions.named, name);
                    }
                }
            }
        }
    }
}

/// Returns the words of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(files: &[(&str, &str)], names: &[&str]) -> Mentions {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let names = names.iter().copied().collect();
        Mentions::search(&[folder.path().to_owned()], &names).unwrap()
    }

    #[test]
    fn a_read_is_recognised_in_each_language() {
        let lines = [
            ("a.py", "os.environ.get('FLAG')"),
            ("b.py", "os.environ[\"FLAG\"]"),
            ("a.rs", "std::env::var(\"FLAG\")"),
            ("a.go", "os.LookupEnv(\"FLAG\")"),
            ("a.js", "const x = process.env.FLAG"),
            ("a.rb", "ENV.fetch('FLAG')"),
            ("a.pl", "my $x = $ENV{FLAG};"),
            ("A.java", "System.getenv(\"FLAG\")"),
            ("a.cs", "Environment.GetEnvironmentVariable(\"FLAG\")"),
            ("a.c", "getenv(\"FLAG\")"),
        ];
        for line in lines {
            let found = search(&[line], &["FLAG"]);
            assert_eq!(found.read["FLAG"], [format!("{}:1", line.0)]);
            assert!(found.named.is_empty());
        }
        let found = search(&[("a.py", "\n# FLAG is old\nFLAGS = 1")], &["FLAG"]);
        assert!(found.read.is_empty());
        assert_eq!(found.named["FLAG"], ["a.py:2"]);
    }

    #[test]
    fn ignored_files_and_values_are_left_out() {
        let read = "os.getenv('FLAG')";
        let files = [
            (".gitignore", "dist/\n"),
            ("dist/a.py", read),
            ("node_modules/a.js", "process.env.FLAG"),
            ("other/spanproof.toml", "schema = 1"),
            ("other/a.py", read),
            (".env", "SECRET=hunter2\n"),
            (".env.example", "export ALPHA=1\n# BETA=2\nnot a = line\n"),
            ("README.md", "Set `FLAG` and `ALPHA`.\n"),
        ];
        let found = search(&files, &["FLAG"]);
        assert!(found.read.is_empty(), "{found:?}");
        let documented: Vec<_> = found.documented.iter().collect();
        assert_eq!(documented.len(), 3, "{documented:?}");
        assert_eq!(found.documented["FLAG"], ["README.md:1"]);
        assert_eq!(found.documented["BETA"], [".env.example:2"]);
        assert_eq!(found.others(&BTreeSet::from(["FLAG"])), BTreeSet::from(["ALPHA", "BETA"]));
    }
}
