//! The nesting of brackets in TOML. The parser limits it, but not after the first error of a file: then it
//! calls itself once for each bracket until the stack overflows.

use toml_parser::Source;
use toml_parser::lexer::TokenKind;

/// Maximum number of brackets that are open at once. The parser accepts 80.
const MAX_OPEN: usize = 120;

/// Returns the offset of the first bracket that is nested too deeply for a parser; `None` if there is none.
/// A closing bracket that does not fit closes nothing, as for the parser.
pub fn deep_toml_bracket(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for token in Source::new(text).lex() {
        match token.kind() {
            kind @ (TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket) => open.push(kind),
            TokenKind::RightSquareBracket => {
                let _fitting = open.pop_if(|last| *last == TokenKind::LeftSquareBracket);
            }
            TokenKind::RightCurlyBracket => {
                let _fitting = open.pop_if(|last| *last == TokenKind::LeftCurlyBracket);
            }
            _ => {}
        }
        if open.len() > MAX_OPEN {
            return Some(token.span().start());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_counted_until_a_fitting_one_closes_them() {
        let [flat, deep] = [80, 1000].map(|depth| format!("a = {}", "[".repeat(depth)));
        assert_eq!(deep_toml_bracket(&flat), None);
        assert_eq!(deep_toml_bracket(&deep), Some(4 + MAX_OPEN));
        let after_error = "{}_\nv=[{e]]s[{".repeat(1000);
        assert!(deep_toml_bracket(&after_error).is_some());
        let many = "[[a]]\nb = ['[', \"[{\", { c = [1] }] # [{\n".repeat(1000);
        assert_eq!(deep_toml_bracket(&many), None);
    }
}
