//! Finds private keys in PEM, in a whole text or line by line.

use super::MASK;
use super::text::Found;

/// The start of the line before a key. That line ends with `PRIVATE KEY-----` or `PRIVATE KEY BLOCK-----`.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END";
/// Maximum length of the label of a key in its `BEGIN` line, in bytes.
const MAX_NAME: usize = 60;
/// Length of a full line of a key, in bytes.
const LINE: usize = 64;
/// Maximum number of lines of a key. Most private keys have at most about 100.
const MAX_LINES: usize = 200;
/// Minimum length of a word that is masked inside a key.
const MIN_WORD: usize = 16;

/// Returns the private keys in a text. A single line of a key is recognised by its length and characters.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let is_inside = all.last().is_some_and(|found| at < found.range.end);
        let Some(start) = key_start(text, at).filter(|_| !is_inside) else { continue };
        let end = text[start..].find(END).map_or(text.len(), |end| start + end);
        if start < end && !text[start..end].trim().is_empty() && text[start..end] != *MASK {
            all.push((start..end).into());
        }
    }
    let line = text.trim();
    if all.is_empty() && is_key_line(line) {
        let start = text.len() - text.trim_start().len();
        all.push((start..start + line.len()).into());
    }
    all
}

/// Returns where the key after this `BEGIN` starts; `None` if it is not a private key.
fn key_start(text: &str, begin: usize) -> Option<usize> {
    let start = begin + BEGIN.len();
    let name = &text[start..text.floor_char_boundary(start + MAX_NAME)];
    let end = name.find("-----")?;
    let is_private = name[..end].contains("PRIVATE KEY");
    is_private.then_some(start + end + "-----".len())
}

/// Whether a line has the length of a line of a key, and contains letters of both cases and digits. A
/// hexadecimal hash does not contain letters of both cases.
fn is_key_line(line: &str) -> bool {
    let has = |test: fn(&u8) -> bool| line.bytes().any(|byte| test(&byte));
    line.len() == LINE
        && is_base64(line)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
}

fn is_base64(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

/// Masks the lines of private keys in a sequence of lines.
#[derive(Debug, Clone, Default)]
pub(crate) struct PemLines {
    /// The maximum number of further lines in the current key; 0 outside a key.
    left: usize,
}

impl PemLines {
    /// Masks a line of a key; other lines stay as they are.
    pub(crate) fn mask(&mut self, line: &mut String) {
        let begin = line.find(BEGIN).and_then(|at| key_start(line, at));
        if let Some(start) = begin {
            self.left = if line[start..].contains(END) { 0 } else { MAX_LINES };
            return;
        }
        if self.left == 0 {
            return;
        }
        self.left = if line.contains(END) { 0 } else { self.left - 1 };
        let Some(word) = line.split_whitespace().next_back() else { return };
        if is_base64(word) && (word.len() >= MIN_WORD || word.ends_with('=')) {
            *line = line.replace(word, MASK);
        }
    }
}
