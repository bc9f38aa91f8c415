//! Damages a file: bytes, words, lines, and values of JSON. The same random numbers cause the same damage.

use serde_json::{Value as Json, json};

/// Maximum length of a damaged file, in bytes.
pub(super) const MAX_BYTES: usize = 96 * 1024;

/// Strings that can break a parser: numbers at their limits, brackets, quotes, characters with a meaning in
/// one of the formats, bytes that are not text.
const TOKENS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"1e308",
    b"NaN",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"1_000",
    b"18446744073709551616",
    b"0x7f",
    b"1970-01-01T00:00:00Z",
    b"+262142-12-31T23:59:59Z",
    b"24:00:60",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"[[",
    b"]]",
    b"{{",
    b"${",
    b"${A:-${B}}",
    b"$(",
    b"`",
    b"<",
    b">",
    b"\"",
    b"'",
    b"\"\"\"",
    b"'''",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\x",
    b"#",
    b"//",
    b"--",
    b"/*",
    b"*/",
    b"$$",
    b"$_$",
    b";",
    b"\\.",
    b"\\N",
    b"\\connect x\n",
    b"*",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!",
    b"|",
    b">-",
    b": ",
    b"- ",
    b"? ",
    b"---\n",
    b"...\n",
    b"=",
    b"==",
    b".",
    b"..",
    b"/",
    b"%",
    b"%00",
    b"@",
    b"^",
    b"(?",
    b"+",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b" ",
    b"\0",
    b"\x0c",
    b"\x1b[31m",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    "\u{feff}".as_bytes(),
    "\u{2028}".as_bytes(),
    "\u{202e}".as_bytes(),
    "é".as_bytes(),
    "𝄞".as_bytes(),
    "a\u{301}".as_bytes(),
    b"null",
    b"true",
    b"~",
];

/// Opening and closing brackets of the formats, which are inserted nested many times.
const BRACKETS: &[(&str, &str)] = &[
    ("{", "}"),
    ("[", "]"),
    ("(", ")"),
    ("{a: ", "}"),
    ("- ", ""),
    ("? ", ""),
    ("&a [", "]"),
    ("{[", "]}"),
    ("${A:-", "}"),
    ("$(", ")"),
    ("{\"a\":", "}"),
    ("'", "'"),
    ("/*", "*/"),
    ("(a|", ")*"),
];

/// A generator of random numbers (splitmix64), so that a seed gives the same inputs on every machine.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Creates the generator for one input of a run.
    pub(super) fn new(seed: u64, input: u64) -> Self {
        let mut random = Self(seed ^ input.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; 0 if `end` is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn token(&mut self) -> &'static [u8] {
        TOKENS[self.below(TOKENS.len())]
    }

    /// Returns a range of at most `limit` bytes in a file of `length` bytes.
    fn range(&mut self, length: usize, limit: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let end = (start + 1 + self.below(limit)).min(length);
        start..end.max(start)
    }
}

