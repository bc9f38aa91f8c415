//! Quoted strings in which a backslash escapes a quote.

/// Returns the offset of the closing quote of a string that starts with the opening quote; `None` if it is
/// unterminated. An escaped backslash escapes nothing.
pub(crate) fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let closing = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    closing.map(|(position, _)| position)
}

/// Replaces each backslash and the character after it with what `meaning` returns for that character. Both
/// stay if it returns `None`.
pub(crate) fn unescaped(text: &str, meaning: impl Fn(char) -> Option<&'static str>) -> String {
    let mut result = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            result.push(c);
            continue;
        }
        match characters.next() {
            None => result.push('\\'),
            Some(escaped) => match meaning(escaped) {
                Some(meaning) => result.push_str(meaning),
                None => result.extend(['\\', escaped]),
            },
        }
    }
    result
}
