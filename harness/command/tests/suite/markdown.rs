//! Reads the fenced code blocks of Markdown pages.

use crate::repository::read;

/// A fenced code block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// `PAGE:LINE`: the path of the page below the root of the repository, and the line number of
    /// the opening fence.
    pub(crate) location: String,
    /// The text after the opening fence, such as `sh`.
    pub(crate) language: String,
    /// The lines between the fences.
    pub(crate) text: String,
}

/// Returns the blocks of a page in their order. `name` is relative to the root of the repository.
pub(crate) fn blocks(name: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (index, line) in read(name).lines().enumerate() {
        match line.strip_prefix("```") {
            Some("") => is_open = false,
            Some(language) => {
                assert!(!is_open, "{name}:{}: a block starts inside another block", index + 1);
                is_open = true;
                blocks.push(Block {
                    location: format!("{name}:{}", index + 1),
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            None if is_open => {
                let text = &mut blocks.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks
}
