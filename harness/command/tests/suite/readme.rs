//! Tests of the README and the pages in `docs/`. Each command must exit and print as its page shows.
//! Examples and tables must agree with the code.

use std::collections::BTreeMap;
use std::time::Duration;

use spanproof_format::Exit;

use crate::excerpt::find;
use crate::folder;
use crate::markdown::{Block, blocks};
use crate::repository::{read, root};
use crate::run::{Output, Spanproof, program, run};

/// Part of a command that has no database to check, and therefore exits with 9.
const WITHOUT_DATABASE: &str = " preflight --manifest ";
/// Parts of commands that report findings and therefore exit with 1.
const WITH_FINDINGS: [&str; 3] = ["--config fixtures/incidents", " diagnose ", " guard "];
/// Time limit for one command on a page.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(10);

/// Returns the paths of the pages that these tests check.
fn pages() -> Vec<String> {
    let docs = folder::names(&root().join("docs")).into_iter().map(|name| format!("docs/{name}"));
    ["README.md".to_owned()].into_iter().chain(docs).collect()
}

/// Runs a command of a page with the binary under test.
fn run_on_page(command: &str) -> Output {
    let script = command.replacen("cargo run -- ", "spanproof ", 1);
    assert!(script.starts_with("spanproof "), "`{command}` does not run spanproof");
    Spanproof::shell(root(), &script).timeout(COMMAND_TIMEOUT).output()
}

/// Runs each command in a `sh` block. A `text` block must be an excerpt of what a command in the
/// previous `sh` block printed. `console` blocks are not run.
#[test]
fn commands_exit_and_print_as_documented() {
    let mut outputs: BTreeMap<String, Output> = BTreeMap::new();
    let mut wrong = Vec::new();
    for page in pages() {
        let mut last: Option<Block> = None;
        for block in blocks(&page) {
            let Block { location, language, text } = &block;
            match language.as_str() {
                // `cargo test` is not run, because this test is part of it.
                "sh" => {
                    for command in text.lines().filter(|line| *line != "cargo test") {
                        let output = outputs
                            .entry(command.to_owned())
                            .or_insert_with(|| run_on_page(command));
                        let has_findings = WITH_FINDINGS.iter().any(|part| command.contains(part));
                        let is_partial = command.contains(WITHOUT_DATABASE);
                        let expected = if is_partial { 9 } else { i32::from(has_findings) };
                        if output.code != expected || output.stdout.is_empty() {
                            wrong.push(format!("{location}: `{command}`: {output:#?}"));
                        }
                    }
                    last = Some(block);
                }
                "console" => last = None,
                "text" => {
                    let commands = last.iter().flat_map(|block| block.text.lines());
                    let printed: Vec<_> =
                        commands.filter_map(|command| outputs.get(command)).collect();
                    let found = printed.iter().map(|output| find(text, &output.stdout));
                    if let Err(missing) = found.fold(Err(text.clone()), Result::or) {
                        wrong.push(format!(
                            "{location}: no command printed\n{missing}\n{printed:#?}"
                        ));
                    }
                }
                "json" | "rust" | "toml" => {}
                other => wrong.push(format!("{location}: unknown language `{other}`")),
            }
        }
    }
    assert!(outputs.len() > 8, "only {} commands were found", outputs.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_readme_has_at_most_150_lines() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 150, "README.md has {lines} lines; move some to `docs/`");
}

/// The pages show `cargo run` without `--bin`, so cargo must choose the binary `spanproof` by default.
#[test]
fn cargo_run_starts_spanproof_by_default() {
    let mut command = program(env!("CARGO"));
    // In a shell, these variables are not set. If they differ, cargo compiles `ring` and all that depends on
    // it again.
    for name in ["MANIFEST_DIR", "MANIFEST_LINKS", "PKG_NAME"] {
        command.env_remove(format!("CARGO_{name}"));
    }
    for part in ["MAJOR", "MINOR", "PATCH", "PRE"] {
        command.env_remove(format!("CARGO_PKG_VERSION_{part}"));
    }
    let output = command.args(["run", "--", "explain"]).current_dir(root()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("stage 1, delivered"), "{stderr}");
}

/// The file `tests/example.rs` contains the example that the README and the library's documentation
/// show.
#[test]
fn the_documented_example_equals_the_test() {
    let test = read("tests/example.rs");
    let example = test.split_once("// README\n").unwrap().1;
    let blocks = blocks("README.md");
    let rust: Vec<_> = blocks.iter().filter(|block| block.language == "rust").collect();
    assert_eq!(rust.first().unwrap().text, example);
    let documentation: String = example.lines().map(|line| format!("//! {line}\n")).collect();
    let documentation = documentation.replace("//! \n", "//!\n");
    let library = read("harness/spanproof/src/lib.rs");
    assert!(library.contains(&documentation), "the library's documentation lacks\n{documentation}");
}

#[test]
fn tables_of_exit_codes_are_complete() {
    let rows = Exit::ALL.iter().map(|exit| format!("| {} | {} |\n", exit.code(), exit.meaning()));
    let table = format!("| exit code | meaning |\n|---|---|\n{}\n", rows.collect::<String>());
    let mut tables = 0;
    for name in pages() {
        let text = format!("{}\n", read(&name));
        if text.contains("| exit code |") {
            tables += 1;
            assert!(text.contains(&table), "{name} should have this table:\n{table}");
        }
    }
    assert!(tables > 0, "no page lists the exit codes");
}

/// `docs/getting-started.md` shows a spec for the service in `fixtures/python-runner` step by step.
/// All steps together must be a spec that passes.
#[test]
fn the_spec_of_getting_started_passes() {
    let service = root().join("fixtures/python-runner");
    let scratch = tempfile::tempdir().unwrap();
    folder::copy(&service, scratch.path());
    let blocks = blocks("docs/getting-started.md");
    let spec: String =
        blocks.iter().filter(|block| block.language == "toml").map(|block| &*block.text).collect();
    std::fs::write(scratch.path().join("spanproof.toml"), spec).unwrap();
    let Output { code, stdout, stderr } = run(scratch.path(), &["check"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert_eq!(stderr.matches("warning: ").count(), 0, "{stderr}");
    let behaviour = blocks.iter().find(|block| block.text.contains("[[reply]]")).unwrap();
    let file = std::fs::read_to_string(service.join("upstream/answers.toml")).unwrap();
    assert!(
        file.contains(&behaviour.text),
        "{} is not in upstream/answers.toml",
        behaviour.location
    );
}
