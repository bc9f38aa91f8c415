//! Objects as languages print them: the `repr` of a dictionary in Python, `util.inspect` in Node.js. They
//! look like JSON with different quotes, unquoted keys, and values that JSON does not have, such as calls.

use serde_json::{Map, Value as Json};

/// Maximum nesting depth of objects.
const MAX_DEPTH: usize = 8;

/// Parses a whole text as an object; `None` if it is not an object, or has more text after the object.
pub(super) fn object_literal(text: &str) -> Option<Map<String, Json>> {
    let (object, rest) = object(text.trim_start(), MAX_DEPTH)?;
    rest.trim().is_empty().then_some(object)
}

/// Parses the object at the start of a text. Returns the object and the rest of the text. `depth` is how deep
/// its values may be nested; a deeper object becomes null.
fn object(text: &str, depth: usize) -> Option<(Map<String, Json>, &str)> {
    let mut rest = text.strip_prefix('{')?.trim_start();
    let mut fields = Map::new();
    while !rest.starts_with('}') {
        let (key, after) = key(rest)?;
        let (value, after) = value(after.trim_start().strip_prefix(':')?.trim_start(), depth)?;
        fields.insert(key, value);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None => after,
        };
        if after.len() == rest.len() && !rest.starts_with('}') {
            return None;
        }
    }
    Some((fields, &rest[1..]))
}

fn key(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = quoted(text) {
        return Some(quoted);
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')?;
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// Parses the value at the start of a text. Returns the value and the rest of the text. Anything except a
/// string, number, time or object, such as a list or a call, becomes null.
fn value(text: &str, depth: usize) -> Option<(Json, &str)> {
    if text.starts_with('{') {
        return match depth.checked_sub(1).and_then(|depth| object(text, depth)) {
            Some((fields, rest)) => Some((Json::Object(fields), rest)),
            None => Some((Json::Null, after_value(text)?)),
        };
    }
    if let Some((mut whole, mut rest)) = quoted(text) {
        // Node.js splits a long string: `'a' +\n 'b'`.
        while let Some((more, after)) =
            rest.trim_start().strip_prefix('+').and_then(|next| quoted(next.trim_start()))
        {
            whole.push_str(&more);
            rest = after;
        }
        return Some((Json::String(whole), rest));
    }
    let rest = after_value(text)?;
    let bare = text[..text.len() - rest.len()].trim_end();
    let is_word = bare.chars().all(|c| c.is_ascii_alphanumeric() || ".:+-".contains(c));
    let is_value = is_word && bare.starts_with(|c: char| c.is_ascii_digit());
    Some((if is_value { Json::String(bare.to_owned()) } else { Json::Null }, rest))
}

/// Returns the text from the comma or closing bracket after a value.
fn after_value(text: &str) -> Option<&str> {
    let mut open = 0_usize;
    let mut rest = text;
    loop {
        match rest.chars().next()? {
            '\'' | '"' | '`' => {
                rest = quoted(rest)?.1;
                continue;
            }
            ',' | '}' | ']' | ')' if open == 0 => return Some(rest),
            '{' | '[' | '(' => open += 1,
            '}' | ']' | ')' => open -= 1,
            _ => {}
        }
        rest = &rest[rest.chars().next()?.len_utf8()..];
    }
}

/// Parses the quoted string at the start of a text. Returns the string and the rest of the text.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| "'\"`".contains(*c))?;
    let mut found = String::new();
    let mut chars = text[1..].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()?.1 {
                'n' => found.push('\n'),
                't' => found.push('\t'),
                'r' => found.push('\r'),
                'x' => found.push(code(&mut chars, 2)?),
                'u' => found.push(code(&mut chars, 4)?),
                'U' => found.push(code(&mut chars, 8)?),
                other => found.push(other),
            },
            c if c == quote => return Some((found, &text[at + 2..])),
            c => found.push(c),
        }
    }
    None
}

/// Parses a character from its code in hexadecimal digits.
fn code(chars: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let code = chars.take(digits).try_fold(0, |sum: u32, (_, c)| Some(sum * 16 + c.to_digit(16)?));
    char::from_u32(code?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_python_and_node_are_read() {
        for (text, expected) in [
            ("{'msg': \"it's\", 'n': 1, 'at': datetime.datetime(2025, 10, 22), 'x': None}", "it's"),
            ("{ msg: 'a\\'b', ctx: { job: 1, list: [ 1, 2 ] } }", "a'b"),
            ("{ time: 2025-10-22T12:00:01.020Z, msg: 'a ' + 'b' }", "a b"),
            ("{'a': {'b': {}}, 'msg': '\\u2705 \\x41, }'}", "✅ A, }"),
            ("{ a: [Function: x], b: <ref *1> [Circular], msg: `'\"`, }", "'\""),
        ] {
            let found = object_literal(text).unwrap_or_default();
            assert_eq!(found.get("msg"), Some(&Json::String(expected.to_owned())), "{text}");
        }
        for text in ["", "{", "{a}", "{'a': 'b'", "{'a': 'b'} and more", "{not json", "{a: b"] {
            assert_eq!(object_literal(text), None, "{text}");
        }
    }
}
