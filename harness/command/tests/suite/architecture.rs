//! Tests of the structure of this repository: modules import in one direction, files are small, and
//! documents name files that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::repository::{files, read, root};

/// The crates under `harness/`, each with the crates that it depends on, which come earlier in the
/// list.
const CRATES: [(&str, &[&str]); 6] = [
    ("lease", &[]),
    ("postgres", &["lease"]),
    ("format", &[]),
    ("manifest", &[]),
    ("spanproof", &["format", "lease", "manifest", "postgres"]),
    ("command", &["format", "lease", "manifest", "postgres", "spanproof"]),
];
/// Modules of the library. Each module imports only from modules in earlier lines.
const ORDER: [&[&str]; 12] = [
    &["environment", "identifier", "mask", "template", "timestamp"],
    &["chain", "json_path"],
    &["document"],
    &["spec"],
    &["matrix"],
    &["log", "upstream", "process"],
    &["observation"],
    &["trial", "deployment", "trace", "effect"],
    &["verdict", "preflight"],
    &["incident"],
    &["suite"],
    &["guard", "outcome"],
];
/// Folders in which files must not import each other in a cycle.
const WITHOUT_CYCLES: [&str; 20] = [
    "command/src/report",
    "lease/src",
    "manifest/src/command",
    "manifest/src/compose",
    "manifest/src/dockerfile",
    "manifest/src/dotenv",
    "manifest/src/kubernetes",
    "postgres/src",
    "spanproof/src/deployment",
    "spanproof/src/effect",
    "spanproof/src/guard",
    "spanproof/src/incident",
    "spanproof/src/log",
    "spanproof/src/observation",
    "spanproof/src/outcome",
    "spanproof/src/preflight",
    "spanproof/src/suite",
    "spanproof/src/trace",
    "spanproof/src/trial",
    "spanproof/src/verdict",
];
/// File names that do not say what is in the file.
const VAGUE_NAMES: [&str; 7] = ["utils", "helpers", "common", "core", "imp", "misc", "manager"];

/// Returns the source files of all crates with their contents.
fn sources() -> Vec<(PathBuf, String)> {
    let crates = CRATES.iter().map(|(name, _)| root().join("harness").join(name).join("src"));
    let all = crates.chain([root().join("runner/src")]).flat_map(|folder| files(&folder, "rs"));
    all.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Returns the index of the line of [`ORDER`] with a module; `None` if no line has this module.
fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|line| line.contains(&module))
}

/// Returns the names that follow `<start>::` in a source text. Ignores the module `tests`.
fn names_after(start: &str, text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let single = Regex::new(&format!(r"\b{start}::(\w+)")).unwrap();
    let braces = Regex::new(&format!(r"\b{start}::\{{([^;]*)\}}")).unwrap();
    let word = Regex::new(r"(?:^|,)\s*(\w+)").unwrap();
    let mut found: BTreeSet<String> =
        single.captures_iter(text).map(|found| found[1].to_owned()).collect();
    for group in braces.captures_iter(text) {
        found.extend(word.captures_iter(&group[1]).map(|found| found[1].to_owned()));
    }
    found
}

#[test]
fn modules_import_only_from_earlier_modules() {
    let source = root().join("harness/spanproof/src");
    for path in files(&source, "rs") {
        let inside = path.strip_prefix(&source).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(line) = rank(module) else {
            assert!(module == "lib", "`{module}` is not in `ORDER`");
            continue;
        };
        for other in names_after("crate", &std::fs::read_to_string(&path).unwrap()) {
            let Some(other_line) = rank(&other) else {
                panic!("{inside:?} imports `{other}`, which is not in `ORDER`")
            };
            assert!(
                other == module || other_line < line,
                "{inside:?} imports `{other}`, which is not in a line before `{module}`"
            );
        }
    }
}

/// Returns each file of a folder with the other files of the folder from which it imports, directly
/// or through a name that `mod.rs` exports.
fn imports_within(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = root().join("harness").join(folder);
    let root_file = if folder.ends_with("src") { "lib.rs" } else { "mod.rs" };
    let module = std::fs::read_to_string(folder.join(root_file)).unwrap();
    let exports = Regex::new(r"use (\w+)::(?:\{([^}]*)\}|(\w+));").unwrap();
    let mut origins: BTreeMap<String, String> = BTreeMap::new();
    for found in exports.captures_iter(&module) {
        let names = found.get(2).or(found.get(3)).unwrap().as_str().split(',');
        origins.extend(names.map(|name| (name.trim().to_owned(), found[1].to_owned())));
    }
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let all: BTreeSet<String> = files(&folder, "rs").iter().map(|path| stem(path)).collect();
    let mut edges = BTreeMap::new();
    for path in files(&folder, "rs").into_iter().filter(|path| !path.ends_with(root_file)) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code: Vec<_> =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let names = names_after("super", &code.join("\n")).into_iter();
        let origin = |name: String| {
            if all.contains(&name) { Some(name) } else { origins.get(&name).cloned() }
        };
        let file = stem(&path);
        let others = names.filter_map(origin).filter(|other| *other != file).collect();
        edges.insert(file, others);
    }
    edges
}

