//! Splits a Dockerfile into instructions.

/// An instruction, joined from its continuation lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The keyword in upper case.
    pub(super) keyword: String,
    /// The text after the keyword.
    pub(super) rest: String,
    pub(super) line: usize,
    /// The offset in `rest` at which each continuation line starts, and its line number.
    pub(super) starts: Vec<(usize, usize)>,
}

impl Instruction {
    /// Returns the line number of an offset in `rest`.
    pub(super) fn line_at(&self, offset: usize) -> usize {
        let before = self.starts.iter().rev().find(|(start, _)| *start <= offset);
        before.map_or(self.line, |(_, line)| *line)
    }
}

/// Returns the escape character: a backslash, unless the directive `# escape=` names a different one.
pub(super) fn escape_character(text: &str) -> char {
    for line in text.lines() {
        let Some(directive) = line.trim().strip_prefix('#') else { break };
        let Some((name, value)) = directive.split_once('=') else { break };
        if name.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}

/// Splits a Dockerfile into instructions, without the lines of here-documents (`<<EOF`).
pub(super) fn instructions(text: &str, escape: char) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    while let Some((number, first)) = lines.next() {
        if first.trim().is_empty() || first.trim_start().starts_with('#') {
            continue;
        }
        let (keyword, rest) = split_keyword(first.trim_start());
        let mut instruction = Instruction {
            keyword: keyword.to_uppercase(),
            rest: String::new(),
            line: number,
            starts: vec![(0, number)],
        };
        let mut part = rest.trim_start().to_owned();
        loop {
            // Two escape characters at the end stand for a literal one, which does not continue the line.
            let continued = part.trim_end().strip_suffix(escape);
            let Some(continued) = continued.filter(|text| !text.ends_with(escape)) else {
                instruction.rest.push_str(&part);
                break;
            };
            instruction.rest.push_str(continued);
            let is_comment =
                |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
            while lines.next_if(|(_, line)| is_comment(line)).is_some() {}
            let Some((number, next)) = lines.next() else { break };
            instruction.starts.push((instruction.rest.len(), number));
            next.clone_into(&mut part);
        }
        if matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for (end, strips) in here_documents(&instruction.rest) {
                let is_end = |line: &str| {
                    if strips { line.trim_start_matches('\t') == end } else { line == end }
                };
                for (_, line) in lines.by_ref() {
                    if is_end(line) {
                        break;
                    }
                }
            }
        }
        found.push(instruction);
    }
    found
}

fn split_keyword(line: &str) -> (&str, &str) {
    line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()))
}

/// Returns the delimiters of the here-documents of an instruction, and whether tabs before them are ignored.
fn here_documents(text: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("<<") {
        let before = &text[..at];
        let after = &text[at + 2..];
        let starts_word = before.trim_end_matches(|c: char| c.is_ascii_digit());
        if before.ends_with('<')
            || after.starts_with('<')
            || !(starts_word.is_empty() || starts_word.ends_with(char::is_whitespace))
        {
            continue;
        }
        let (strips, after) = match after.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let word: String =
            after.chars().take_while(|c| !c.is_whitespace() && !";|&>".contains(*c)).collect();
        let word = word.trim_matches(['"', '\'']).to_owned();
        if !word.is_empty() {
            found.push((word, strips));
        }
    }
    found
}
