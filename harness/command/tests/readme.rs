//! The README tells what is true: every command in it runs, and what it shows is what is printed.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use assert_cmd::Command;
use regex::Regex;
use spanproof_format::Exit;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let pattern = Regex::new(&format!("(?s)```{language}\n(.*?)```")).unwrap();
    pattern.captures_iter(&readme()).map(|found| found[1].to_owned()).collect()
}

/// Runs a command of the README: `cargo run -- …` with the binary that was built for this test.
fn run(command: &str) -> (i32, String) {
    let words = command.strip_prefix("cargo run -- ").unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("exec \"$0\" {words}"), env!("CARGO_BIN_EXE_spanproof")])
        .current_dir(root())
        .env_remove("DATABASE_URL")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

/// Runs a command once for all tests.
fn once(command: &str) -> (i32, String) {
    static RUNS: Mutex<BTreeMap<String, (i32, String)>> = Mutex::new(BTreeMap::new());
    let mut runs = RUNS.lock().unwrap();
    runs.entry(command.to_owned()).or_insert_with(|| run(command)).clone()
}

/// What varies from run to run, replaced.
fn stable(text: &str) -> String {
    [
        (r"\d+\.\d s\b", "[TIME]"),
        (r"runs/[^/]+/", "runs/[RUN]/"),
        (r"repeat:   \S+ check", "repeat:   spanproof check"),
        (r"executions \d+ \(.*\)", "executions [UNIT]"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (pattern, name)| {
        Regex::new(pattern).unwrap().replace_all(&text, *name).into_owned()
    })
}

#[test]
fn every_command_ends_as_it_should() {
    let commands: Vec<_> = blocks("sh").concat().lines().map(str::to_owned).collect();
    assert!(commands.len() > 8, "{commands:?}");
    for command in commands {
        // This test is itself a part of the second command.
        if command == "cargo test" {
            continue;
        }
        let findings = ["--config fixtures/incidents", "diagnose"];
        let expected = i32::from(findings.iter().any(|part| command.contains(part)));
        let (code, text) = once(&command);
        assert_eq!(code, expected, "{command}\n{text}");
        assert!(!text.is_empty(), "{command} prints nothing");
    }
}

/// The commands say `cargo run` and no binary: cargo itself has to find the right one.
#[test]
fn cargo_finds_the_binary_by_itself() {
    let output =
        Command::new(env!("CARGO")).args(["run", "--", "explain"]).current_dir(root()).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("stage 1, delivered"), "{said}");
}

#[test]
fn what_it_shows_is_what_is_printed() {
    let shown = blocks("text");
    let (_, incident) =
        once("cargo run -- check --config fixtures/incidents/zero-spans/spanproof.toml");
    let (_, all) = once("cargo run -- check");
    let (_, there) = once(
        "cargo run -- diagnose --dump fixtures/production/dump.sql --log fixtures/production/runner.log",
    );
    let printed = stable(&format!("{incident}{all}{there}"));
    for block in shown {
        for line in stable(&block).lines().filter(|line| !line.starts_with('…')) {
            assert!(printed.contains(line), "the README shows\n{line}\nprinted was\n{printed}");
        }
    }
}

/// The README's and that of the library's documentation.
#[test]
fn its_example_is_a_test() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let test = read("tests/example.rs");
    let example = test.split_once("// README\n").unwrap().1;
    assert_eq!(blocks("rust")[0], example);
    let documentation: String = example.lines().map(|line| format!("//! {line}\n")).collect();
    let documentation = documentation.replace("//! \n", "//!\n");
    assert!(read("harness/spanproof/src/lib.rs").contains(&documentation), "{documentation}");
}

#[test]
fn its_exit_codes_are_those_of_the_command() {
    let rows = Exit::ALL.iter().map(|exit| format!("| {} | {} |\n", exit.code(), exit.meaning()));
    let table = format!("| exit code | meaning |\n|---|---|\n{}", rows.collect::<String>());
    assert!(readme().contains(&table), "the README should have this table:\n{table}");
}
