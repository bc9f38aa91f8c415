//! Tests of the reference pages. `docs/spec.md` must list exactly the keys that each section of a spec
//! may have, and the keys of a behaviour file (a file of replies of the fake upstream).
//! `docs/codes.md` must be the output of `explain --markdown`.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use regex::Regex;
use spanproof::FaultKind;

use crate::check::project::Project;
use crate::markdown::blocks;
use crate::repository::read;
use crate::run::Output;
use crate::schema::{Difference, differences};

/// A key that no section may have. The error about this key lists all keys that the section may
/// have.
const UNKNOWN: &str = "no-such-key = 1";

/// The tables of `docs/spec.md`. Each has the heading above the table and the first cell of its header.
/// It also has an edit of a spec that adds an unknown key to the described section: the text to
/// replace and its replacement. `KEY` stands for the unknown key.
const TABLES: [(&str, &str, &str, &str); 15] = [
    ("`service`", "key", "[service]", "[service]\nKEY"),
    ("`process`", "key", "schema = 1", "schema = 1\nprocess = [{ KEY }]"),
    ("`database`", "key", "schema = 1", "schema = 1\ndatabase = { KEY }"),
    ("`flag`", "key", "schema = 1", "schema = 1\nflag = [{ KEY }]"),
    ("`matrix`", "key", "schema = 1", "schema = 1\nmatrix = { KEY }"),
    ("`fault`", "key", "schema = 1", "schema = 1\nfault = [{ KEY }]"),
    ("`expected`", "key", "schema = 1", "schema = 1\nexpected = [{ KEY }]"),
    ("`span`", "key", "[[span]]", "[[span]]\nKEY"),
    ("`probes`", "key", "schema = 1", "schema = 1\nprobes = { KEY }"),
    ("`tables`", "key of `[tables.jobs]`", "schema = 1", "schema = 1\ntables.jobs = { KEY }"),
    ("`tables`", "key of `[tables.units]`", "schema = 1", "schema = 1\ntables.units = { KEY }"),
    ("`tables`", "key of `[tables.spans]`", "schema = 1", "schema = 1\ntables.spans = { KEY }"),
    ("`startup`", "key", "schema = 1", "schema = 1\nstartup = { KEY }"),
    ("`manifests`", "key", "schema = 1", "schema = 1\nmanifests.production = { KEY }"),
    // One table describes both sections of a behaviour file, so there is no edit of a spec.
    ("An upstream's behaviour file", "key", "", ""),
];

/// Rows of tables of `docs/spec.md` that describe a whole section. Each has the heading above its
/// table, its key, and the edit of a spec that adds an unknown key, as in [`TABLES`].
const ROWS: [(&str, &str, &str, &str); 11] = [
    ("`service`", "cargo", "[service]", "[service]\ncargo = { KEY }"),
    ("`service`", "ready", "ready = {", "ready = { KEY,"),
    ("`service`", "stop", "stop = {", "stop = { KEY,"),
    ("`route`, `upstream`, `job`", "route", "[[route]]", "[[route]]\nKEY"),
    ("`route`, `upstream`, `job`", "done", "[[route]]", "[[route]]\ndone = { KEY }"),
    ("`route`, `upstream`, `job`", "upstream", "[[upstream]]", "[[upstream]]\nKEY"),
    ("`route`, `upstream`, `job`", "job", "[[job]]", "[[job]]\nKEY"),
    ("`flag`", "on", "schema = 1", "schema = 1\nflag = [{ on = { KEY } }]"),
    ("`flag`", "off", "schema = 1", "schema = 1\nflag = [{ off = { KEY } }]"),
    ("`flag`", "each", "schema = 1", "schema = 1\nflag = [{ each = { KEY } }]"),
    ("`startup`", "redact", "schema = 1", "schema = 1\nstartup = { redact = [{ KEY }] }"),
];

