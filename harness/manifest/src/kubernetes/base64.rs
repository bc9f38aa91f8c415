//! Decodes base64, the encoding of the values of a Secret.

/// Decodes base64. `None` if it is not valid.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::new();
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for position in 0..4 {
            let value = match group.get(position) {
                Some(byte) => digit(*byte)?,
                None => 0,
            };
            bits = bits << 6 | value;
        }
        let decoded = bits.to_be_bytes();
        bytes.extend(&decoded[1..group.len()]);
    }
    Some(bytes)
}

fn digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_base64_is_decoded() {
        for (text, expected) in [
            ("dHJ1ZQ==", Some("true")),
            ("dHJ1ZQo=", Some("true\n")),
            ("", Some("")),
            ("YWJj", Some("abc")),
            ("true", Some("\u{b6}\u{bb}\u{9e}")),
            ("dHJ1ZQ", None),
            ("a===", None),
            ("!!!!", None),
        ] {
            let decoded = decode(text)
                .map(|bytes| bytes.iter().map(|byte| char::from(*byte)).collect::<String>());
            assert_eq!(decoded.as_deref(), expected, "{text}");
        }
    }
}
