//! Compares an excerpt of a command's output, as a page of documentation shows it, with the real
//! output.

use regex::Regex;

/// Patterns of strings that differ between runs or machines. Before the comparison, each match is
/// replaced with its placeholder.
const VARYING: [(&str, &str); 9] = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "[TIME]"),
    (r"\b\d+(\.\d+)? (ms|s|min|h)\b", "[DURATION]"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
    (r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", "[UUID]"),
    (r"runs/[^/ ]+", "runs/[RUN]"),
    (r"\S*spanproof (check|replay)", "spanproof $1"),
    // Executions run in parallel, so their ids differ from run to run.
    (r"executions \d+ \(.*?\)", "executions [UNIT]"),
    (r"\d+ (MB|GB)\b", "[SIZE]"),
    (r"PostgreSQL \d+(\.\d+)?", "PostgreSQL [VERSION]"),
];

/// Lines of an excerpt that stand for any number of lines.
const OMISSIONS: [&str; 2] = ["...", "…"];

/// Checks that `printed` contains all lines of `excerpt`, in the same order and without other lines
/// between them. Times, ids and sizes may differ. A line `...` stands for any number of lines.
///
/// # Errors
/// If a part of the excerpt, up to the next line `...`, is missing. The error is this part.
pub(crate) fn find(excerpt: &str, printed: &str) -> Result<(), String> {
    let (excerpt, printed) = (lines(excerpt), lines(printed));
    let mut rest = printed.as_slice();
    let mut parts = 0;
    for part in excerpt.split(|line| OMISSIONS.contains(&line.trim())) {
        if part.is_empty() {
            continue;
        }
        let start = rest.windows(part.len()).position(|lines| lines == part);
        let start = start.ok_or_else(|| part.join("\n"))?;
        rest = &rest[start + part.len()..];
        parts += 1;
    }
    if parts > 0 { Ok(()) } else { Err("the excerpt has no lines".to_owned()) }
}

/// Returns the lines of `text`, with placeholders for everything that [`VARYING`] matches.
fn lines(text: &str) -> Vec<String> {
    let patterns = VARYING.map(|(pattern, name)| (Regex::new(pattern).unwrap(), name));
    let spaces = Regex::new(" {2,}").unwrap();
    let stable = |line: &str| {
        let line = line.trim_end().to_owned();
        let masked = patterns.iter().fold(line.clone(), |line, (pattern, name)| {
            pattern.replace_all(&line, *name).into_owned()
        });
        // A longer time moves the next columns to the right, so all gaps between columns are
        // shortened.
        if masked == line { line } else { spaces.replace_all(&masked, "  ").into_owned() }
    };
    text.lines().map(stable).collect()
}

#[test]
fn find_accepts_only_consecutive_lines_of_the_output() {
    let printed = "one  12.5 s\ntwo\nthree\nfour\n";
    for excerpt in ["two\n", "one  3 s\ntwo\n", "one  9 s\n...\nfour\n", "…\nthree\n"] {
        assert_eq!(find(excerpt, printed), Ok(()), "{excerpt}");
    }
    for (excerpt, missing) in [
        ("one  3 s\nthree\n", "one  [DURATION]\nthree"),
        ("two\none  3 s\n", "two\none  [DURATION]"),
        ("three\n...\ntwo\n", "two"),
        ("two\n...\ntwo\n", "two"),
        ("tw\n", "tw"),
        ("...\n", "the excerpt has no lines"),
    ] {
        assert_eq!(find(excerpt, printed), Err(missing.to_owned()), "{excerpt}");
    }
}
