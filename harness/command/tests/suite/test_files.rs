//! Tests that each source file is compiled, and that each package has at most one integration-test
//! binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::repository::{files, root};

/// Returns the folders of all packages of the workspace.
fn packages() -> Vec<PathBuf> {
    let manifest = manifest(&root());
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| root().join(member.as_str().unwrap())).collect()
}

/// Reads the `Cargo.toml` of a package.
fn manifest(package: &Path) -> toml::Table {
    std::fs::read_to_string(package.join("Cargo.toml")).unwrap().parse().unwrap()
}

/// Returns the root files of a package's integration tests: the files that the manifest declares, and
/// the files that cargo finds by itself.
fn test_targets(package: &Path) -> BTreeSet<PathBuf> {
    let manifest = manifest(package);
    let declared = manifest.get("test").and_then(toml::Value::as_array).into_iter().flatten();
    let mut targets: BTreeSet<_> = declared
        .map(|test| match test.get("path") {
            Some(path) => package.join(path.as_str().unwrap()).canonicalize().unwrap(),
            None => package.join("tests").join(test["name"].as_str().unwrap()).join("main.rs"),
        })
        .collect();
    let finds = manifest["package"].get("autotests").and_then(toml::Value::as_bool);
    if finds.unwrap_or(true) {
        for entry in std::fs::read_dir(package.join("tests")).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                targets.insert(path);
            } else if path.join("main.rs").exists() {
                targets.insert(path.join("main.rs"));
            }
        }
    }
    targets
}

/// Returns a crate's root file and all files that `mod` lines include, directly or indirectly.
fn included_files(crate_root: &Path) -> BTreeSet<PathBuf> {
    let module =
        Regex::new(r"(?m)^\s*((?:#\[[^\n]*\]\s*)*)(?:pub(?:\([\w ]+\))? )?mod (\w+);").unwrap();
    let named = Regex::new(r#"#\[path = "([^"]+)"\]"#).unwrap();
    let mut included = BTreeSet::new();
    let mut left = vec![(crate_root.to_owned(), crate_root.parent().unwrap().to_owned())];
    while let Some((file, folder)) = left.pop() {
        let text = std::fs::read_to_string(&file).unwrap();
        for found in module.captures_iter(&text) {
            let below = folder.join(&found[2]);
            let mut paths = vec![folder.join(format!("{}.rs", &found[2])), below.join("mod.rs")];
            // The path in `#[path]` is relative to the folder of the file that has the attribute.
            paths.extend(named.captures(&found[1]).map(|path| file.with_file_name(&path[1])));
            paths.retain(|path| path.exists());
            left.extend(paths.iter().map(|path| (path.canonicalize().unwrap(), below.clone())));
        }
        included.insert(file);
    }
    included
}

/// Returns the files below a folder that belong to none of these crates.
fn uncompiled(folder: &Path, crate_roots: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let included: BTreeSet<_> = crate_roots.iter().flat_map(|root| included_files(root)).collect();
    files(folder, "rs").into_iter().filter(|file| !included.contains(file)).collect()
}

#[test]
fn each_package_has_at_most_one_integration_test_binary() {
    for package in packages() {
        let targets = test_targets(&package);
        assert!(targets.len() <= 1, "{}: {targets:#?}", package.display());
    }
}

#[test]
fn each_source_file_and_test_file_is_compiled() {
    for package in packages() {
        let roots = ["lib.rs", "main.rs"].map(|name| package.join("src").join(name));
        let roots = roots.into_iter().filter(|path| path.exists()).collect();
        assert_eq!(uncompiled(&package.join("src"), &roots), Vec::<PathBuf>::new());
        let targets = test_targets(&package);
        let folder = package.join("tests");
        if folder.exists() {
            assert_eq!(uncompiled(&folder, &targets), Vec::<PathBuf>::new());
        }
    }
    let runner = test_targets(&root().join("runner"));
    assert_eq!(uncompiled(&root().join("tests"), &runner), Vec::<PathBuf>::new());
}

#[test]
fn a_file_without_a_mod_line_is_reported_as_not_compiled() {
    let package = tempfile::tempdir().unwrap();
    let suite = package.path().join("tests/suite");
    let write = |name: &str, text: &str| {
        let path = suite.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    std::fs::write(package.path().join("Cargo.toml"), "[package]\nname = \"x\"\n").unwrap();
    write("main.rs", "mod one;\npub(crate) mod folder;\n#[cfg(unix)]\nmod two;\n// mod planted;\n");
    write("named.rs", "");
    for name in ["one.rs", "two.rs", "two/inner.rs", "planted.rs", "folder/planted.rs"] {
        write(name, "mod inner;\n");
    }
    write("folder/mod.rs", "mod one;\n#[cfg(test)]\n#[path = \"../named.rs\"]\nmod other;\n");
    write("folder/one.rs", "");
    let targets = test_targets(package.path());
    assert_eq!(targets, [suite.join("main.rs")].into());
    let planted = ["folder/planted.rs", "planted.rs"].map(|name| suite.join(name));
    assert_eq!(uncompiled(&package.path().join("tests"), &targets), planted);
    std::fs::write(package.path().join("tests/second.rs"), "").unwrap();
    assert_eq!(test_targets(package.path()).len(), 2);
}