/// Returns a damaged copy of `bytes`. `others` are files of the same kind, from which parts are taken.
pub(super) fn damaged(bytes: &[u8], others: &[&Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        if random.below(3) > 0 && damage_json(&mut bytes, random) {
            continue;
        }
        damage(&mut bytes, others, random);
        bytes.truncate(MAX_BYTES);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, others: &[&Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    match random.below(12) {
        0 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
        1 => insert(bytes, at, random.token()),
        2 => drop(bytes.drain(random.range(bytes.len(), 12))),
        3 => drop(bytes.drain(random.range(bytes.len(), 2000))),
        4 => {
            let part = bytes[random.range(bytes.len(), 200)].repeat(1 + random.below(400));
            insert(bytes, at, &part);
        }
        5 => bytes.truncate(at),
        6 => {
            let other = random.pick(others);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        7 => {
            // Nests deeply, or makes a long word.
            let token = random.token().repeat(1 << random.below(16));
            insert(bytes, at, &token);
        }
        10 => {
            let (open, close) = random.pick(BRACKETS);
            let depth = 1 << random.below(14);
            let between = if random.below(2) == 0 { "" } else { "a" };
            let text = open.repeat(depth) + between + &close.repeat(depth);
            insert(bytes, at, text.as_bytes());
        }
        8 => {
            let word = word_at(bytes, at);
            let other = random.pick(others);
            let new = other[word_at(other, random.below(other.len() + 1))].to_vec();
            drop(bytes.splice(word, new));
        }
        9 => {
            let word = word_at(bytes, at);
            drop(bytes.splice(word, random.token().iter().copied()));
        }
        _ => {
            let other = random.pick(others);
            let line = other[line_at(other, random.below(other.len() + 1))].to_vec();
            let start = line_at(bytes, at).start;
            insert(bytes, start, &line.repeat(1 + random.below(3)));
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    drop(bytes.splice(at..at, part.iter().copied()));
}

/// Returns the word around a position.
fn word_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let end = at + bytes[at..].iter().take_while(|byte| is_part(byte)).count();
    let start = at - bytes[..at].iter().rev().take_while(|byte| is_part(byte)).count();
    start..end
}

/// Returns the line around a position, including its newline.
fn line_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let end =
        bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end + 1);
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |start| start + 1);
    start..end
}

/// Changes a value of the JSON in a file, or in one of its lines. Returns `false` if there is none.
fn damage_json(bytes: &mut Vec<u8>, random: &mut Random) -> bool {
    let whole = 0..bytes.len();
    let place = if bytes.first() != Some(&b'{') {
        return false;
    } else if serde_json::from_slice::<Json>(bytes).is_ok() {
        whole
    } else {
        line_at(bytes, random.below(bytes.len()))
    };
    let Ok(mut value) = serde_json::from_slice::<Json>(&bytes[place.clone()]) else { return false };
    let mut left = random.below(count(&value));
    let source = nth(&value, &mut random.below(count(&value))).cloned().unwrap_or_default();
    change(&mut value, &mut left, &mut |value| replace(value, &source, random));
    let mut text = serde_json::to_vec(&value).unwrap();
    text.push(b'\n');
    drop(bytes.splice(place, text));
    true
}

/// Replaces a value of JSON; `source` is another value of the file.
fn replace(value: &mut Json, source: &Json, random: &mut Random) {
    match (random.below(6), &mut *value) {
        (0, _) => *value = source.clone(),
        (1, Json::Array(items)) if !items.is_empty() => {
            let item = items[random.below(items.len())].clone();
            items.extend(std::iter::repeat_n(item, random.below(300)));
        }
        (2, Json::Array(items)) if !items.is_empty() => {
            drop(items.remove(random.below(items.len())));
        }
        (1 | 2, Json::Object(fields)) if !fields.is_empty() => {
            let key = fields.keys().nth(random.below(fields.len())).cloned().unwrap_or_default();
            let removed = fields.remove(&key);
            if random.below(2) == 0 {
                fields.insert(format!("{key}x"), removed.unwrap_or_default());
            }
        }
        (3, Json::String(text)) => {
            let token = String::from_utf8_lossy(random.token()).repeat(1 + random.below(50));
            let at =
                text.char_indices().map(|(at, _)| at).nth(random.below(text.len())).unwrap_or(0);
            text.insert_str(at, &token);
        }
        _ => {
            *value = random
                .pick(&[
                    json!(null),
                    json!(true),
                    json!(0),
                    json!(-1),
                    json!(1e308),
                    json!(-0.0),
                    json!(i64::MIN),
                    json!(u64::MAX),
                    json!(""),
                    json!("0"),
                    json!("NaN"),
                    json!("é\u{0}\u{1b}[2J"),
                    json!([]),
                    json!({}),
                    json!([[[[]]]]),
                    json!({ "a": { "b": [] } }),
                    json!("1970-01-01T00:00:00Z"),
                    json!("+262142-12-31T23:59:59Z"),
                ])
                .clone();
        }
    }
}

/// Returns the number of values in a value, including the value itself.
fn count(value: &Json) -> usize {
    match value {
        Json::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Json::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Returns the value at the index `left`, in the order in which [`count`] counts; `None` if there are fewer
/// values.
fn nth<'a>(value: &'a Json, left: &mut usize) -> Option<&'a Json> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Json::Array(items) => items.iter().find_map(|item| nth(item, left)),
        Json::Object(fields) => fields.values().find_map(|item| nth(item, left)),
        _ => None,
    }
}

/// Calls `new` with the value at the index `left`. Returns `false` if there are fewer values.
fn change(value: &mut Json, left: &mut usize, new: &mut dyn FnMut(&mut Json)) -> bool {
    if *left == 0 {
        new(value);
        return true;
    }
    *left -= 1;
    match value {
        Json::Array(items) => items.iter_mut().any(|item| change(item, left, new)),
        Json::Object(fields) => fields.values_mut().any(|item| change(item, left, new)),
        _ => false,
    }
}

#[test]
fn the_same_numbers_cause_the_same_damage() {
    let files = [b"a = 1\n".to_vec(), b"{\"a\": [1, 2]}\n".to_vec()];
    let others: Vec<_> = files.iter().collect();
    let make = |input| damaged(&files[1], &others, &mut Random::new(7, input));
    let all: Vec<_> = (0..50).map(make).collect();
    assert_eq!(all, (0..50).map(make).collect::<Vec<_>>());
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert!(different.len() > 30, "{}", different.len());
}
