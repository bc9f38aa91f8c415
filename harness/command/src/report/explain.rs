//! Explanations of codes, as text and as the reference in `docs/codes.md`. A code names a reason why a case
//! fails. Its stage is the stage of the funnel that units do not pass because of it; some codes are outside
//! the funnel.

use std::fmt::Write as _;

use spanproof_format::{Code, Stage};
use textwrap::{Options, WordSplitter};

/// The width of a line, in columns.
const WIDTH: usize = 96;

/// Returns the explanation of a code, as text.
pub fn explanation(code: Code) -> String {
    let mut text = format!("{code} ({})\n", stage_heading(code.stage()));
    for (heading, items) in headings(code) {
        let _infallible = writeln!(text, "\n{heading}");
        for item in items {
            text.push_str(&wrapped(&sentence(item)));
        }
    }
    text
}

/// Returns the list of codes with their meanings, by stage.
pub fn codes() -> String {
    let mut text = String::new();
    let mut stage = None;
    for code in Code::ALL {
        if stage != Some(code.stage()) {
            let blank = if stage.is_some() { "\n" } else { "" };
            let _infallible = writeln!(text, "{blank}{}", stage_heading(code.stage()));
            stage = Some(code.stage());
        }
        let _infallible = writeln!(text, "  {code:<28}{}", code.meaning());
    }
    text
}

/// Returns the explanations of all codes, as Markdown.
pub fn reference() -> String {
    let mut text =
        "# Codes\n\nOne section for each code, in the order of the funnel: the stages from a flag that \
         reaches the process to a complete trace. Codes outside the funnel come last. The witness is a \
         set of triggers that log each attempt to insert a span; `check --witness` adds it to each case. \
         This page is the output of `spanproof explain --markdown`.\n"
            .to_owned();
    for code in Code::ALL {
        let _infallible =
            write!(text, "\n## {code}\n\n*{}*\n", sentence(&stage_heading(code.stage())));
        for (heading, items) in headings(*code) {
            let _infallible = write!(text, "\n**{heading}**\n\n");
            for item in items {
                let _infallible = writeln!(text, "- {}", sentence(item));
            }
        }
    }
    text
}

fn headings(code: Code) -> Vec<(&'static str, Vec<&'static str>)> {
    let explanation = code.explanation();
    let mut headings = vec![
        ("Meaning", vec![code.meaning()]),
        ("Evidence for it", explanation.supports.to_vec()),
        ("Evidence against it", explanation.contradicts.to_vec()),
        ("Usual causes", explanation.causes.to_vec()),
        ("What to do", vec![code.remedy()]),
    ];
    if let Some(experiment) = explanation.experiment {
        headings.insert(4, ("Deciding experiment", vec![experiment]));
    }
    headings
}

/// Capitalises the first letter and adds a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Wraps a list item to [`WIDTH`] columns.
fn wrapped(item: &str) -> String {
    let options = Options::new(WIDTH).initial_indent("  - ").subsequent_indent("    ");
    // Codes are copied, so they are not split at hyphens.
    let options = options.word_splitter(WordSplitter::NoHyphenation).break_words(false);
    format!("{}\n", textwrap::fill(item, options))
}

/// Returns the number, name and meaning of a stage.
fn stage_heading(stage: Stage) -> String {
    match stage.number() {
        Some(number) => format!("stage {number}, {}", stage.meaning()),
        None => format!("outside the funnel: {}", stage.meaning()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_item_is_wrapped_and_indented() {
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.starts_with("  - word") && text.contains("\n    word"), "{text}");
    }

    #[test]
    fn codes_are_not_split_at_line_ends() {
        let text = wrapped(&"a `silently-discarded` span or ".repeat(20));
        assert!(!text.lines().any(|line| line.ends_with('-')), "{text}");
        for code in Code::ALL {
            let text = explanation(*code);
            assert!(!text.lines().any(|line| line.ends_with('-')), "{text}");
        }
    }

    #[test]
    fn every_code_is_listed_and_explained() {
        let (listed, reference) = (codes(), reference());
        for code in Code::ALL {
            assert!(listed.contains(&format!("  {code} ")), "{code}");
            assert!(reference.contains(&format!("\n## {code}\n")), "{code}");
        }
    }
}
