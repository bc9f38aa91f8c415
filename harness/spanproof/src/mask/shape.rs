//! Finds secrets by the syntax before them: `Bearer …`, `Cookie: …`, `-u user:…`.

use std::sync::LazyLock;

use regex::Regex;

use super::name::is_harmless;
use super::text::{Found, without_overlaps};

/// The patterns. Each ends with the group `value`, the secret.
static SHAPES: LazyLock<Vec<Regex>> =
    LazyLock::new(|| SHAPE_TEXTS.iter().filter_map(|shape| Regex::new(shape).ok()).collect());

const SHAPE_TEXTS: [&str; 3] = [
    // A whole cookie header.
    r#"(?i)\b(?:set-)?cookie\s*[:=]\s*(?P<value>[^\s"'][^\r\n"]*)"#,
    // `Bearer …` and `Basic …`.
    r"(?i)\b(?:bearer|basic)\s+(?P<value>[A-Za-z0-9._~+/=-]{8,})",
    // `curl -u user:password`.
    r#"(?:\s-u|--user)(?:\s+|=)["']?[^\s:"']+:(?P<value>[^\s"']{4,})"#,
];

/// Returns the secrets in a text.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for shape in SHAPES.iter() {
        for captures in shape.captures_iter(text) {
            let Some(value) = captures.name("value") else { continue };
            // A lower-case word after `bearer` or `basic` is prose, not a token.
            let is_prose = value.as_str().bytes().all(|byte| byte.is_ascii_lowercase());
            let has_colon =
                captures.get(0).is_some_and(|whole| whole.as_str().contains([':', '=']));
            if !is_harmless(value.as_str()) && (has_colon || !is_prose) {
                all.push(value.range().into());
            }
        }
    }
    without_overlaps(all)
}
