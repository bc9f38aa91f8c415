//! The reference pages: `docs/spec.md` lists exactly the keys that each section of a spec and a
//! behaviour file may have, and `docs/codes.md` is what `explain` prints.

use std::collections::BTreeSet;

use regex::Regex;
use spanproof::FaultKind;

use crate::check::project::Project;
use crate::repository::read;

/// A key that no section has: the error about it lists those that the section has.
const UNKNOWN: &str = "no-such-key = 1";

/// Tables of the page: their heading, the start of their header, and a text of the spec that is
/// replaced so that the section has an unknown key.
const TABLES: [(&str, &str, &str, &str); 13] = [
    ("`service`", "key", "[service]", "[service]\nKEY"),
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
    // Both sections of a behaviour file are in one table.
    ("An upstream's behaviour file", "key", "", ""),
];

/// Rows of the page that describe a section of their own: the heading above their table, their key,
/// and the same replacement.
const ROWS: [(&str, &str, &str, &str); 7] = [
    ("`service`", "cargo", "[service]", "[service]\ncargo = { KEY }"),
    ("`service`", "ready", "ready = {", "ready = { KEY,"),
    ("`service`", "stop", "stop = {", "stop = { KEY,"),
    ("`route`, `upstream`, `job`", "route", "[[route]]", "[[route]]\nKEY"),
    ("`route`, `upstream`, `job`", "upstream", "[[upstream]]", "[[upstream]]\nKEY"),
    ("`route`, `upstream`, `job`", "job", "[[job]]", "[[job]]\nKEY"),
    ("`startup`", "redact", "schema = 1", "schema = 1\nstartup = { redact = [{ KEY }] }"),
];

/// Returns the words in backticks that look like keys.
fn keys(text: &str) -> BTreeSet<String> {
    let quoted = Regex::new("`([a-z-]+)`").unwrap();
    quoted.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Returns the rows of a table: the cell with the key, and the rest.
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

/// Returns the keys that the command names in its error about the unknown key.
fn accepted(project: &Project, command: &str) -> BTreeSet<String> {
    let output = project.run(&[command]);
    let error = output.stderr.split_once("unknown key `no-such-key`, expected ");
    assert!(error.is_some(), "{output:?}");
    keys(error.unwrap().1.split([';', '\n']).next().unwrap())
}

/// Returns the keys that a section of the spec may have.
fn accepted_in(old: &str, new: &str) -> BTreeSet<String> {
    let project = Project::new("obedient");
    project.edit(old, &new.replace("KEY", UNKNOWN));
    accepted(&project, "plan")
}

/// Returns the keys that a section of a behaviour file may have; `text` is the file.
fn accepted_in_behaviour(text: &str) -> BTreeSet<String> {
    let project = Project::new("obedient");
    project.write("upstream.toml", &text.replace("KEY", UNKNOWN));
    accepted(&project, "check")
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
    // Of the others, one lists `schema`, and one `route`, `upstream` and `job`.
    let tables = page.lines().filter(|line| line.starts_with("| key ")).count();
    assert_eq!(tables, TABLES.len() + 2, "a table of docs/spec.md is compared with nothing");
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

#[test]
fn the_headings_are_exactly_the_sections_of_a_spec() {
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
fn the_table_of_faults_lists_exactly_the_kinds() {
    let listed: BTreeSet<_> = rows(&read("docs/spec.md"), "`fault`", "kind")
        .iter()
        .flat_map(|(kind, _)| keys(kind))
        .collect();
    assert_eq!(listed, FaultKind::ALL.iter().map(ToString::to_string).collect());
}

#[test]
fn the_page_of_codes_is_what_explain_prints() {
    assert!(
        read("docs/codes.md") == spanproof_cli::report::reference(),
        "docs/codes.md is out of date; run `cargo run -- explain --markdown > docs/codes.md`"
    );
}
