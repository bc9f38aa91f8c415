//! The shape of this crate: imports go one way, files stay small, documents name what is there.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// The crates of the harness, from left to right, each with the crates of the harness that it
/// stands on.
const CRATES: [(&str, &[&str]); 5] = [
    ("lease", &[]),
    ("postgres", &["lease"]),
    ("format", &[]),
    ("spanproof", &["format", "lease", "postgres"]),
    ("command", &["format", "lease", "postgres", "spanproof"]),
];
/// Modules of the library from left to right: each imports only what stands in a line before its
/// own.
const ORDER: [&[&str]; 12] = [
    &["environment", "identifier", "mask", "template", "timestamp"],
    &["chain"],
    &["document"],
    &["spec"],
    &["matrix"],
    &["log", "upstream", "process"],
    &["observation"],
    &["trial", "deployment", "trace"],
    &["verdict", "preflight"],
    &["incident"],
    &["suite"],
    &["outcome"],
];
/// The folders whose files import one way.
const ONE_WAY: [&str; 13] = [
    "command/src/report",
    "lease/src",
    "postgres/src",
    "spanproof/src/deployment",
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
/// Names that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 7] = ["utils", "helpers", "common", "core", "imp", "misc", "manager"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    let crates = CRATES.iter().map(|(name, _)| root().join("harness").join(name).join("src"));
    let all = crates.chain([root().join("runner/src")]).flat_map(|folder| files(&folder, "rs"));
    all.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

fn rank(module: &str) -> Option<usize> {
    ORDER.iter().position(|line| line.contains(&module))
}

/// The modules of this crate that a source text names after `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    named_after("crate", text)
}

/// The first words that a source text names after `<start>::`, outside of its tests.
fn named_after(start: &str, text: &str) -> BTreeSet<String> {
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
fn imports_go_to_the_left_only() {
    let source = root().join("harness/spanproof/src");
    for path in files(&source, "rs") {
        let inside = path.strip_prefix(&source).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(own) = rank(module) else {
            assert!(module == "lib", "`{module}` has no place in the order");
            continue;
        };
        for other in imports(&std::fs::read_to_string(&path).unwrap()) {
            let Some(theirs) = rank(&other) else { panic!("{inside:?} imports unknown `{other}`") };
            assert!(
                other == module || theirs < own,
                "{inside:?} imports `{other}`, which stands beside or to the right of `{module}`"
            );
        }
    }
}

/// For each file of a folder module the files beside it that it imports from, directly or by what
/// `mod.rs` re-exports.
fn imports_inside(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let folder = root().join("harness").join(folder);
    let front = if folder.ends_with("src") { "lib.rs" } else { "mod.rs" };
    let module = std::fs::read_to_string(folder.join(front)).unwrap();
    let exports = Regex::new(r"use (\w+)::(?:\{([^}]*)\}|(\w+));").unwrap();
    let mut homes: BTreeMap<String, String> = BTreeMap::new();
    for found in exports.captures_iter(&module) {
        let names = found.get(2).or(found.get(3)).unwrap().as_str().split(',');
        homes.extend(names.map(|name| (name.trim().to_owned(), found[1].to_owned())));
    }
    let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let all: BTreeSet<String> = files(&folder, "rs").iter().map(|path| stem(path)).collect();
    let mut edges = BTreeMap::new();
    for path in files(&folder, "rs").into_iter().filter(|path| !path.ends_with(front)) {
        let text = std::fs::read_to_string(&path).unwrap();
        let code: Vec<_> =
            text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let named = named_after("super", &code.join("\n")).into_iter();
        let home =
            |name: String| if all.contains(&name) { Some(name) } else { homes.get(&name).cloned() };
        let own = stem(&path);
        let others = named.filter_map(home).filter(|other| *other != own).collect();
        edges.insert(own, others);
    }
    edges
}

#[test]
fn the_files_of_a_folder_import_one_way() {
    for folder in ONE_WAY {
        let mut edges = imports_inside(folder);
        assert!(edges.values().any(|others| !others.is_empty()), "`{folder}` has no imports");
        while let Some(leaf) = edges
            .iter()
            .find(|(_, others)| others.iter().all(|other| !edges.contains_key(other)))
            .map(|(leaf, _)| leaf.clone())
        {
            edges.remove(&leaf);
        }
        assert!(edges.is_empty(), "files of `{folder}` import each other in a circle: {edges:?}");
    }
}

#[test]
fn reports_import_the_format_only_and_arguments_alone_name_clap() {
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
                "{inside:?} imports more of the harness than the format"
            );
        }
        assert!(inside.starts_with("args") || !text.contains("clap::"), "{inside:?} names clap");
    }
    assert!(reports > 8, "only {reports} reports were found");
}

#[test]
fn a_crate_stands_on_those_to_its_left_only() {
    for (name, others) in CRATES {
        let manifest = root().join("harness").join(name).join("Cargo.toml");
        let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
        let found = manifest["dependencies"].as_table().unwrap().keys();
        let found = found.filter(|key| key.starts_with("spanproof"));
        let found: BTreeSet<_> = found.map(|key| key.trim_start_matches("spanproof-")).collect();
        let others = others.iter().copied().collect();
        assert_eq!(found, others, "what `{name}` depends on");
    }
}

/// What a user of the library has to know of: private modules, and names that are exported one by one.
#[test]
fn the_library_has_at_most_120_public_names() {
    let text = std::fs::read_to_string(root().join("harness/spanproof/src/lib.rs")).unwrap();
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
fn the_verdict_never_touches_the_world() {
    for path in files(&root().join("harness/spanproof/src/verdict"), "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        for world in
            ["std::fs", "std::process", "std::time", "std::env", "tokio", "sqlx", "reqwest"]
        {
            let tests = path.ends_with("tests.rs");
            assert!(tests || !text.contains(world), "{path:?} names {world}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{path:?} has no module documentation");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().count();
        let limit = if path.ends_with("tests.rs") { 500 } else { 400 };
        assert!(lines <= limit, "{path:?} has {lines} lines; split it by its nouns");
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(!EMPTY_NAMES.contains(&name), "{path:?}: name it by the noun it is about");
    }
}

#[test]
fn the_two_programs_start_in_a_few_lines() {
    for file in ["harness/command/src/main.rs", "runner/src/main.rs"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.lines().count() <= 15, "{file} has {} lines", text.lines().count());
    }
}

#[test]
fn every_file_named_in_the_architecture_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    assert!(text.lines().count() <= 150, "ARCHITECTURE.md has {} lines", text.lines().count());
    let named = Regex::new(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:toml|md|rs))`").unwrap();
    let named: Vec<_> = named.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    assert!(named.len() > 20, "only {} paths are named", named.len());
    for name in named {
        assert!(
            root().join(&name).exists(),
            "ARCHITECTURE.md names `{name}`, which does not exist"
        );
    }
}

#[test]
fn every_module_of_the_order_is_in_the_architecture() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for module in ORDER.concat() {
        assert!(
            text.contains(&format!("`harness/spanproof/src/{module}")),
            "`{module}` is not in the map"
        );
    }
}

#[test]
fn every_fixture_is_explained() {
    let text = std::fs::read_to_string(root().join("fixtures/README.md")).unwrap();
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
    let text = std::fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    assert!(text.contains(&format!("## {}", env!("CARGO_PKG_VERSION"))));
}