/// Returns the words in backticks that have the form of a key.
fn keys(text: &str) -> BTreeSet<String> {
    let quoted = Regex::new("`([a-z-]+)`").unwrap();
    quoted.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Returns the rows of a table. Each row is the cell with the key, and the text of all other cells.
fn rows(page: &str, heading: &str, header: &str) -> Vec<(String, String)> {
    let section = page.split("\n## ").find(|text| text.starts_with(&format!("{heading}\n")));
    let section = section.unwrap_or_else(|| panic!("no section {heading}"));
    let mut lines = section.lines().skip_while(|line| !line.starts_with(&format!("| {header} |")));
    assert!(lines.next().is_some(), "no table with the header `{header}` under {heading}");
    let rows = lines.skip(1).take_while(|line| line.starts_with("| "));
    rows.map(|row| row[2..].split_once(" |").unwrap())
        .map(|(key, rest)| (key.to_owned(), rest.to_owned()))
        .collect()
}

/// Returns the keys that `plan` lists in its error about the unknown key.
fn accepted_keys(project: &Project) -> BTreeSet<String> {
    let output = project.run(&["plan"]);
    let error = output.stderr.split_once("unknown key `no-such-key`, expected ");
    assert!(error.is_some(), "{output:?}");
    keys(error.unwrap().1.split([';', '\n']).next().unwrap())
}

/// Returns the keys that a section of the spec may have. Replacing `old` with `new` adds the unknown
/// key to the section.
fn accepted_in(old: &str, new: &str) -> BTreeSet<String> {
    let project = Project::new("accepts-no-job");
    project.edit(old, &new.replace("KEY", UNKNOWN));
    accepted_keys(&project)
}

/// Returns the keys that a section of a behaviour file may have. `text` is the text of the file,
/// with `KEY` in the section.
fn accepted_in_behaviour(text: &str) -> BTreeSet<String> {
    let project = Project::new("accepts-no-job");
    project.write("upstream.toml", &text.replace("KEY", UNKNOWN));
    accepted_keys(&project)
}

#[test]
fn each_table_lists_exactly_the_keys_of_its_section() {
    let page = read("docs/spec.md");
    for (heading, header, old, new) in TABLES {
        let listed: BTreeSet<_> =
            rows(&page, heading, header).iter().flat_map(|(key, _)| keys(key)).collect();
        let accepted = if old.is_empty() {
            let replies = accepted_in_behaviour("about = \"x\"\n[[reply]]\nKEY\n");
            replies.union(&accepted_in_behaviour("about = \"x\"\nKEY\n")).cloned().collect()
        } else {
            accepted_in(old, new)
        };
        assert_eq!(listed, accepted, "docs/spec.md (left), {heading}, {header}");
    }
    // Two tables are not in `TABLES`: one lists `schema`, the other `route`, `upstream`, `job`.
    let tables = page.lines().filter(|line| line.starts_with("| key ")).count();
    assert_eq!(tables, TABLES.len() + 2, "`TABLES` lacks a table of docs/spec.md");
}

#[test]
fn each_row_lists_exactly_the_keys_of_its_section() {
    let page = read("docs/spec.md");
    for (heading, key, old, new) in ROWS {
        let rows = rows(&page, heading, "key");
        let row = rows.iter().find(|(name, _)| *name == format!("`{key}`"));
        let listed = keys(&row.unwrap_or_else(|| panic!("no row `{key}`")).1);
        assert_eq!(listed, accepted_in(old, new), "docs/spec.md (left), the row `{key}`");
    }
}

/// Returns the keys that a section of the spec may have according to the JSON Schema.
fn known_to_the_schema(old: &str, new: &str) -> BTreeSet<String> {
    let project = Project::new("accepts-no-job");
    project.edit(old, &new.replace("KEY", UNKNOWN));
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let known = differences(&spec).into_iter().find_map(|difference| match difference {
        Difference::UnknownKey { key, known, .. } if UNKNOWN.starts_with(&key) => Some(known),
        _ => None,
    });
    known.unwrap_or_else(|| panic!("the schema accepts the key in {new}"))
}

#[test]
fn the_json_schema_has_exactly_the_listed_keys() {
    let page = read("docs/spec.md");
    for (heading, header, old, new) in TABLES.iter().filter(|(_, _, old, _)| !old.is_empty()) {
        let listed: BTreeSet<_> =
            rows(&page, heading, header).iter().flat_map(|(key, _)| keys(key)).collect();
        assert_eq!(listed, known_to_the_schema(old, new), "docs/spec.md (left), {heading}");
    }
    for (heading, key, old, new) in ROWS {
        let rows = rows(&page, heading, "key");
        let row = rows.iter().find(|(name, _)| *name == format!("`{key}`")).unwrap();
        assert_eq!(keys(&row.1), known_to_the_schema(old, new), "docs/spec.md (left), `{key}`");
    }
    let sections = accepted_in("schema = 1", "schema = 1\nKEY");
    assert_eq!(sections, known_to_the_schema("schema = 1", "schema = 1\nKEY"));
    let tables = accepted_in("schema = 1", "schema = 1\ntables = { KEY }");
    assert_eq!(tables, known_to_the_schema("schema = 1", "schema = 1\ntables = { KEY }"));
}

#[test]
fn headings_equal_the_sections_of_a_spec() {
    let page = read("docs/spec.md");
    let headings = page.lines().filter(|line| line.starts_with("## "));
    let mut listed: BTreeSet<_> = headings.flat_map(keys).collect();
    let first = page.split("\n## ").next().unwrap();
    listed.extend(first.lines().filter(|line| line.starts_with("| `")).flat_map(keys));
    assert_eq!(listed, accepted_in("schema = 1", "schema = 1\nKEY"));
    let tables = Regex::new(r"key of `\[tables\.(\w+)\]`").unwrap();
    let tables: BTreeSet<_> =
        tables.captures_iter(&page).map(|found| found[1].to_owned()).collect();
    assert_eq!(tables, accepted_in("schema = 1", "schema = 1\ntables = { KEY }"));
}

#[test]
fn the_first_block_is_a_complete_spec() {
    let blocks = blocks("docs/spec.md");
    let spec = &blocks.iter().find(|block| block.language == "toml").unwrap().text;
    assert!(spec.lines().count() <= 32, "{spec}");
    let project = Project::new("accepts-no-job");
    project.write("spanproof.toml", spec);
    for (name, text) in [("order.json", "{}"), ("bin/node", "#!/bin/sh\n")] {
        project.write(name, text);
    }
    let node = project.path().join("bin/node");
    std::fs::set_permissions(&node, Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(project.path().join("upstream.toml"), project.path().join("payments.toml"))
        .unwrap();
    let plan = project.spanproof(&["plan"]).env("PATH", node.parent().unwrap());
    let Output { code, stdout, stderr } = plan.output();
    assert_eq!(code, 0, "{stdout}{stderr}");
    // Four faults are tried without being declared.
    assert!(stdout.contains("\n6 cases, 12 units\n"), "{stdout}");
    assert_eq!(stderr, "");
}

#[test]
fn the_table_of_faults_lists_exactly_the_kinds() {
    let listed: BTreeSet<_> = rows(&read("docs/spec.md"), "`fault`", "kind")
        .iter()
        .flat_map(|(kind, _)| keys(kind))
        .collect();
    assert_eq!(listed, FaultKind::ALL.iter().map(ToString::to_string).collect());
}

#[test]
fn the_page_of_codes_equals_the_output_of_explain() {
    assert!(
        read("docs/codes.md") == spanproof_cli::report::reference(),
        "docs/codes.md is out of date; run `cargo run -- explain --markdown > docs/codes.md`"
    );
}
