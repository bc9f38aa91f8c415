//! Services that misbehave: each is told, and nothing of it is left.

use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::project::Project;

#[rstest]
#[case::exits("exits-at-once", 3, &["the service ended before it was ready, with exit code 7", "stderr: cannot open the database"])]
#[case::never("never-ready", 3, &["the service did not become ready: a line that matches `^ready$` did not happen within 1500 ms; last seen: 1 lines, none like it", "stdout: warming up"])]
#[case::sigterm("ignores-sigterm", 1, &["not-stopped: ", "did not stop on SIGTERM and was killed after 3"])]
#[case::grandchild("leaves-grandchild", 1, &["left-processes: ", "1 processes outlived the service and held its output open", "(sleep)"])]
#[case::daemon("leaves-daemon", 1, &["left-processes: ", "1 processes outlived the service"])]
#[case::refuses("obedient", 1, &["job-failed-early: ", "POST /jobs: no answer: ", "repeat:   ", " check --case "])]
fn a_service_that_misbehaves_is_told(
    #[case] service: &str,
    #[case] code: i32,
    #[case] expected: &[&str],
) {
    let (found, results, said) = Project::new(service).run(&["check"]);
    assert_eq!(found, code, "{results}{said}");
    for text in expected {
        assert!(results.contains(text), "expected {text}\nfound {results}{said}");
    }
}

#[test]
fn a_flood_is_drained_and_counted() {
    let project = Project::new("floods");
    project.edit("timeout-ms = 1500", "timeout-ms = 20000");
    project.edit("[[route]]", "[tables.jobs]\nstatus = \"status\"\n[[route]]");
    let (code, results, said) = project.run(&["check", "--evidence", "out"]);
    assert_eq!(code, 3, "{results}{said}");
    assert!(results.contains("did not become ready"), "{results}");
    let folder = evidence(&project);
    let text = std::fs::read_to_string(folder.join("evidence.json")).unwrap();
    let evidence: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(evidence["output"]["dropped_bytes"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn output_that_is_not_text_is_kept_with_marks() {
    let project = Project::new("invalid-utf8");
    let (_, results, said) = project.run(&["check", "--evidence", "out"]);
    let folder = evidence(&project);
    let stdout = std::fs::read_to_string(folder.join("stdout.log")).unwrap();
    assert_eq!(stdout, "half a \u{fffd} character\nready\n", "{results}{said}");
}

/// The folder of the one case whose evidence is in `out`.
fn evidence(project: &Project) -> PathBuf {
    let entries = std::fs::read_dir(project.path().join("out")).unwrap().flatten();
    entries.map(|entry| entry.path()).find(|path| path.is_dir()).unwrap()
}

#[rstest]
#[case::grandchild("leaves-grandchild", "sleep 612")]
#[case::daemon("leaves-daemon", "sleep 613")]
fn nothing_is_left_of_a_service_and_its(#[case] service: &str, #[case] left_behind: &str) {
    let project = Project::new(service);
    project.run(&["check"]);
    let ours = |process: &Path| {
        let folder = std::fs::read_link(process.join("cwd")).ok();
        folder.is_some_and(|folder| folder == project.path())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let left: Vec<_> = processes
        .filter(|entry| ours(&entry.path()))
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.starts_with(left_behind))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
