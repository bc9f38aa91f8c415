//! Tests that secrets of many kinds are masked, that ordinary text is not, and that masking takes linear
//! time.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::text;

/// A generator of reproducible random numbers (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.next(letters.len())]).collect()
    }
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";

/// Returns the characters of a placeholder's alphabet, such as `A` in `{A36}`.
fn alphabet(letter: char) -> String {
    let upper = LOWER.to_uppercase();
    match letter {
        'A' => format!("{LOWER}{upper}{DIGITS}"),
        'U' => format!("{LOWER}{upper}{DIGITS}_-"),
        'B' => format!("{LOWER}{upper}{DIGITS}+/"),
        'K' => format!("{upper}{DIGITS}"),
        'H' => format!("{DIGITS}abcdef"),
        _ => DIGITS.to_owned(),
    }
}

/// Fills the placeholders of a template. Returns the text and the random parts.
fn fill(template: &str, random: &mut Random) -> (String, Vec<String>) {
    let placeholder = regex::Regex::new(r"\{([AUBKHN])(\d+)\}").unwrap();
    let mut parts = Vec::new();
    let text = placeholder.replace_all(template, |found: &regex::Captures<'_>| {
        let letter = found[1].chars().next().unwrap();
        let part = random.text(&alphabet(letter), found[2].parse().unwrap());
        parts.push(part.clone());
        part
    });
    // `\n` is a line break, and `\\` a backslash.
    (text.replace("\\\\", "\u{0}").replace("\\n", "\n").replace('\u{0}', "\\"), parts)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns a secret of each kind in `fixtures/secrets`: its text, and its parts that must not be shown.
pub(crate) fn one_secret_of_each_kind() -> Vec<(String, Vec<String>)> {
    let kinds = std::fs::read_to_string(root().join("fixtures/secrets/kinds.tsv")).unwrap();
    let mut random = Random(0x1234_5678_9ABC_DEF1);
    let templates = kinds.lines().map(|line| line.split_once('\t').unwrap().1);
    let all = templates.map(|template| fill(template, &mut random));
    all.map(|(text, parts)| (text, parts.into_iter().filter(|part| part.len() >= 8).collect()))
        .collect()
}

#[test]
fn secrets_of_every_kind_are_masked() {
    let kinds = std::fs::read_to_string(root().join("fixtures/secrets/kinds.tsv")).unwrap();
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut unmasked = Vec::new();
    let mut count = 0;
    for line in kinds.lines() {
        let (kind, template) = line.split_once('\t').unwrap();
        for _ in 0..20 {
            let (secret, parts) = fill(template, &mut random);
            let quoted = serde_json::Value::from(secret.clone()).to_string();
            let contexts = [
                secret.clone(),
                format!("2025-10-22T12:00:00Z INFO app: {secret}"),
                format!("{{\"level\":\"info\",\"msg\":{quoted}}}"),
                format!("[\"a\",{quoted}]"),
            ];
            for context in contexts {
                let masked = text(&context);
                count += 1;
                // Shorter parts occur by chance; each secret also has a longer part.
                if parts.iter().any(|part| part.len() >= 8 && masked.contains(part.as_str())) {
                    unmasked.push(format!("{kind}: {context}  =>  {masked}"));
                }
                let again = text(&masked);
                if again != masked {
                    unmasked.push(format!("{kind}, masked again: {masked}  =>  {again}"));
                }
            }
        }
    }
    assert!(count > 4000, "only {count} texts");
    unmasked.dedup_by_key(|text| text.split(':').next().map(str::to_owned));
    assert!(unmasked.is_empty(), "{} kinds: {unmasked:#?}", unmasked.len());
}

