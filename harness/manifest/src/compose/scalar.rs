//! Converts YAML values to strings as compose does.

use crate::node::{Node, Scalar};

/// Returns the string for a scalar; `None` for null, for other nodes, and for a number that compose may
/// format differently.
pub(super) fn text(node: &Node) -> Option<String> {
    match node.scalar()? {
        Scalar::Null => None,
        Scalar::Boolean(value) => Some(value.to_string()),
        Scalar::Text(text) => Some(text.to_owned()),
        Scalar::Number(text) => number(text),
    }
}

/// Formats a number as Go does.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace('_', "");
    let with_base =
        |prefix: &str, base| u64::from_str_radix(digits.strip_prefix(prefix)?, base).ok();
    let octal = || {
        let rest = digits.strip_prefix('0').filter(|rest| !rest.is_empty())?;
        u64::from_str_radix(rest, 8).ok()
    };
    let integer = with_base("0x", 16)
        .or_else(|| with_base("0o", 8))
        .or_else(|| with_base("0b", 2))
        .or_else(octal)
        .or_else(|| digits.parse::<u64>().ok());
    if let Some(integer) = integer {
        return Some(format!("{sign}{integer}"));
    }
    let float = digits.parse::<f64>().ok()?;
    // Go formats large and tiny numbers with an exponent.
    (float == 0.0 || (1e-4..1e15).contains(&float)).then(|| format!("{sign}{float}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Kind;

    #[test]
    fn numbers_and_booleans_are_normalised() {
        for (plain, expected) in [
            ("True", Some("true")),
            ("yes", Some("yes")),
            ("010", Some("8")),
            ("1.0", Some("1")),
            ("0x10", Some("16")),
            ("1_000", Some("1000")),
            ("1e3", Some("1000")),
            (".5", Some("0.5")),
            ("-1", Some("-1")),
            ("+1", Some("1")),
            ("0o17", Some("15")),
            ("~", None),
            ("1e30", None),
            ("08", Some("8")),
        ] {
            let node = Node::new(1, Kind::Scalar { text: plain.into(), plain: true });
            assert_eq!(text(&node).as_deref(), expected, "{plain}");
        }
    }
}
