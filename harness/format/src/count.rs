//! Numbers with nouns for the texts of findings and reports, such as `2 cases`.

use std::fmt::Display;

/// Returns a number with its noun, in the plural unless the number is 1.
///
/// ```
/// assert_eq!(spanproof_format::count(2, "query"), "2 queries");
/// ```
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with('s') => format!("{noun}es"),
        None => format!("{noun}s"),
    };
    count_phrase(number, noun, &plural)
}

/// Returns a number with the noun and the verb that fit it.
///
/// ```
/// assert_eq!(spanproof_format::count_phrase(1, "unit was", "units were"), "1 unit was");
/// ```
pub fn count_phrase<N: Copy + Display + PartialEq + From<u8>>(
    number: N,
    singular: &str,
    plural: &str,
) -> String {
    format!("{number} {}", if number == N::from(1) { singular } else { plural })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_are_plural_unless_the_number_is_one() {
        assert_eq!(count(0_usize, "row"), "0 rows");
        assert_eq!(count(1_u64, "row"), "1 row");
        assert_eq!(count(2_i64, "row"), "2 rows");
        assert_eq!(count(3_usize, "process"), "3 processes");
        assert_eq!(count(2_usize, "query"), "2 queries");
    }
}