/// Returns the content of every text file below a folder.
fn texts(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let is_skipped = path.ends_with("secrets")
            || path.ends_with("node_modules")
            || path.ends_with("__pycache__");
        if path.is_dir() && !is_skipped {
            all.extend(texts(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            all.push(text);
        }
    }
    all
}

#[test]
fn lines_of_this_repository_are_hardly_ever_masked() {
    let folders = ["fixtures", "docs", "migrations", "runner/src", "harness/spanproof/src/trial"];
    let (mut lines, mut masked) = (0, Vec::new());
    for file in folders.iter().flat_map(|folder| texts(&root().join(folder))) {
        for line in file.lines() {
            lines += 1;
            if text(line) != line {
                masked.push(line.to_owned());
            }
        }
    }
    assert!(lines > 10_000, "only {lines} lines");
    println!("{} of {lines} lines: {masked:#?}", masked.len());
    assert!(masked.len() * 100 < lines, "{} of {lines}: {masked:#?}", masked.len());
}

#[test]
fn ids_hashes_images_and_names_are_not_masked() {
    let mut random = Random(77);
    let mut masked = Vec::new();
    let mut count = 0;
    for _ in 0..200 {
        let mut hex = |length| random.text(&alphabet('H'), length);
        let uuid = format!("{}-{}-4{}-a{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12));
        let (trace, span, sha1, sha256) = (hex(32), hex(16), hex(40), hex(64));
        let image = random.text(&alphabet('B'), 2000);
        let id = random.text(&alphabet('N'), 12);
        for line in [
            format!("trace_id={trace} span_id={span}"),
            format!("traceparent: 00-{trace}-{span}-01"),
            format!("{{\"trace_id\":\"{uuid}\",\"execution_id\":{id},\"sha256\":\"{sha256}\"}}"),
            format!("commit {sha1}"),
            format!("image app@sha256:{sha256}"),
            format!("etag: \"{sha1}\" idempotency-key: {uuid}"),
            format!("primary key={id}, key: {uuid}, cache_key={sha256}"),
            format!("data:image/png;base64,{image}"),
            format!("{{\"image\":\"{image}\",\"tokens\":{id}}}"),
            format!("GET /files/{sha256}?page=2&sort=name 200 {id} ms"),
            format!("session started at 2025-10-22T12:00:00.123456Z by worker-{id}"),
            format!(
                "com.example.app.SecurityTokenServiceImpl.authenticate(Token.java:{})",
                &id[..3]
            ),
            format!("authentication failed for user {uuid}"),
            format!("key=execution-{id} routing_key=jobs.region.us-east-1"),
            format!("s3://bucket/{sha1}/part-{id}.parquet"),
            format!("MAC 02:42:ac:11:00:02 version 1.2.3-alpha.{id}+{sha1}"),
        ] {
            count += 1;
            if text(&line) != line {
                masked.push(format!("{line}  =>  {}", text(&line)));
            }
        }
    }
    assert!(
        masked.is_empty(),
        "{} of {count}: {:#?}",
        masked.len(),
        &masked[..masked.len().min(8)]
    );
}

#[test]
fn masking_takes_linear_time() {
    let pieces = [
        "key=",
        "token=",
        "password: ",
        "token=a ",
        "a://b:",
        "basic ",
        "eyJ",
        "eyJhbGciOi.",
        "\"",
        "\\\"",
        "token=\"",
        "token=\\\"",
        "--token ",
        "'--token=",
        "ghp_",
        "sk-",
        "-----BEGIN PRIVATE KEY-----",
        "pass",
        "password '",
        "a_file=/",
        "token_file=/x",
        "cookie: ",
        "[",
        "{\"a\":",
        "key=abcABC123",
        "1//0",
        ":",
        "\n",
    ];
    for piece in pieces {
        // The shortest of several times, because other processes may use the CPU meanwhile.
        let time = |length: usize| {
            let line = piece.repeat(length / piece.len());
            let times = (0..3).map(|_| {
                let start = Instant::now();
                let _masked = text(&line);
                start.elapsed()
            });
            times.min().unwrap_or_default()
        };
        let (short, long) = (time(16 * 1024), time(64 * 1024));
        // With quadratic time, the long line would take 16 times as long. Short times are not exact.
        let limit = short * 9 + Duration::from_millis(60);
        assert!(long < limit, "{piece:?}: {short:?}, then {long:?} for four times the length");
    }
}
