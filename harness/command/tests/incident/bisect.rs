//! The commit in which tracing went dark, found by `git bisect run` in a real history.

use std::path::Path;

use assert_cmd::Command;

use crate::run;

const SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/python-runner");
/// How many commits there are, and which one does the harm.
const COMMITS: usize = 9;
const HARM: usize = 7;

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@localhost"])
        .args(args);
    let output = command.timeout(std::time::Duration::from_mins(2)).output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "git {args:?}: {text}");
    text
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.path().is_dir() {
            _ if hidden => {}
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A history in which one commit takes the tracer out of one route, and one can't be run at all.
fn history(folder: &Path) -> Vec<String> {
    copy(Path::new(SERVICE), folder);
    git(folder, &["init", "-q", "-b", "main"]);
    let service = folder.join("runner.py");
    let healthy = std::fs::read_to_string(&service).unwrap();
    let switch = "self.recording = ";
    assert!(healthy.contains(switch), "the tracer of the service has another shape now");
    let mut commits = Vec::new();
    for number in 1..=COMMITS {
        let dark = healthy.replace(switch, "self.recording = False and ");
        let mut text = if number >= HARM { dark } else { healthy.clone() };
        if number == 5 {
            text =
                text.replace("import queue\n", "import queue\nimport a_module_that_is_not_there\n");
        }
        std::fs::write(&service, format!("{text}\n# {number}\n")).unwrap();
        git(folder, &["add", "-A"]);
        git(folder, &["commit", "-q", "-m", &format!("commit {number}")]);
        commits.push(git(folder, &["rev-parse", "HEAD"]).trim().to_owned());
    }
    commits
}

#[test]
fn the_commit_that_put_tracing_out_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("service");
    let commits = history(&repository);
    let cases =
        ["--filter", "TRACING=ON", "--filter", "route=later", "--filter", "upstream=answers"];
    let (_, out, notes) =
        run(&repository, &[&["check", "--no-probe", "--evidence", "../run"], &cases[..]].concat());
    let failed = out
        .lines()
        .find(|line| line.contains("  FAIL "))
        .map(|line| line.split(' ').next().unwrap());
    let id = failed.map(str::to_owned);
    assert!(id.is_some(), "{out}{notes}");
    let args = ["capture", "--case", &id.unwrap(), "--run", "../run", "-o", "../dark.jsonl"];
    let (exit, out, notes) = run(&repository, &args);
    assert_eq!(exit, 0, "{out}{notes}");
    git(&repository, &["bisect", "start", &commits[COMMITS - 1], &commits[0]]);
    let command = env!("CARGO_BIN_EXE_spanproof");
    let said = git(&repository, &["bisect", "run", command, "replay", "../dark.jsonl", "--bisect"]);
    assert!(said.contains(&format!("{} is the first bad commit", commits[HARM - 1])), "{said}");
}
