//! Quoted texts in which a backslash keeps a quote inside.

/// Returns the position of the quote that closes a text, which begins with an opening one; `None` if none
/// does. A backslash after a backslash keeps nothing.
pub(crate) fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let closing = text.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    closing.map(|(position, _)| position)
}

/// Replaces each backslash and the character after it by what `meaning` returns for that character. Both
/// stay if it has none.
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
