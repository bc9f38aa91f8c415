//! Lines of text that fit a terminal and have no control characters.

use console::Alignment;

/// Replaces characters that move the cursor, end the line or change the writing direction with
/// spaces.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect()
}

fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the width of `text` in columns.
pub(super) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// Truncates `text` to `columns` columns.
pub(super) fn truncate(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

/// Truncates or pads `text` to exactly `columns` columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    console::pad_str(&truncate(text, columns), columns, Alignment::Left, None).into_owned()
}

/// Splits `text` after at most `columns` columns.
fn split(text: &str, columns: usize) -> (&str, &str) {
    text.split_at(console::truncate_str(text, columns, "").len())
}

/// Joins pieces with two spaces and wraps them to lines of at most `columns` columns. `first` and
/// `rest` are the indents of the first line and of all other lines. Breaks a piece only if the
/// piece does not fit in one line; crates that wrap text break lines at every space.
pub(super) fn wrap(pieces: &[String], (first, rest): (usize, usize), columns: usize) -> String {
    let line = " ".repeat(first);
    let mut lines = Lines { finished: Vec::new(), line, is_empty: true, indent: rest, columns };
    for piece in pieces {
        if width(piece) + rest <= columns {
            lines.push("  ", piece);
        } else {
            let mut separator = "  ";
            for word in piece.split_whitespace() {
                lines.push(separator, word);
                separator = " ";
            }
        }
    }
    lines.finished.push(lines.line);
    lines.finished.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The lines that [`wrap`] has finished, and the current line.
struct Lines {
    finished: Vec<String>,
    /// The current line.
    line: String,
    /// Whether the current line has only its indent.
    is_empty: bool,
    indent: usize,
    columns: usize,
}

impl Lines {
    fn push(&mut self, separator: &str, word: &str) {
        if !self.is_empty {
            let needed = width(&self.line) + separator.len() + width(word);
            if needed > self.columns {
                self.start_line();
            } else {
                self.line.push_str(separator);
            }
        }
        let mut word = word;
        loop {
            let room = self.columns.saturating_sub(width(&self.line)).max(2);
            let (head, tail) = split(word, room);
            self.line.push_str(head);
            self.is_empty = false;
            if tail.is_empty() {
                break;
            }
            self.start_line();
            word = tail;
        }
    }

    fn start_line(&mut self) {
        let indent = " ".repeat(self.indent);
        self.finished.push(std::mem::replace(&mut self.line, indent));
        self.is_empty = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(plain("a\u{1b}[2J\nb\u{202e}c\u{9b}d\u{2028}e"), "a [2J b c d e");
        assert_eq!(plain("naïve 日本"), "naïve 日本");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!((width("日本"), width("e\u{301}")), (4, 1));
        assert_eq!(truncate("日本語", 4), "日…");
        assert_eq!(truncate("日本", 4), "日本");
        assert_eq!(pad("日本語", 4), "日… ");
    }

    #[test]
    fn only_pieces_wider_than_a_line_are_broken() {
        let pieces = ["one two", "three four", "a b c d e f g h i", "abcdefghijklmnop"];
        let pieces = pieces.map(str::to_owned);
        assert_eq!(
            wrap(&pieces, (0, 2), 12),
            "one two\n  three four\n  a b c d e\n  f g h i\n  abcdefghij\n  klmnop\n"
        );
    }
}
