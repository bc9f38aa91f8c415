//! The reference of the spec names every key that a spec or a behaviour file may have.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use regex::Regex;
use spanproof::FaultKind;

/// The sources whose structs are what is read from the files.
const SOURCES: [&str; 7] = [
    "harness/spanproof/src/spec/expected.rs",
    "harness/spanproof/src/spec/fault.rs",
    "harness/spanproof/src/spec/section.rs",
    "harness/spanproof/src/spec/table.rs",
    "harness/spanproof/src/spec/probe.rs",
    "harness/spanproof/src/spec/file.rs",
    "harness/spanproof/src/upstream/behaviour.rs",
];

/// The names of the fields of every struct that is deserialized, as the file spells them.
fn keys(source: &str) -> Vec<String> {
    let derived = Regex::new(r"(?s)#\[derive\(([^)]*)\)\]\n(.*?)struct \w+ \{\n(.*?)\n\}").unwrap();
    let field =
        Regex::new(r#"(?:rename = "([\w-]+)"\)\]\n\s*)?(?m:^)\s*(?:pub(?:\([\w ]+\))? )?(\w+): "#)
            .unwrap();
    let read = derived.captures_iter(source).filter(|found| found[1].contains("Deserialize"));
    read.flat_map(|found| {
        let body = found[3].to_owned();
        let names = field.captures_iter(&body);
        let spelled = names.map(|name| name.get(1).unwrap_or(name.get(2).unwrap()).as_str());
        spelled.map(|name| name.replace('_', "-")).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_key_is_in_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let keys: Vec<_> = SOURCES.iter().flat_map(|name| keys(&read(name))).collect();
    for known in ["settle-ms", "route", "reply", "pad-bytes", "unfinished", "link", "exclude"] {
        assert!(keys.iter().any(|key| key == known), "`{known}` was not read from the sources");
    }
    let reference = read("docs/spec.md");
    for kind in FaultKind::ALL {
        assert!(reference.contains(&format!("| `{kind}` |")), "docs/spec.md does not name {kind}");
    }
    let missing: Vec<_> =
        keys.iter().filter(|key| !reference.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/spec.md does not name {missing:?}");
}

#[test]
fn the_page_of_codes_is_what_explain_prints() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("docs/codes.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    let again = "cargo run -- explain --markdown > docs/codes.md";
    assert!(
        page == spanproof_cli::report::reference(),
        "docs/codes.md is old; make it anew: {again}"
    );
}
