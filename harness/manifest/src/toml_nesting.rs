//! The nesting depth of brackets in TOML. The parser limits the depth only up to the first error in a file.
//! After that, it recurses once for each bracket until the stack overflows.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Maximum nesting depth. It is larger than the parser's own limit of 80, so that the parser reports most
/// files that are nested too deeply.
const MAX_DEPTH: usize = 120;

/// Returns the offset of the first bracket that is nested too deeply for the parser; `None` if there is none.
/// As in the parser, a closing bracket that does not match the last open one closes nothing.
pub fn deep_toml_bracket(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for token in Source::new(text).lex() {
        match token.kind() {
            kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => open.push(kind),
            TokenKind::RightSquareBracket => {
                let _matching = open.pop_if(|last| *last == TokenKind::LeftSquareBracket);
            }
            TokenKind::RightCurlyBracket => {
                let _matching = open.pop_if(|last| *last == TokenKind::LeftCurlyBracket);
            }
            _ => {}
        }
        if open.len() > MAX_DEPTH {
            return Some(token.span().start());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_that_are_still_open_count() {
        let [flat, deep] = [80, 1000].map(|depth| format!("a = {}", "[".repeat(depth)));
        assert_eq!(deep_toml_bracket(&flat), None);
        assert_eq!(deep_toml_bracket(&deep), Some(4 + MAX_DEPTH));
        let after_error = "{}_\nv=[{e]]s[{".repeat(1000);
        assert!(deep_toml_bracket(&after_error).is_some());
        let many = "[[a]]\nb = ['[', \"[{\", { c = [1] }] # [{\n".repeat(1000);
        assert_eq!(deep_toml_bracket(&many), None);
    }
}
