//! Numbers with nouns, such as `2 cases`.

/// Returns a number with its noun, in the plural unless the number is 1.
pub fn count(number: usize, noun: &str) -> String {
    let noun = match noun {
        _ if number == 1 => noun.to_owned(),
        _ if noun.ends_with('s') => format!("{noun}es"),
        _ => match noun.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{noun}s"),
        },
    };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_are_plural_unless_the_number_is_one() {
        for (number, noun, expected) in [
            (0, "case", "0 cases"),
            (1, "case", "1 case"),
            (2, "case", "2 cases"),
            (1, "process", "1 process"),
            (3, "process", "3 processes"),
            (2, "data directory", "2 data directories"),
        ] {
            assert_eq!(count(number, noun), expected);
        }
    }
}