#[test]
fn files_of_a_folder_import_each_other_without_cycles() {
    for folder in WITHOUT_CYCLES {
        let mut edges = imports_within(folder);
        assert!(edges.values().any(|others| !others.is_empty()), "`{folder}` has no imports");
        while let Some(leaf) = edges
            .iter()
            .find(|(_, others)| others.iter().all(|other| !edges.contains_key(other)))
            .map(|(leaf, _)| leaf.clone())
        {
            edges.remove(&leaf);
        }
        assert!(edges.is_empty(), "files of `{folder}` import each other in a cycle: {edges:?}");
    }
}

#[test]
fn reports_import_only_the_format_crate_and_only_args_imports_clap() {
    let source = root().join("harness/command/src");
    let harness = Regex::new(r"\bspanproof(?:_lease|_postgres)?::").unwrap();
    let mut reports = 0;
    for path in files(&source, "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let inside = path.strip_prefix(&source).unwrap();
        if inside.starts_with("report") {
            reports += 1;
            assert!(
                !harness.is_match(&text),
                "{inside:?} imports a crate of the harness other than the format crate"
            );
        }
        assert!(inside.starts_with("args") || !text.contains("clap::"), "{inside:?} names clap");
    }
    assert!(reports > 8, "only {reports} files of reports were found");
}

#[test]
fn crates_depend_on_exactly_the_listed_crates() {
    for (name, others) in CRATES {
        let manifest = root().join("harness").join(name).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
        let found = manifest["dependencies"].as_table().unwrap().keys();
        let found = found.filter(|key| key.starts_with("spanproof"));
        let found: BTreeSet<_> = found.map(|key| key.trim_start_matches("spanproof-")).collect();
        let others = others.iter().copied().collect();
        assert_eq!(found, others, "the dependencies of `{name}`");
    }
}

#[test]
fn the_library_has_no_public_module_and_80_to_120_public_names() {
    let text = read("harness/spanproof/src/lib.rs");
    assert!(!text.contains("pub mod "), "a module of the library is public");
    let exports = Regex::new(r"pub use (?:[\w:]+::)?(?:\{([^}]*)\}|(\w+)[^;]*);").unwrap();
    let names = exports.captures_iter(&text).flat_map(|found| {
        let names = found.get(1).or(found.get(2)).unwrap().as_str().split(',');
        names.map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    });
    let names: Vec<_> = names.collect();
    assert!((80..=120).contains(&names.len()), "{} names are public: {names:?}", names.len());
}

#[test]
fn verdicts_depend_on_no_clock_file_or_process() {
    for path in files(&root().join("harness/spanproof/src/verdict"), "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for name in ["std::fs", "std::process", "std::time", "std::env", "tokio", "sqlx", "reqwest"]
        {
            let is_test_file = path.ends_with("tests.rs");
            assert!(is_test_file || !text.contains(name), "{path:?} names {name}");
        }
    }
}

#[test]
fn each_file_has_documentation_and_at_most_400_lines() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{path:?} has no module documentation");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().count();
        let limit = if path.ends_with("tests.rs") { 500 } else { 400 };
        assert!(lines <= limit, "{path:?} has {lines} lines; the limit is {limit}");
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(!VAGUE_NAMES.contains(&name), "{path:?}: name the file after its main type");
    }
}

#[test]
fn main_files_have_at_most_15_lines() {
    for file in ["harness/command/src/main.rs", "runner/src/main.rs"] {
        let text = read(file);
        assert!(text.lines().count() <= 15, "{file} has {} lines", text.lines().count());
    }
}

#[test]
fn files_named_in_architecture_md_exist() {
    let text = read("ARCHITECTURE.md");
    assert!(text.lines().count() <= 150, "ARCHITECTURE.md has {} lines", text.lines().count());
    let named = Regex::new(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:toml|md|rs))`").unwrap();
    let named: Vec<_> = named.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    assert!(named.len() > 20, "only {} paths were found", named.len());
    for name in named {
        assert!(
            root().join(&name).exists(),
            "ARCHITECTURE.md names `{name}`, which does not exist"
        );
    }
}

#[test]
fn architecture_md_names_each_module_of_the_library() {
    let text = read("ARCHITECTURE.md");
    for module in ORDER.concat() {
        assert!(
            text.contains(&format!("`harness/spanproof/src/{module}")),
            "`{module}` is not in ARCHITECTURE.md"
        );
    }
}

#[test]
fn each_fixture_is_explained() {
    let text = read("fixtures/README.md");
    for entry in std::fs::read_dir(root().join("fixtures")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        assert!(
            name == "README.md" || text.contains(&format!("`{name}/`")),
            "`{name}` is not in fixtures/README.md"
        );
    }
}

#[test]
fn the_changelog_has_a_heading_for_this_version() {
    let text = read("CHANGELOG.md");
    assert!(text.contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}
