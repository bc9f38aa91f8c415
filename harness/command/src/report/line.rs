//! Lines of a terminal: without control characters, and no wider than the terminal.

use console::Alignment;

/// Returns the text with a space for each character that moves the cursor, ends the line or changes
/// the direction of writing.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if harmless(c) { c } else { ' ' }).collect()
}

fn harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the number of columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Returns the text, cut to at most `most` columns.
pub(super) fn cut(text: &str, most: usize) -> String {
    console::truncate_str(text, most, "…").into_owned()
}

/// Returns the text, cut or padded to exactly `exactly` columns.
pub(super) fn padded(text: &str, exactly: usize) -> String {
    console::pad_str(&cut(text, exactly), exactly, Alignment::Left, None).into_owned()
}

/// Splits a text after at most `most` columns.
fn split(text: &str, most: usize) -> (&str, &str) {
    text.split_at(console::truncate_str(text, most, "").len())
}

/// Returns pieces, two spaces apart, in lines of at most `most` columns, the first line and the rest
/// each with its indentation. A piece is broken only if it does not fit in a line of its own, which a crate
/// that wraps words does not know.
pub(super) fn wrapped(pieces: &[String], (first, rest): (usize, usize), most: usize) -> String {
    let mut lines = Lines { all: Vec::new(), line: " ".repeat(first), empty: true, rest, most };
    for piece in pieces {
        if width(piece) + rest <= most {
            lines.put("  ", piece);
        } else {
            let mut gap = "  ";
            for word in piece.split_whitespace() {
                lines.put(gap, word);
                gap = " ";
            }
        }
    }
    lines.all.push(lines.line);
    lines.all.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

struct Lines {
    all: Vec<String>,
    line: String,
    empty: bool,
    rest: usize,
    most: usize,
}

impl Lines {
    fn put(&mut self, gap: &str, word: &str) {
        let needed = width(&self.line) + width(word) + if self.empty { 0 } else { gap.len() };
        if needed > self.most && !self.empty {
            self.turn();
        } else if !self.empty {
            self.line.push_str(gap);
        }
        let mut word = word;
        loop {
            let room = self.most.saturating_sub(width(&self.line)).max(2);
            let (head, tail) = split(word, room);
            self.line.push_str(head);
            self.empty = false;
            if tail.is_empty() {
                break;
            }
            self.turn();
            word = tail;
        }
    }

    fn turn(&mut self) {
        let next = " ".repeat(self.rest);
        self.all.push(std::mem::replace(&mut self.line, next));
        self.empty = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_but_what_is_seen() {
        assert_eq!(plain("a\u{1b}[2J\nb\u{202e}c\u{9b}d\u{2028}e"), "a [2J b c d e");
        assert_eq!(plain("naïve 日本"), "naïve 日本");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((width("日本"), width("e\u{301}")), (4, 1));
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本", 4), "日本");
        assert_eq!(padded("日本語", 4), "日… ");
    }

    #[test]
    fn pieces_are_broken_only_where_they_must_be() {
        let pieces = ["one two", "three four", "a b c d e f g h i", "abcdefghijklmnop"];
        let pieces = pieces.map(str::to_owned);
        assert_eq!(
            wrapped(&pieces, (0, 2), 12),
            "one two\n  three four\n  a b c d e\n  f g h i\n  abcdefghij\n  klmnop\n"
        );
    }
}
