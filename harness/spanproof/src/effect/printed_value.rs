//! Recognises the value of a flag in a line of output. A service may print a value and do nothing else
//! with it.

use crate::spec::Value;

/// The placeholder that replaces the value in a line.
pub(super) const MARK: &str = "[VALUE]";
/// Maximum number of characters between a name and its value.
const MAX_BETWEEN: usize = 5;
/// What programs print for a variable that is not set.
const ABSENT: [&str; 12] = [
    "<unset>",
    "(unset)",
    "unset",
    "<none>",
    "(none)",
    "none",
    "null",
    "nil",
    "undefined",
    "(empty)",
    "\"\"",
    "''",
];

/// Replaces the value of a flag after the flag's name in a line; `None` if the line does not contain the
/// name with the value after it. A text without the name before it may be something else than the value.
pub(super) fn without_value(line: &str, name: &str, value: &Value) -> Option<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut places = line.match_indices(name).filter(|(at, _)| {
        !line[..*at].chars().next_back().is_some_and(is_word)
            && !line[at + name.len()..].chars().next().is_some_and(is_word)
    });
    let text = value.text().unwrap_or_default();
    places.find_map(|(at, _)| {
        let after = at + name.len();
        let bare = text.trim().trim_matches(['"', '\'']);
        let set = [text, text.trim(), bare].into_iter().filter(|text| !text.is_empty());
        set.clone().find_map(|text| mark_value(line, after, text)).or_else(|| {
            let is_empty = text.trim().is_empty();
            is_empty.then(|| mark_absent(line, after))?
        })
    })
}

/// Replaces the value after a name with the mark.
fn mark_value(line: &str, after: usize, value: &str) -> Option<String> {
    let rest = &line[after..];
    let start = rest.find(value)?;
    let between = rest[..start].trim_start().trim_start_matches("is ");
    let is_separator = |c: char| "\"'`=:>([\\ ".contains(c);
    let end = &rest[start + value.len()..];
    let goes_on = end.chars().next().is_some_and(char::is_alphanumeric);
    if goes_on || between.len() > MAX_BETWEEN || !between.chars().all(is_separator) {
        return None;
    }
    let head = line[..after + start].trim_end_matches(['"', '\'', '\\']);
    // Whether there are quotes and blanks around a value may depend on the value, so they are removed.
    let end = end.trim_start_matches(['\\', '"', '\'']).trim_start_matches(' ');
    let blank = if end.starts_with(char::is_alphanumeric) { " " } else { "" };
    Some(format!("{head}{MARK}{blank}{end}").trim_end().to_owned())
}

/// Puts the mark after the name of a flag, where its value is missing.
fn mark_absent(line: &str, after: usize) -> Option<String> {
    let rest = line[after..].trim_start_matches(['"', '\'', '`']).trim_start();
    let separated = rest.strip_prefix(['=', ':']).map(str::trim_start);
    let rest = separated.unwrap_or(rest);
    let is_prefix =
        |word: &&&str| rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    let word = ABSENT.iter().find(is_prefix);
    let end = &rest[word.map_or(0, |word| word.len())..];
    let is_end = end.chars().next().is_none_or(|c| !c.is_alphanumeric());
    if !is_end || (word.is_none() && separated.is_none()) {
        return None;
    }
    let head = &line[..line.len() - rest.len()];
    let end = end.trim_start_matches(' ');
    let blank = if end.starts_with(char::is_alphanumeric) { " " } else { "" };
    Some(format!("{head}{MARK}{blank}{end}").trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::set("tracing on (TRACE=true)", Some("true"), Some("tracing on (TRACE=[VALUE])"))]
    #[case::quoted("TRACE=\"true \"", Some("true "), Some("TRACE=[VALUE]"))]
    #[case::quotes_in_quotes("TRACE=\"\\\"true\\\"\" x", Some("\"true\""), Some("TRACE=[VALUE] x"))]
    #[case::json("{\"TRACE\":\"true\"}", Some("true"), Some("{\"TRACE\":[VALUE]}"))]
    #[case::in_words("TRACE is true", Some("true"), Some("TRACE is [VALUE]"))]
    #[case::empty("tracing off (TRACE=)", Some(""), Some("tracing off (TRACE=[VALUE])"))]
    #[case::unset("tracing off (TRACE=)", None, Some("tracing off (TRACE=[VALUE])"))]
    #[case::none("TRACE: None", None, Some("TRACE: [VALUE]"))]
    #[case::empty_quotes("TRACE=\"\" x", Some(""), Some("TRACE=[VALUE] x"))]
    #[case::first_of_two("TRACE=true B=true", Some("true"), Some("TRACE=[VALUE] B=true"))]
    #[case::another_flag("B=true", Some("true"), None)]
    #[case::another_flag_after_it("TRACE is ignored, B=true", Some("true"), None)]
    #[case::no_name("level is verbose", Some("verbose"), None)]
    #[case::part_of_a_value("TRACE=trueish", Some("true"), None)]
    #[case::longer_name("TRACES=true", Some("true"), None)]
    #[case::text("TRACE off", None, None)]
    fn the_value_is_replaced_only_after_the_name_of_the_flag(
        #[case] line: &str,
        #[case] value: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let value = value.map_or(Value::Unset, |text| Value::Set(text.to_owned()));
        assert_eq!(without_value(line, "TRACE", &value).as_deref(), expected);
    }
}
