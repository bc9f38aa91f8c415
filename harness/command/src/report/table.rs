//! Aligned columns of plain text, without the borders, colours and wrapping of table crates.

use super::line::width;

/// Returns rows below a heading. Each column is as wide as its widest cell. Lines do not end with
/// spaces.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&heading).chain(rows).collect();
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| all.iter().map(|row| width(&row[column])).max().unwrap_or(0))
        .collect();
    let lines = all.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, columns)| {
            let padding = " ".repeat(columns - width(cell));
            format!("{cell}{padding}")
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "2→3".to_owned()]];
        assert_eq!(table(&["k", "v"], &rows), "k     v\na     1\nlong  2→3\n");
    }
}
