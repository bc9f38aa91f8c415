//! Tests that no output contains a secret: the input has a secret of every kind, and these are searched for
//! in everything that the command prints and writes.

use std::path::Path;

use crate::check::project::Project;
use crate::repository::{files, root};

/// A service that prints the lines of a file, sends them to its upstream, and is ready.
const SERVICE: &str = r#"
import os, signal, sys, urllib.request
text = open("planted.txt").read()
print(text)
print(text, file=sys.stderr, flush=True)
print("the admin token is", os.environ["ADMIN_TOKEN"], "and", os.environ["VAULT_PASS"])
headers = {"x-api-key": "h3aderKey77secret", "x-other": text.splitlines()[0]}
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/spans", text.encode(), headers))
except Exception as error:
    print(error)
print("ready", flush=True)
signal.pause()
"#;

/// Returns a text with a secret of each kind of `fixtures/secrets`, one a line, and the parts of the secrets
/// that must not be in any output.
fn planted_secrets() -> (String, Vec<String>) {
    let kinds = std::fs::read_to_string(root().join("fixtures/secrets/kinds.tsv")).unwrap();
    let placeholder = regex::Regex::new(r"\{([AUBKHN])(\d+)\}").unwrap();
    let (mut text, mut parts, mut number) = (String::new(), Vec::new(), 88_172_645_463_325_252_u64);
    // Placeholders are replaced with random characters, the same in each run.
    for line in kinds.lines() {
        let template = line.split_once('\t').unwrap().1;
        let filled = placeholder.replace_all(template, |found: &regex::Captures<'_>| {
            let letters: &[u8] = match &found[1] {
                "H" => b"0123456789abcdef",
                "N" => b"0123456789",
                "K" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                _ => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            };
            let part: String = (0..found[2].parse().unwrap())
                .map(|_| {
                    number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99_991);
                    char::from(letters[usize::try_from(number >> 40).unwrap() % letters.len()])
                })
                .collect();
            parts.push(part.clone());
            part
        });
        let filled = filled.replace("\\\\", "\u{0}").replace("\\n", "\n").replace('\u{0}', "\\");
        text = text + &filled + "\n";
    }
    parts.retain(|part| part.len() >= 8);
    (text, parts)
}

/// Returns the planted secrets that `text` shows.
fn secrets_in<'a>(text: &str, secrets: &'a [String]) -> Vec<&'a String> {
    secrets.iter().filter(|secret| text.contains(secret.as_str())).collect()
}

#[test]
fn no_secret_is_printed_or_written() {
    let (text, mut secrets) = planted_secrets();
    secrets
        .extend(["h3aderKey77secret", "f1agValue88secret", "vau1tPass99word"].map(str::to_owned));
    assert!(secrets.len() > 90, "{} secrets", secrets.len());
    let project = Project::new("accepts-no-job");
    project.write("planted.txt", &text);
    project.write("job.json", &serde_json::json!({ "input": text }).to_string());
    project.write("service.py", SERVICE);
    let spec = std::fs::read_to_string(project.path().join("spanproof.toml")).unwrap();
    let command = spec.lines().find(|line| line.starts_with("command")).unwrap();
    project.edit(
        command,
        "command = [\"/usr/bin/python3\", \"service.py\", \"{upstream.url}\"]\n\
         env = { VAULT_PASS = \"vau1tPass99word\" }",
    );
    project.edit("timeout-ms = 1500", "timeout-ms = 20000");
    project.append("[[flag]]\nname = \"ADMIN_TOKEN\"\nvalues = [\"f1agValue88secret\"]\ndefault = \"f1agValue88secret\"");
    let mut all = Vec::new();
    let mut keep = |name: &str, args: &[&str]| {
        let output = project.run(args);
        all.push((format!("{name}, stdout"), output.stdout.clone()));
        all.push((format!("{name}, stderr"), output.stderr));
        output.stdout
    };
    keep("plan", &["plan"]);
    let report = keep("check", &["check", "--evidence", "run"]);
    keep("report", &["report", "run", "--format", "json"]);
    let id = std::fs::read_dir(project.path().join("run")).unwrap().flatten();
    let mut ids = id.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
    let id = ids.next().unwrap_or_else(|| panic!("no case: {report}")).into_string().unwrap();
    keep("capture", &["capture", "--case", &id, "--run", "run", "-o", "one.jsonl"]);
    let contents = ["capture", "--case", &id, "--run", "run", "--with-contents", "-o", "two.jsonl"];
    keep("capture --with-contents", &contents);
    keep("replay", &["replay", "two.jsonl", "--assert-only"]);
    keep("replay", &["replay", "two.jsonl", "--adopt=same"]);
    let is_artefact = |path: &Path| {
        path.starts_with(project.path().join("run"))
            || path.starts_with(project.path().join("fixtures"))
            || path.extension().is_some_and(|end| end == "jsonl")
    };
    let everything =
        ["jsonl", "json", "log", "txt", "toml"].map(|end| files(project.path(), end)).concat();
    let artefacts: Vec<_> = everything.into_iter().filter(|path| is_artefact(path)).collect();
    assert!(artefacts.len() > 5, "{artefacts:?}");
    for path in artefacts {
        all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
    }
    let lines = all.iter().map(|(_, text)| text.matches("***").count()).sum::<usize>();
    assert!(lines > 300, "only {lines} masks: the service did not print: {report}");
    for (name, text) in &all {
        let leaked = secrets_in(text, &secrets);
        assert!(leaked.is_empty(), "{name} shows {} secrets: {leaked:?}", leaked.len());
    }
}
